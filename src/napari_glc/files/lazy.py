"""A file as dask arrays that decode what is looked at."""

from __future__ import annotations

import threading
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

__all__ = ["LazyLevel", "lazy_array"]

_KEPT_BYTES = 1 << 28


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


def lazy_array(file: PlaneSource, level: int) -> Any:
    """See :meth:`napari_glc.GlcFile.dask`."""
    import dask.array as da

    source = LazyLevel(file, level)
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
