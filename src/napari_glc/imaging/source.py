"""Arrays larger than memory as planes of 8 bits, read block by block.

::

    numpy, memory map, dask, Zarr, or a list of levels --ArraySource--> PlaneView[rows, columns] -> (h, w, 3) uint8
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.caching import ByteCache
from ..errors import OptionError, UnsupportedArrayError
from .layout import PACKED, Layout
from .ranges import RangeRule, explicit_ranges, found_range
from .scaling import to_bytes

__all__ = ["ArraySource", "Blocked", "PlaneView"]

_WALK = 2048
_KEPT_BYTES = 1 << 28
"""Of the chunks of an array read last."""


class Blocked:
    """Reads rectangles of an array that is stored or computed in chunks, each chunk once.

    Parameters
    ----------
    array
        Anything with ``shape``, ``dtype`` and slicing; chunks are those of its ``chunks``, if it has any.
    """

    def __init__(self, array: Any) -> None:
        self.array = array
        self._kept: ByteCache[tuple[int, ...], NDArray[Any]] = ByteCache(_KEPT_BYTES)
        self._borders = None if isinstance(array, np.ndarray) else _borders(array)

    def __getitem__(self, index: tuple[slice | int, ...]) -> NDArray[Any]:
        """Samples at integers and slices of step 1, one for each dimension."""
        if self._borders is None:
            return np.asarray(self.array[index])
        bounds = [(i, i + 1) if isinstance(i, int) else (i.start, i.stop) for i in index]
        out = np.empty([b - a for a, b in bounds], self.array.dtype)
        ranges = [
            range(max(0, int(np.searchsorted(edges, a, "right")) - 1), int(np.searchsorted(edges, b, "left")))
            for edges, (a, b) in zip(self._borders, bounds, strict=True)
        ]
        for chunk in itertools.product(*ranges):
            start = [edges[c] for edges, c in zip(self._borders, chunk, strict=True)]
            stop = [edges[c + 1] for edges, c in zip(self._borders, chunk, strict=True)]
            shared = [(max(a, s), min(b, e)) for (a, b), s, e in zip(bounds, start, stop, strict=True)]
            part = self._chunk(chunk)[tuple(slice(a - s, b - s) for (a, b), s in zip(shared, start, strict=True))]
            out[tuple(slice(a - o, b - o) for (a, b), (o, _) in zip(shared, bounds, strict=True))] = part
        return out[tuple(0 if isinstance(i, int) else slice(None) for i in index)]

    def _chunk(self, chunk: tuple[int, ...]) -> NDArray[Any]:
        kept = self._kept.get(chunk)
        if kept is not None:
            return kept
        assert self._borders is not None
        where = tuple(slice(int(e[c]), int(e[c + 1])) for e, c in zip(self._borders, chunk, strict=True))
        data = np.asarray(self.array[where])
        self._kept[chunk] = data
        return data


def _borders(array: Any) -> list[list[int]] | None:
    chunks = getattr(array, "chunks", None)
    if chunks is None or len(chunks) != len(array.shape):
        return None
    borders = []
    for length, sizes in zip(array.shape, chunks, strict=True):
        if isinstance(sizes, (int, np.integer)):
            borders.append([*range(0, length, int(sizes)), length])
        else:
            borders.append([0, *(int(n) for n in np.cumsum(sizes))])
    return borders


class ArraySource:
    """An array and how it becomes planes.

    Parameters
    ----------
    levels
        The array, and reductions of it if there are any at hand; those that do not halve rows and columns, rounded
        up, are left out.
    layout
        Of the array.
    """

    def __init__(self, levels: Sequence[Any], layout: Layout) -> None:
        self.layout = layout
        self.levels = [Blocked(levels[0])]
        for finer, coarser in itertools.pairwise(levels):
            if not _halved(finer.shape, coarser.shape, layout):
                break
            self.levels.append(Blocked(coarser))

    def samples(self, place: tuple[int, ...], rows: slice, columns: slice, level: int = 0) -> NDArray[Any]:
        """Samples ``(h, w)`` or ``(h, w, S)`` of a leading index."""
        layout = self.layout
        where = dict(zip(layout.leading_axes, place, strict=True))
        index = tuple(
            rows if a == "Y" else columns if a == "X" else slice(0, layout.samples) if a == "S" else where[a]
            for a in layout.axes
        )
        found = self.levels[level][index]
        rest = [a for a in layout.axes if a in "YXS"]
        return found.transpose([rest.index(a) for a in "YXS" if a in rest])

    def with_ranges(self, rule: RangeRule, scope: str) -> ArraySource:
        """The same source, its ranges found.

        Parameters
        ----------
        rule
            See :data:`~napari_glc.imaging.ranges.RangeRule`.
        scope
            ``"channel"``: a range for each channel, or for all if there are none; ``"plane"``: for each leading index.
        """
        from dataclasses import replace

        layout = self.layout
        given = explicit_ranges(rule)
        if scope not in ("channel", "plane"):
            raise OptionError(f"a range is for each 'channel' or 'plane', not {scope!r}")
        if given is not None:
            if len(given) not in (1, layout.size("C")):
                raise OptionError(f"{len(given)} ranges do not fit {layout.size('C')} channels")
            return self._ranged(replace(layout, ranges=tuple(given)))
        assert isinstance(rule, str)
        if layout.dtype == "uint8" and rule == "dtype":
            return self
        places = list(itertools.product(*map(range, layout.leading)))
        if scope == "plane":
            groups = [[place] for place in places]
        elif "C" in layout.leading_axes:
            c = layout.leading_axes.index("C")
            groups = [[place for place in places if place[c] == channel] for channel in range(layout.size("C"))]
        else:
            groups = [places]
        ranges = [found_range(lambda g=group: self._blocks(g), layout.dtype, rule) for group in groups]  # type: ignore[misc]
        return self._ranged(replace(layout, ranges=tuple(ranges)))

    def _ranged(self, layout: Layout) -> ArraySource:
        return ArraySource([level.array for level in self.levels], layout)

    def _blocks(self, places: list[tuple[int, ...]]) -> Iterator[NDArray[Any]]:
        height, width = self.layout.size("Y"), self.layout.size("X")
        for place in places:
            for top in range(0, height, _WALK):
                for left in range(0, width, _WALK):
                    part = self.samples(
                        place, slice(top, min(top + _WALK, height)), slice(left, min(left + _WALK, width))
                    )
                    yield part[..., :3] if part.ndim == 3 else part

    def plane(self, plane: int, level: int = 0) -> PlaneView:
        """A plane at a level."""
        step = 1 << level
        shape = (-(-self.layout.size("Y") // step), -(-self.layout.size("X") // step), 3)
        return PlaneView(self, plane, level, shape)


@dataclass
class PlaneView:
    """One plane of a source, read where it is sliced.

    Attributes
    ----------
    source, plane, level
        What it is a view of.
    shape
        ``(H, W, 3)``.
    clipped, not_numbers
        Samples beyond their range, and NaN, among the pixels of :meth:`count`.
    """

    source: ArraySource
    plane: int
    level: int
    shape: tuple[int, int, int]
    clipped: int = field(default=0)
    not_numbers: int = field(default=0)

    def __getitem__(self, index: tuple[slice, slice]) -> NDArray[np.uint8]:
        """Pixels ``(h, w, 3)`` uint8."""
        return self._pixels(index)[0]

    def count(self, rows: slice, columns: slice) -> None:
        """Add the clipped samples of a rectangle, and those that are no numbers, to the counts."""
        _, clipped, not_numbers = self._pixels((rows, columns))
        self.clipped += clipped
        self.not_numbers += not_numbers

    def _pixels(self, index: tuple[slice, slice]) -> tuple[NDArray[np.uint8], int, int]:
        rows, columns = (slice(*s.indices(n)) for s, n in zip(index, self.shape[:2], strict=True))
        layout = self.source.layout
        parts, outside, nan = [], 0, 0
        for place in layout.places(self.plane):
            part = self.source.samples(place, rows, columns, self.level)
            if layout.samples == 4:
                part = _opaque(part, layout.dtype)
            scaled, count = to_bytes(part, layout.range_of(place))
            parts.append(scaled)
            outside += count
            nan += int(np.count_nonzero(np.isnan(part))) if part.dtype.kind == "f" else 0
        if layout.samples > 1:
            return np.ascontiguousarray(parts[0]), outside, nan
        parts += [parts[-1]] * (PACKED - len(parts))
        return np.stack(parts, axis=-1), outside, nan


def _opaque(part: NDArray[Any], dtype: str) -> NDArray[Any]:
    """RGB of an RGBA picture that hides nothing."""
    kind = np.dtype(dtype)
    opaque = 1 if kind.kind == "f" else np.iinfo(kind).max
    if (part[..., 3] != opaque).any():
        raise UnsupportedArrayError(
            "RGBA with transparent parts cannot be coded: drop the alpha channel with image[..., :3] and keep "
            "the alpha in a lossless file"
        )
    return part[..., :3]


def _halved(finer: Sequence[int], coarser: Sequence[int], layout: Layout) -> bool:
    expected = [-(-n // 2) if a in "YX" else n for n, a in zip(finer, layout.axes, strict=True)]
    return list(coarser) == expected
