"""From an array and options to a file, plane by plane, level by level, some tiles at a time.

::

    ArraySource --PlaneView--> codec.encode, tiles of 1536 px --payloads--> Spool --> file
                     |
                     +-- halved --> the plane's next level
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..codecs.loading import loaded_codec
from ..container import ARRAY_KEY, MAX_PACKETS, ArrayKind, Header, Spool, TileGrid
from ..container.header import DEFAULT_TILE
from ..container.limits import MAX_LEVELS, beyond, get_limits
from ..errors import OptionError, UnsupportedArrayError
from ..imaging.layout import Layout, laid_out
from ..imaging.planes import to_plane
from ..imaging.ranges import RangeRule
from ..imaging.source import ArraySource, PlaneView
from ..models import find_model

if TYPE_CHECKING:
    from ..codecs.base import Plane, Progress
    from ..models import ModelFile

__all__ = ["Job", "checked_quality", "encoded_parts", "prepared", "prepared_array"]

_TILE_UNIT = 64
_GROUP = 1536
_FEW_PIXELS = 4096
"""Longest side of planes that get no smaller levels by themselves."""
_SMALLEST = 1024
_MEMORY = 1 << 26


@dataclass(frozen=True)
class Job:
    """All that is needed to encode an array.

    Attributes
    ----------
    source
        Its planes.
    header
        Of the file.
    model
        Model file.
    metadata
        Of the file, with the description of the array if the kind needs one.
    counted
        Whether samples can lie beyond the range and are counted.
    """

    source: ArraySource
    header: Header
    model: ModelFile
    metadata: dict[str, Any] | None
    counted: bool


def prepared_array(
    image: Any,
    *,
    codec: str,
    model: str | Path | None,
    quality: float,
    axes: str | None,
    metadata: dict[str, Any] | None,
    tile: int,
    index_coder: str,
    packets: int,
    value_range: RangeRule | None,
    range_per: str,
    channels: str,
    levels: int | str,
) -> Job:
    """Everything that can be said before a sample is coded; see :func:`napari_glc.encode`."""
    quality, tile = checked_quality(quality), _checked_tile(tile)
    if channels not in ("separate", "packed"):
        raise OptionError(f"channels are 'separate' or 'packed', not {channels!r}")
    if metadata and ARRAY_KEY in metadata:
        raise OptionError(f"the metadata must not use the key {ARRAY_KEY!r}, under which the file describes its array")
    arrays = _levels(image)
    layout = laid_out(arrays[0].shape, np.dtype(arrays[0].dtype), axes, packed=channels == "packed")
    model_file = find_model(model, codec)
    if model is not None and codec != model_file.codec:
        raise OptionError(f"model {model_file.name!r} belongs to codec {model_file.codec!r}, not to {codec!r}")
    height, width = layout.size("Y"), layout.size("X")
    if max(height, width) > get_limits().side:
        raise beyond(f"a side of {height} x {width} pixels is", "side")
    header = Header(
        codec=model_file.codec,
        kind=ArrayKind.RGB8 if layout.rgb else ArrayKind.GREY8,
        model=model_file.tag,
        quality=quality,
        height=height,
        width=width,
        tile=tile,
        levels=_level_count(levels, height, width, len(arrays)),
        planes=layout.planes,
        **_index_options(model_file.codec, index_coder, packets),
    )
    grid = TileGrid(height, width, tile)
    grid.check_count()
    tiles = header.planes * sum(len(grid.level(level)) for level in range(header.levels))
    if tiles * packets > get_limits().chunks:
        raise beyond(f"{tiles * packets} tiles or packets are", "chunks")
    rule = ("dtype" if layout.dtype == "uint8" else "minmax") if value_range is None else value_range
    source = ArraySource(arrays, layout).with_ranges(rule, range_per)
    if not _is_plain(source.layout, header):
        kind = ArrayKind.RGB_PLANES if layout.rgb else ArrayKind.GREY_PLANES
        header = replace(header, kind=kind)
    counted = (rule != "dtype" and rule != "minmax") or np.dtype(layout.dtype).kind == "f"
    return Job(source, header, model_file, metadata, counted)


def _is_plain(layout: Layout, header: Header) -> bool:
    """Whether the file needs no description: one uint8 plane as it is, ``YX`` or ``YXS``."""
    plain = layout.axes in ("YX", "YXS") and layout.samples in (1, 3) and layout.dtype == "uint8"
    return plain and not layout.ranges and header.levels == 1


def encoded_parts(job: Job, device: str, progress: Progress | None) -> Iterator[bytes]:
    """The bytes of the file, part by part; memory does not grow with the array."""
    header, layout = job.header, job.source.layout
    grid = TileGrid(header.height, header.width, header.tile)
    grids = [grid.level(level) for level in range(header.levels)]
    coder = loaded_codec(job.model, device)
    # blocks of a plane that is seen as a whole would each see all of it
    side = max(header.height, header.width) if job.model.sees_whole_planes else _GROUP
    units = _Units(progress, header.planes * sum(len(g) for g in grids))
    clipped = 0
    with Spool(units.total * header.packets) as spool:
        chunk = 0
        for plane in range(header.planes):
            with _canvases() as new_canvas:
                view: Any = job.source.plane(plane)
                for level, tiles in enumerate(grids):
                    if 0 < level < len(job.source.levels):
                        view = job.source.plane(plane, level)
                    stored = level + 1 < len(job.source.levels)
                    smaller = None if stored or level + 1 == header.levels else new_canvas(grids[level + 1])
                    for box, group in tiles.groups(side):
                        whole = len(group) == len(tiles)
                        encoded = coder.encode(view, header, tiles, units.within(len(group)), None if whole else group)
                        # what was chosen for the first tiles (an index coder) holds for the rest
                        header = replace(encoded.header, planes=header.planes, levels=header.levels)
                        for place, tile in enumerate(group):
                            for packet in range(header.packets):
                                payload = encoded.chunks[place * header.packets + packet]
                                spool.put(chunk + tile * header.packets + packet, payload)
                        if smaller is not None:
                            _halve(view[box.slices], smaller, box.top // 2, box.left // 2)
                        if level == 0 and job.counted and isinstance(view, PlaneView):
                            view.count(*box.slices)
                    if level == 0 and isinstance(view, PlaneView):
                        clipped += view.clipped
                    view = smaller
                    chunk += len(tiles) * header.packets
        metadata = dict(job.metadata or {})
        if header.kind.described:
            metadata[ARRAY_KEY] = replace(layout, clipped=clipped).to_json()
        try:
            yield from spool.parts(header, metadata)
        except (TypeError, ValueError) as error:
            raise OptionError(f"the metadata cannot be stored as JSON: {error}") from error
    units.finish()


class _Units:
    """Progress in tiles over many calls that count by themselves."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.total = total
        self._progress = progress
        self._done = 0

    def within(self, tiles: int) -> Progress:
        """Progress of work on the next tiles."""
        start, self._done = self._done, self._done + tiles

        def report(done: int, total: int) -> None:
            if self._progress is not None:
                # the last unit is reported when the file is whole
                reached = start * total + done * tiles
                self._progress(min(reached, self.total * total - 1), self.total * total)

        return report

    def finish(self) -> None:
        """All is done."""
        if self._progress is not None:
            self._progress(self.total, self.total)


@contextmanager
def _canvases() -> Iterator[Any]:
    """Room for smaller levels of a plane: in memory, or on disk where they are large."""
    files = []

    def new_canvas(grid: TileGrid) -> NDArray[np.uint8]:
        shape = (grid.height, grid.width, 3)
        if math.prod(shape) <= _MEMORY:
            return np.empty(shape, np.uint8)
        files.append(tempfile.TemporaryFile())  # noqa: SIM115
        return np.memmap(files[-1], np.uint8, "w+", shape=shape)

    try:
        yield new_canvas
    finally:
        for file in files:
            file.close()


def _halve(pixels: NDArray[np.uint8], canvas: NDArray[np.uint8], top: int, left: int) -> None:
    """Means of 2 x 2 pixels, borders repeated where there is half a cell, put into a canvas."""
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(np.uint16)
    total = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    canvas[top : top + total.shape[0], left : left + total.shape[1]] = (total + 2) // 4


def _levels(image: Any) -> list[Any]:
    """The array and its reductions, as things with shape and dtype."""
    multiscale = isinstance(image, Sequence) and len(image) > 0 and all(hasattr(level, "shape") for level in image)
    if hasattr(image, "shape") or not multiscale:
        return [image if hasattr(image, "shape") and hasattr(image, "dtype") else np.asarray(image)]
    return list(image)


def _level_count(levels: int | str, height: int, width: int, given: int) -> int:
    if levels == "auto":
        longest, count = max(height, width), 1
        if longest <= _FEW_PIXELS and given == 1:
            return 1
        while longest > _SMALLEST and count < MAX_LEVELS:
            longest, count = -(-longest // 2), count + 1
        return count
    if isinstance(levels, str) or not 1 <= levels <= MAX_LEVELS:
        raise OptionError(f"levels must be 'auto' or lie within 1 to {MAX_LEVELS}, not {levels!r}")
    return int(levels)


def prepared(
    image: Any,
    *,
    codec: str,
    model: str | Path | None,
    quality: float,
    axes: str | None = None,
    tile: int = DEFAULT_TILE,
    index_coder: str = "auto",
    packets: int = 1,
) -> tuple[Plane, Header, ModelFile]:
    """The plane of a single uint8 picture, the header its file begins with, and the model."""
    plane, kind = to_plane(image, axes)
    job = prepared_array(
        image,
        codec=codec,
        model=model,
        quality=quality,
        axes="YX" if kind is ArrayKind.GREY8 else "YXC",
        metadata=None,
        tile=tile,
        index_coder=index_coder,
        packets=packets,
        value_range=None,
        range_per="channel",
        channels="separate",
        levels=1,
    )
    if job.header.kind.described:
        raise UnsupportedArrayError(f"{job.source.layout.axes} {job.source.layout.dtype} is not a single uint8 plane")
    return plane, job.header, job.model


def checked_quality(quality: float) -> float:
    """A quality in half steps.

    Raises
    ------
    OptionError
        If it does not lie within 0 to 100.
    """
    if not (isinstance(quality, Real) and math.isfinite(quality) and 0 <= quality <= 100):
        raise OptionError(f"quality must lie within 0 to 100, not {quality!r}")
    return round(2 * float(quality)) / 2


def _index_options(codec: str, index_coder: str, packets: int) -> dict[str, Any]:
    """Header fields that only index maps have."""
    if codec != "vqgan":
        if packets != 1 or index_coder != "auto":
            raise OptionError(f"packets and index coders belong to codec 'vqgan', not to {codec!r}")
        return {}
    if not 1 <= packets <= MAX_PACKETS:
        raise OptionError(f"packets must lie within 1 to {MAX_PACKETS}, not {packets}")
    return {"index_coder": index_coder, "packets": packets}


def _checked_tile(tile: int) -> int:
    if tile < 0 or tile % _TILE_UNIT:
        raise OptionError(f"tile must be a multiple of {_TILE_UNIT} pixels or 0 for a single tile, not {tile}")
    return int(tile)
