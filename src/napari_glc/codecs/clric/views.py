"""The grids of a plane's function as arrays, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..._base.progress import Progress, no_progress
from ...container import DEFAULT_TILE, Box, TileGrid
from ..base import Plane, PlaneCoding
from ..grid_coded import CodedGrids
from .encoding import Coder
from .exploring import ClricAnalysis, explored_step, grid_bits
from .grid_coder import Symbols
from .layout import GRIDS, grid_sizes
from .options import ClricOptions
from .shared import SharedFunctions

__all__ = ["coded_grids", "stored_grids"]


class CoderOfGrids(Coder, Protocol):
    """What of the codec is needed; see :class:`~napari_glc.codecs.clric.codec.ClricCodec`."""

    shared: SharedFunctions | None

    def analyse(self, plane: Plane, grid: TileGrid, progress: Progress) -> ClricAnalysis:
        """Latents of a plane."""
        ...

    def read(self, payload: bytes, coding: PlaneCoding, area: Box) -> Symbols:
        """The grids of a tile."""
        ...


def coded_grids(codec: CoderOfGrids, plane: Plane, quality: float, progress: Progress) -> CodedGrids:
    """Code a plane as the rate explorer does and read its grids from the bytes.

    Parameters
    ----------
    codec
        The codec.
    plane
        ``(H, W, 3)`` uint8.
    quality
        0 to 100.
    progress
        See :data:`~napari_glc._base.progress.Progress`.
    """
    grid = TileGrid(plane.shape[0], plane.shape[1], DEFAULT_TILE)
    options = ClricOptions(mode="published" if codec.shared is None else "shared")
    coding = PlaneCoding(grid, quality, options)
    analysed = codec.analyse(plane, grid, no_progress)
    step = explored_step(codec, plane, coding, analysed, progress)
    coding = replace(coding, plane_stream=step.plane_stream)
    wanted = codec.latents(plane, grid, no_progress, None, analysed)
    return _together(codec, coding, step.encoded.chunks, wanted)


def stored_grids(
    codec: CoderOfGrids, plane: Plane, coding: PlaneCoding, payloads: Sequence[bytes], progress: Progress
) -> CodedGrids:
    """The grids that a file holds.

    Parameters
    ----------
    codec
        The codec.
    plane
        What the file decodes to, ``(H, W, 3)`` uint8.
    coding
        How the file's plane is coded.
    payloads
        Of its tiles.
    progress
        See :data:`~napari_glc._base.progress.Progress`.

    Raises
    ------
    DamagedFileError
        If a payload does not decode.
    """
    wanted = codec.latents(plane, coding.grid, progress)
    return replace(_together(codec, coding, payloads, wanted), stored=True)


def _together(
    codec: CoderOfGrids, coding: PlaneCoding, payloads: Sequence[bytes], wanted: Sequence[NDArray[np.float32]]
) -> CodedGrids:
    """What is read from the payloads of tiles, put together for the plane; `wanted` is what tiles' latents were."""
    area = codec.area(coding.grid.plane)
    shapes = [(codec.config.latent_channels, *size) for size in grid_sizes(area.height, area.width)]
    grids = tuple(np.zeros(shape, np.int16) for shape in shapes)
    bits = tuple(np.zeros(shape) for shape in shapes)
    added = tuple(np.zeros(shapes[0][1:], np.float32) for _ in shapes)
    latent, made = (np.zeros(shapes[0], np.float32) for _ in range(2))
    for tile, payload, target in zip(coding.grid, payloads, wanted, strict=True):
        own = codec.area(tile)
        symbols = codec.read(payload, coding, own)
        latent[(slice(None), *own.slices)] = target
        made[(slice(None), *own.slices)] = codec.tile_latent(symbols, coding).numpy()
        told = grid_bits(codec, coding, symbols)
        changes = _changes(codec, coding, symbols)
        for k in range(GRIDS):
            # corners of tiles are multiples of the coarsest cell
            place = _place(own.top >> k, own.left >> k, symbols[k])
            grids[k][place], bits[k][place] = symbols[k], told[k]
            added[k][own.slices] = changes[k]
    return CodedGrids(codec.factor, latent, made, grids, bits, added, tuple(map(len, payloads)))


def _changes(codec: CoderOfGrids, coding: PlaneCoding, symbols: Symbols) -> list[NDArray[np.float32]]:
    """See :attr:`~napari_glc.codecs.grid_coded.CodedGrids.added`."""
    kept = [np.zeros_like(grid) for grid in symbols]
    before = codec.tile_latent(kept, coding).numpy()
    found: list[NDArray[np.float32]] = []
    for k in reversed(range(GRIDS)):
        kept[k] = symbols[k]
        now = codec.tile_latent(kept, coding).numpy()
        found.insert(0, np.sqrt(np.square(now - before).mean(0)))
        before = now
    return found


def _place(top: int, left: int, part: NDArray[np.int16]) -> tuple[slice, slice, slice]:
    return slice(None), slice(top, top + part.shape[1]), slice(left, left + part.shape[2])
