"""What the two kinds of networks have in common: pictures painted window by window, put together, and explored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.onlooking import offer
from ..._base.progress import Progress, no_progress, shifted
from ...container import Box, TileGrid
from ..base import CodedStep, Encoded, Plane, PlaneCoding, PlaneShown, ReadChunk, TileCache, nobody_looks
from ..blocks import BlockOutputs, BlockWalk
from .options import PercoDecoding
from .windows import used, weights, windows

__all__ = ["CELL", "COARSEST", "PaintedCodec", "Show"]

CELL = 64
"""Pixels a side of a position of the coarsest hyper-latent: what planes and tiles are aligned to."""
COARSEST = 8
"""Latent positions a side of such a cell."""

Show = Callable[[Callable[[], Tensor]], None]
"""Called with a function that gives the latent of a window as it is expected to become."""


class PaintedCodec(ABC):
    """A latent painted in windows.

    Parameters
    ----------
    channels
        Of the latent.
    painting
        How the picture is made of the latent.
    generate
        The network that does.
    """

    def __init__(self, channels: int, painting: BlockWalk, generate: Callable[[Tensor], Tensor]) -> None:
        self.channels, self._painting, self._generate = channels, painting, generate

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        return self._painting.factor

    @abstractmethod
    def encode(
        self,
        plane: Plane,
        coding: PlaneCoding,
        progress: Progress,
        tiles: Sequence[int] | None = None,
        analysed: BlockOutputs | None = None,
    ) -> Encoded:
        """Payloads of all tiles in the order of the grid, or of some; see :class:`~napari_glc.codecs.base.Codec`."""

    @abstractmethod
    def _chosen(self, coding: PlaneCoding, decoding: Any, preview: bool) -> PercoDecoding:
        """Steps and guidance, all defaults replaced by what they stand for; no steps for a preview."""

    @abstractmethod
    def _window(
        self,
        read_chunk: ReadChunk,
        coding: PlaneCoding,
        window: Box,
        chosen: PercoDecoding,
        sample: int,
        cache: TileCache | None,
        progress: Progress,
        show: Show,
    ) -> Tensor:
        """The latent of a window, ``(1, C, h, w)`` on the CPU."""

    @abstractmethod
    def _bits(self, coding: PlaneCoding, tiles: TileCache) -> Callable[[], NDArray[np.float64]]:
        """Computes the bits at each latent position from tiles that were read; see :class:`CodedStep`."""

    def plane_stream(self, plane: Plane, coding: PlaneCoding, progress: Progress) -> bytes:
        """What the tiles of a plane share: nothing, unless a codec says otherwise."""
        return b""

    def cells(self, box: Box, stride: int) -> Box:
        """Hyper-latent positions of a box of pixels that begins at a whole cell."""
        return self._painting.aligned(box).divided(self.factor * stride)

    @torch.inference_mode()
    def decode(
        self,
        read_chunk: ReadChunk,
        coding: PlaneCoding,
        box: Box,
        progress: Progress,
        *,
        preview: bool = False,
        sample: int = 0,
        cache: TileCache | None = None,
        decoding: Any = None,
    ) -> Plane:
        """Pixels of a region: all windows it touches are painted.

        Parameters
        ----------
        read_chunk
            Returns the payload of a tile.
        coding
            Tiles, quality and options.
        box
            The region, within the plane.
        progress
            Called before each tile, step and block.
        preview
            Nothing is painted: what the hyper-latent tells by itself.
        sample
            Is added to the seed.
        cache
            Of tiles and windows decoded before, of this plane and sample.
        decoding
            :class:`~.options.PercoDecoding`.

        Raises
        ------
        DamagedFileError
            If a payload does not decode.
        """
        grid = coding.grid
        self._painting.check_tiles(grid)
        chosen = self._chosen(coding, decoding, preview)
        whole = self._painting.aligned(grid.plane).divided(self.factor)
        seen = self._painting.seen(box, grid.plane).divided(self.factor)
        todo = [
            (number, window)
            for number, window in enumerate(windows(whole.height, whole.width))
            if _meets(used(window, whole.height, whole.width), seen)
        ]
        each = 1 + chosen.steps
        total = each * len(todo) + len(self._painting.blocks(self._painting.aligned(box)))
        latent = torch.zeros(1, self.channels, seen.height, seen.width)

        def show(expected: Callable[[], Tensor]) -> None:
            if len(todo) == 1:
                offer(lambda: self._pixels(expected().cpu(), todo[0][1], box, grid, no_progress))

        for done, (number, window) in enumerate(todo):
            report = shifted(progress, each * done, total)
            key = (number, chosen)
            part = None if cache is None else cache.get(key)
            if part is None:
                part = self._window(read_chunk, coding, window, chosen, sample, cache, report, show)
                if cache is not None:
                    cache[key] = part
            common = window.cut(seen)
            share = torch.from_numpy(weights(window, whole.height, whole.width)[common.relative_to(window).slices])
            inside = part[(..., *common.relative_to(window).slices)]
            latent[(..., *common.relative_to(seen).slices)] += share * inside
        pixels = self._pixels(latent, seen, box, grid, shifted(progress, each * len(todo), total))
        progress(total, total)
        return pixels

    def _pixels(self, latent: Tensor, area: Box, box: Box, grid: TileGrid, progress: Progress) -> Plane:
        """Pixels of a region from the latent of all that they depend on."""
        return self._painting.synthesise(
            box, grid.plane, lambda part: latent[(..., *part.relative_to(area).slices)], self._generate, progress
        )

    def step(
        self,
        plane: Plane,
        coding: PlaneCoding,
        analysed: BlockOutputs,
        progress: Progress,
        shown: PlaneShown = nobody_looks,
    ) -> CodedStep:
        """The plane at a quality."""
        if coding.options.plane_streams:
            coding = replace(coding, plane_stream=self.plane_stream(plane, coding, progress))
        encoded = self.encode(plane, coding, progress, None, analysed)
        cache: TileCache = {}
        pixels = self.decode(encoded.chunks.__getitem__, coding, coding.grid.plane, progress, cache=cache)
        shown(pixels)
        return CodedStep(encoded, pixels, self._bits(coding, cache), coding.plane_stream)


def _meets(one: Box, other: Box) -> bool:
    common = one.cut(other)
    return common.height > 0 and common.width > 0
