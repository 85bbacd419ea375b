"""Arrays as OME-TIFF, piece by piece: they may be larger than memory; and which TIFF files hold what is to be seen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .._base.atomic import write_file_atomically
from ..errors import UnsupportedArrayError
from .extras import stored_extras

if TYPE_CHECKING:
    from .._base.progress import Progress

__all__ = ["check_colours", "write_ome_tiff"]

_TILE = 512
_BAND = 3 * _TILE
"""Rows read at a time: what a decoder needs around them is small against them."""
_OME_UNITS = {"micrometer": "µm", "nanometer": "nm", "millimeter": "mm"}
_REFUSED = {
    "PALETTE": "numbers of colours in a palette",
    "SEPARATED": "amounts of printing inks (CMYK)",
    "MINISWHITE": "a negative: its 0 is white",
    "CIELAB": "L*a*b* colours",
    "ICCLAB": "L*a*b* colours",
    "ITULAB": "L*a*b* colours",
    "YCBCR": "YCbCr colours",
}
"""Samples of TIFF pages that are not brightness or RGB."""


def check_colours(page: Any) -> None:
    """Refuse a page of a TIFF file whose samples are not what is to be seen.

    Parameters
    ----------
    page
        Of tifffile.

    Raises
    ------
    UnsupportedArrayError
        If so.
    """
    kind = getattr(page.photometric, "name", str(page.photometric))
    # tifffile makes RGB of the YCbCr in JPEG
    if kind in _REFUSED and not (kind == "YCBCR" and "JPEG" in page.compression.name):
        raise UnsupportedArrayError(f"it holds {_REFUSED[kind]}; save it as grey or RGB first")


def write_ome_tiff(
    path: Path,
    source: Any,
    axes: str,
    region: tuple[slice | int, ...],
    metadata: dict[str, Any],
    progress: Progress,
) -> tuple[int, ...]:
    """Write a region of an array as OME-TIFF of tiles, atomically, holding a band of rows at a time.

    Parameters
    ----------
    path
        Target.
    source
        Anything with shape, dtype and slicing.
    axes
        A letter for each of its dimensions; ``S`` for the samples of RGB.
    region
        Slices of step 1 and integers, for the axes but ``S``; those left out are whole. Integers take their axis away.
    metadata
        ``scale`` and ``units`` (an entry for each axis but ``S``) as ``.glc`` keeps them; may be empty. A colour
        profile among it is written, too.
    progress
        Called with bands done and in all.

    Returns
    -------
    tuple of int
        Shape of what was written: other axes, rows, columns, samples.
    """
    import tifffile

    lengths, spatial = dict(zip(axes, source.shape, strict=True)), axes.replace("S", "")
    parts = {axis: region[place] if place < len(region) else slice(None) for place, axis in enumerate(spatial)}
    spans = {a: range(*p.indices(lengths[a])) if isinstance(p, slice) else range(p, p + 1) for a, p in parts.items()}
    others = [a for a in spatial if a not in "YX"]
    order = [a for a in others if isinstance(parts[a], slice)] + [a for a in "YXS" if a in lengths]
    shape = tuple(len(spans[a]) if a in spans else lengths[a] for a in order)
    rows, columns = (slice(spans[a].start, spans[a].stop) for a in ("Y", "X"))
    tops = range(rows.start, rows.stop, _BAND)

    def tiles() -> Iterator[NDArray[Any]]:
        places = list(itertools.product(*(spans[a] for a in others)))
        for done, (place, top) in enumerate(itertools.product(places, tops)):
            progress(done, len(places) * len(tops))
            where: dict[str, slice | int] = dict(zip(others, place, strict=True))
            where |= {"Y": slice(top, min(top + _BAND, rows.stop)), "X": columns, "S": slice(None)}
            band = np.asarray(source[tuple(where[a] for a in axes)])
            left_over = [a for a in axes if a in "YXS"]
            yield from _tiles(band.transpose([left_over.index(a) for a in "YXS" if a in left_over]))

    def write(stream: BinaryIO) -> None:
        tifffile.imwrite(
            stream,
            tiles(),
            shape=shape,
            dtype=source.dtype,
            ome=True,
            bigtiff=math.prod(shape) * source.dtype.itemsize > 1 << 31,
            tile=(_TILE, _TILE),
            compression="zlib",
            compressionargs={"level": 1},
            photometric="rgb" if "S" in axes else "minisblack",
            iccprofile=stored_extras(metadata).get("icc_profile"),
            metadata={"axes": "".join(order)} | _sizes(metadata, spatial, order),
        )

    write_file_atomically(path, write)
    return shape


def _tiles(band: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Full tiles of a band from left to right and from top to bottom, zeros where it ends."""
    for top, left in itertools.product(range(0, band.shape[0], _TILE), range(0, band.shape[1], _TILE)):
        tile = band[top : top + _TILE, left : left + _TILE]
        missing = [(0, _TILE - tile.shape[0]), (0, _TILE - tile.shape[1]), (0, 0)]
        yield np.ascontiguousarray(np.pad(tile, missing[: tile.ndim]))


def _sizes(metadata: dict[str, Any], described: str, order: list[str]) -> dict[str, Any]:
    """Physical sizes of pixels, as OME-XML calls them."""
    scale, units = metadata.get("scale"), metadata.get("units")
    if not (isinstance(scale, list) and len(scale) == len(described)):
        return {}
    known = units if isinstance(units, list) and len(units) == len(described) else ["pixel"] * len(described)
    sizes: dict[str, Any] = {}
    for axis, size, unit in zip(described, scale, known, strict=True):
        if axis in order and axis in "XYZ":
            sizes[f"PhysicalSize{axis}"] = size
            sizes[f"PhysicalSize{axis}Unit"] = _OME_UNITS.get(str(unit), str(unit))
    return sizes
