"""A file as dask arrays that decode what is looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._base.caching import ByteCache
from .._base.progress import Progress, no_progress
from ..codecs.registry import sees_whole_planes
from ..container import BLOCK, Box, Container
from ..errors import GlcError
from ..imaging.layout import Layout
from ..models import ModelFile

__all__ = ["EnlargedLevel", "LazyLevel", "lazy_array", "lazy_levels", "once_array"]

_KEPT_BYTES = 1 << 28
_QUICK_SIDE = 2048
"""Longest side in pixels of a level that is decoded while somebody waits."""


class PlaneSource(Protocol):
    """What is needed of a file; see :class:`~napari_glc.files.opened.GlcFile`."""

    container: Container
    layout: Layout

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array."""
        ...

    @property
    def levels(self) -> tuple[tuple[int, ...], ...]:
        """Shape of the array at each level of resolution."""
        ...

    @property
    def model(self) -> ModelFile:
        """The model that made it; raises if it is not installed."""
        ...

    def plane_pixels(self, plane: int, level: int, box: Box, progress: Progress) -> NDArray[np.uint8]:
        """Pixels of a part of a plane."""
        ...


class LazyLevel:
    """One level of a file as what dask calls an array: shape, type, slicing.

    Decoded parts of planes are kept up to 256 MiB, those used last. One thread decodes at a
    time; the networks use all cores.

    Parameters
    ----------
    file
        The file.
    level
        Of resolution.
    """

    def __init__(self, file: PlaneSource, level: int) -> None:
        self.file, self.level = file, level
        self.shape, self.dtype = file.levels[level], file.dtype
        self.ndim = len(self.shape)
        self._lock = threading.Lock()
        self._kept: ByteCache[tuple[int, Box], NDArray[np.uint8]] = ByteCache(_KEPT_BYTES)

    def __getitem__(self, index: tuple[slice | int, ...]) -> NDArray[Any]:
        """Samples of a chunk, which dask asks for by slices and integers for all axes."""
        from ..imaging.assembly import Region, assembled

        layout = self.file.layout
        samples = layout.axes.find("S")
        region = tuple(part for axis, part in enumerate(index) if axis != samples)
        wanted = Region.of(layout, self.shape, region)
        found = assembled(layout, wanted, lambda plane, *_: self._plane(plane, wanted.box))
        if samples < 0:
            return found
        before = sum(isinstance(part, slice) for part in index[:samples])
        return found[(slice(None),) * before + (index[samples],)]

    def _plane(self, plane: int, box: Box) -> NDArray[np.uint8]:
        with self._lock:
            pixels: NDArray[np.uint8] | None = self._kept.get((plane, box))
            if pixels is None:
                pixels = self.file.plane_pixels(plane, self.level, box, no_progress)
                self._kept[plane, box] = pixels
            return pixels


def _chunk_side(file: PlaneSource) -> int:
    """Pixels; as much as a plane where any part of it takes all of it."""
    try:
        whole = sees_whole_planes(file.model)
    except GlcError:  # without the model, reading will say so
        whole = False
    return max(file.container.grid.height, file.container.grid.width) if whole else BLOCK


class EnlargedLevel:
    """A level as the coarsest one shows it, each of whose pixels stands for many; sliced as :class:`LazyLevel`.

    Parameters
    ----------
    shape
        Of the level.
    coarsest
        What it is enlarged from; a plane of it is decoded as a whole, once.
    """

    def __init__(self, shape: tuple[int, ...], coarsest: LazyLevel) -> None:
        self.shape, self._coarsest = shape, coarsest
        self.dtype, self.ndim = coarsest.dtype, coarsest.ndim

    def __getitem__(self, index: tuple[slice | int, ...]) -> NDArray[Any]:
        """Samples of a chunk, as dask asks for them."""
        axes, sides = self._coarsest.file.layout.axes, self._coarsest.shape
        whole = tuple(slice(None) if axis in "YX" else part for axis, part in zip(axes, index, strict=True))
        found = self._coarsest[whole]
        place = 0
        for axis, part, full, side in zip(axes, index, self.shape, sides, strict=True):
            if axis in "YX":
                wanted = range(*part.indices(full)) if isinstance(part, slice) else part
                found = found.take(np.asarray(wanted) * side // full, axis=place)
            place += isinstance(part, slice)
        return found


def lazy_array(file: PlaneSource, level: int) -> Any:
    """See :meth:`napari_glc.GlcFile.dask`."""
    return _as_dask(file, level, LazyLevel(file, level))


def lazy_levels(file: PlaneSource) -> tuple[list[Any], list[Any]]:
    """All levels as dask arrays, and for each another one of its shape that shows it coarsely and sooner.

    The second is ``None`` where there is nothing coarser, or nothing that is decoded quickly.
    """
    sources = [LazyLevel(file, level) for level in range(len(file.levels))]
    levels = [_as_dask(file, level, source) for level, source in enumerate(sources)]
    grid, previews = file.container.grids[-1], [None] * len(levels)
    if max(grid.height, grid.width) <= _QUICK_SIDE:
        for level, source in enumerate(sources[:-1]):
            previews[level] = _as_dask(file, level, EnlargedLevel(source.shape, sources[-1]))
    return levels, previews


def once_array(make: Callable[[], NDArray[Any]], shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """A dask array of one chunk, made when it is wanted."""
    import dask.array as da
    from dask.delayed import delayed

    return da.from_delayed(delayed(make, pure=False)(), shape, dtype)  # type: ignore[no-untyped-call]


def _as_dask(file: PlaneSource, level: int, source: LazyLevel | EnlargedLevel) -> Any:
    import dask.array as da

    grid = file.container.grids[level]
    groups = [box for box, _ in grid.groups(_chunk_side(file))]
    sides = {
        "Y": tuple(box.height for box in groups if box.left == 0),
        "X": tuple(box.width for box in groups if box.top == 0),
    }
    chunks = tuple(
        sides.get(axis, (length,) if axis == "S" else (1,) * length)
        for axis, length in zip(file.layout.axes, source.shape, strict=True)
    )
    # a name for each array: files change under the same path
    return da.from_array(  # type: ignore[no-untyped-call]
        source, chunks=chunks, name=False, asarray=False, meta=np.empty((0,) * source.ndim, source.dtype)
    )
