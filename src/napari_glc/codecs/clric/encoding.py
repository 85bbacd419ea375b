"""Encoding of tiles: latents, networks of a plane, fits, looks at the picture, whoever watches, sizes to keep to.

Work can end at any moment: every fit has a payload from the beginning on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.progress import Progress, no_progress, shifted
from ...container import Box, TileGrid
from ...networks.kl_config import KlConfig
from ..base import Plane, PlaneCoding
from ..blocks import BlockOutputs
from ..goals import Standing
from .budget import keep_to
from .fit import ITERATIONS, Fit
from .grid_coder import Symbols
from .layout import trade_off
from .looking import Glance, look_at, looks_of
from .picture import MARGIN, Painter, TilePicture
from .published import PublishedFunctions
from .shared import SharedFunctions

__all__ = ["Coder", "Encoding", "networks_of_plane", "sampled_tiles"]

_STEPS = 100
"""Steps of progress of a tile."""
_SAMPLE = 3
"""Tiles of a plane whose networks are fitted together, at most."""
_TRUE_EVERY = 20
"""How often in a fit the true bytes are taken for whoever watches."""


class Coder(Painter, Protocol):
    """What of the codec is needed; see :class:`~napari_glc.codecs.clric.codec.ClricCodec`."""

    config: KlConfig
    published: PublishedFunctions

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        ...

    def area(self, tile: Box) -> Box:
        """Latent positions of a tile."""
        ...

    def shared_for(self, coding: PlaneCoding) -> SharedFunctions | None:
        """The functions of a file of shared networks; ``None`` if it holds its own."""
        ...

    def sampled(self, networks: bytes) -> dict[int, list[Tensor]]:
        """Grids of the tiles to which networks have just been fitted."""
        ...

    def latents(
        self,
        plane: Plane,
        grid: TileGrid,
        progress: Progress,
        tiles: Sequence[int] | None = None,
        analysed: BlockOutputs | None = None,
    ) -> list[NDArray[np.float32]]:
        """Latents of tiles."""
        ...

    def around(self, plane: Plane, box: Box) -> Tensor:
        """The latent of an aligned part of a plane, as the encoder has it."""
        ...

    def tile_latent(self, symbols: Symbols, coding: PlaneCoding) -> Tensor:
        """The latent of a tile's grids."""
        ...

    def synthesise(self, latent: Tensor, canvas: Box, box: Box, grid: TileGrid, progress: Progress) -> Plane:
        """Pixels of a region from the latent of all it depends on."""
        ...


def networks_of_plane(
    codec: Coder, plane: Plane, coding: PlaneCoding, progress: Progress
) -> tuple[bytes, dict[int, list[Tensor]]]:
    """Networks for all tiles of a plane, fitted to a few of them, spread evenly; and the grids of these."""
    grid = coding.grid
    chosen = sampled_tiles(grid)
    latents = [codec.latents(plane, grid, no_progress, [index])[0] for index in chosen]
    iterations = ITERATIONS[coding.options.effort] // len(latents)
    networks, grids = codec.published.fit_networks(latents, coding.quality, iterations, progress)
    return networks, dict(zip(chosen, grids, strict=True))


def sampled_tiles(grid: TileGrid) -> list[int]:
    """The tiles to which the networks of a plane are fitted."""
    count = min(len(grid), _SAMPLE)
    return sorted({round(i * (len(grid) - 1) / max(1, count - 1)) for i in range(count)})


@dataclass
class _Tally:
    """How far the tiles at hand are.

    Attributes
    ----------
    done, total
        Iterations.
    bytes, errors
        Of each tile, of what would be kept.
    ended
        Whether somebody who watches had enough.
    """

    done: int
    total: int
    bytes: list[int]
    errors: list[float]
    ended: bool = False


class Encoding:
    """Encodes some tiles of a plane.

    Parameters
    ----------
    codec, plane, coding, progress, tiles, analysed
        See :meth:`~napari_glc.codecs.base.Codec.encode`.
    starts
        Grids to go on from, by tile.
    iterations
        Of the fit of a tile; ``None`` for what the effort says.
    looks
        Of them that look at the picture, after those; ``None`` for what the options say.
    """

    def __init__(
        self,
        codec: Coder,
        plane: Plane,
        coding: PlaneCoding,
        progress: Progress,
        tiles: Sequence[int] | None,
        analysed: BlockOutputs | None,
        starts: Mapping[int, Sequence[Tensor]] | None = None,
        iterations: int | None = None,
        looks: int | None = None,
    ) -> None:
        self.codec, self.plane, self.coding, self.grid = codec, plane, coding, coding.grid
        self.tiles = list(range(len(self.grid)) if tiles is None else tiles)
        self.box = self.grid.around(tiles)
        self.iterations = ITERATIONS[coding.effort] if iterations is None else iterations
        self.looks = looks_of(coding.options) if looks is None else looks
        self._starts = codec.sampled(coding.plane_stream) if starts is None else starts
        self._progress, self._total = progress, 1 + _STEPS * len(self.tiles)
        progress(0, self._total)
        latents = codec.latents(plane, self.grid, shifted(progress, 0, self._total), tiles, analysed)
        self.values = sum(latent.size for latent in latents)
        self.fits = [self._begun(index, latent) for index, latent in zip(self.tiles, latents, strict=True)]
        watched = coding.goal.watch is not None
        self._tally = _Tally(
            0,
            (self.iterations + self.looks) * len(self.fits),
            [len(fit.payload) if watched else 0 for fit in self.fits],
            [fit.error for fit in self.fits],
        )

    def _begun(self, index: int, latent: NDArray[np.float32]) -> Fit:
        coding, weights = self.coding, self._weights(index, latent.shape[1:])
        shared, start = self.codec.shared_for(coding), self._starts.get(index)
        if shared is None:
            return self.codec.published.begin(latent, coding.quality, coding.plane_stream, weights, start)
        return shared.begin(latent, coding.quality, weights, start)

    def _weights(self, index: int, size: tuple[int, ...]) -> NDArray[np.float32] | None:
        """Importance of a tile's pixels as that of its latent positions."""
        importance = self.coding.goal.importance
        if importance is None:
            return None
        factor, tile = self.codec.factor, self.grid[index]
        pixels = importance[tile.slices]
        below, right = size[0] * factor - pixels.shape[0], size[1] * factor - pixels.shape[1]
        padded = np.pad(pixels, ((0, below), (0, right)), mode="edge")
        means: NDArray[np.float32] = padded.reshape(size[0], factor, size[1], factor).mean((1, 3), dtype=np.float32)
        return means

    # -- running ------------------------------------------------------------------------------------------

    def run(self) -> list[Fit]:
        """Fit all tiles in the latent, or those there is time for."""
        self._tell(0, False)
        for place in range(len(self.fits)):
            if not self._tally.ended:
                self._improve(place)
        if self.coding.goal.most_bytes is not None and not self._tally.ended:
            more = max(8, self.iterations // 4)
            keep_to(self.fits, self.coding.goal.most_bytes, trade_off(self.coding.quality), more)
        self._progress(self._total, self._total)
        return self.fits

    def _improve(self, place: int) -> None:
        fit, tally = self.fits[place], self._tally
        every = max(1, self.iterations // _TRUE_EVERY)

        def step(done: int, total: int) -> None:
            self._progress(1 + _STEPS * place + _STEPS * done // total, self._total)

        def look(done: int, error: float, bits: float, better: bool) -> bool:
            tally.done += 1
            if self.coding.goal.watch is None:
                return False
            improved = done % every == 0 and fit.error != tally.errors[place]
            if improved:
                tally.bytes[place], tally.errors[place] = len(fit.payload), fit.error
            return self._tell(place, improved, bits / 8, error)

        fit.run(self.iterations, step, look)

    def look(self, progress: Progress) -> list[Fit]:
        """Go on with the fits so that the picture comes nearer, one after the other, those around held fixed."""
        if not self.looks or self._tally.ended:
            return self.fits
        codec, whole = self.codec, self.codec.walk.aligned(self.grid.plane)
        # a decoder that normalises sees the whole plane
        margin = codec.walk.synthesis_margin
        around = whole if margin is None else codec.walk.aligned(self.box).grown(MARGIN * codec.factor, whole)
        canvas = around.divided(codec.factor)
        known = codec.around(self.plane, around)
        areas = [codec.area(self.grid[index]) for index in self.tiles]
        places = [(..., *area.relative_to(canvas).slices) for area in areas]
        for fit, place in zip(self.fits, places, strict=True):
            known[place] = fit.made
        for number, fit in enumerate(self.fits):
            picture = TilePicture(codec, self.plane, areas[number], canvas, known, self.coding.goal.importance)
            self._look(number, picture, progress)
            known[places[number]] = fit.made
            if self._tally.ended:
                break
        progress(1, 1)
        return self.fits

    def _look(self, place: int, picture: TilePicture, progress: Progress) -> None:
        fit, tally = self.fits[place], self._tally
        first: Glance | None = None
        begun, done, total = tally.errors[place], place * self.looks, self.looks * len(self.fits)

        def told(glance: Glance) -> bool:
            nonlocal first, done
            progress(done, total)
            if first is None:
                first = glance
            else:
                tally.done += 1
                done += 1
            # so that who watches sees one course: nearer by as much as the picture is
            unit = begun / max(first.best_distance, 1e-12)
            if glance.improved:
                tally.bytes[place] = len(fit.payload)
            tally.errors[place] = glance.best_distance * unit
            return self._tell(place, glance.improved, glance.bits / 8, glance.distance * unit)

        look_at(fit, picture, self.looks, self._most(place), told)

    def _most(self, place: int) -> float | None:
        """Bytes that a tile may have: those it has, and its part of what is left over."""
        most = self.coding.goal.most_bytes
        if most is None:
            return None
        sizes = [len(fit.payload) for fit in self.fits]
        return sizes[place] * (1 + (most - sum(sizes)) / max(1, sum(sizes[place:])))

    def _tell(self, place: int, improved: bool, size: float | None = None, error: float | None = None) -> bool:
        """Tell who watches; whether that was enough."""
        watch, tally = self.coding.goal.watch, self._tally
        if watch is None:
            return False
        rest, others = sum(tally.bytes) - tally.bytes[place], sum(tally.errors) - tally.errors[place]
        standing = Standing(
            iteration=tally.done,
            total=tally.total,
            bytes=rest + (tally.bytes[place] if size is None else size),
            distance=(others + (tally.errors[place] if error is None else error)) / self.values,
            best_bytes=sum(tally.bytes),
            best_distance=sum(tally.errors) / self.values,
            improved=improved,
            box=self.box,
            picture=self.picture,
        )
        tally.ended = bool(watch(standing))
        return tally.ended

    @torch.inference_mode()
    def picture(self) -> Plane:
        """What would be kept, the pixels of the tiles at hand; around them everything is taken to be zero."""
        codec, coding = self.codec, self.coding
        canvas = codec.area(self.box)
        latent = torch.zeros(1, codec.config.latent_channels, canvas.height, canvas.width)
        for index, fit in zip(self.tiles, self.fits, strict=True):
            place = codec.area(self.grid[index]).relative_to(canvas).slices
            latent[(0, slice(None), *place)] = codec.tile_latent(fit.symbols, coding)
        alone = TileGrid(self.box.height, self.box.width, 0)
        return codec.synthesise(latent, codec.area(alone.plane), alone.plane, alone, no_progress)
