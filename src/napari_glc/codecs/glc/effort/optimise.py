"""Optimising the coefficients of a plane, block by block: more time at the encoder, the same decoder.

::

    effort 0 --> tile by tile, block by block --anneal--> coefficients --SymbolCoder.write--> true bytes
                      ^                                                         |
                      |                                          decoded, compared with the original
                      +---- kept if distortion + price x bytes is lower <-------+

A block is a tile, or a part of one larger than 768 pixels a side. It is optimised with what surrounds it held fixed,
and the surroundings are seen up to 64 pixels away, so neighbouring blocks agree about what lies between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...._base.progress import no_progress
from ...._base.quality import steps
from ....container import Box
from ....imaging.planes import padded_crop
from ....metrics.feature_distance import FeatureDistance, SqueezeNetFeatures
from ....networks.prior import PriorParameters
from ..symbols import RATE_STEPS, TileSymbols
from .annealing import Annealing, anneal
from .block import Block, prior_parameters
from .loss import Distortion
from .regions import checked_importance
from .schedule import Plan, bit_price, plan_of

if TYPE_CHECKING:
    from ...base import Plane, PlaneCoding
    from ..codec import GlcCodec

__all__ = ["Goal", "Report", "Standing", "optimise"]

_LARGEST = 48
"""Longest side of a block in latent positions."""
_BLOCK = 32
"""Side of the blocks of tiles larger than that."""
_MARGIN = 4
"""Latent positions around a block that are seen with it, a multiple of a hyper index."""
_RING = 2
"""Latent positions around a block in which its picture is still looked at."""


@dataclass(frozen=True)
class Goal:
    """What is wanted of an optimisation.

    Attributes
    ----------
    effort
        0 to 9.
    importance
        Weights of the plane's pixels, ``(H, W)``, or ``None`` for all alike; see
        :func:`~napari_glc.codecs.glc.effort.regions.checked_importance`.
    seed
        Of the random roundings.
    """

    effort: int
    importance: Any = None
    seed: int = 0


@dataclass(frozen=True)
class Standing:
    """How far an optimisation is.

    Attributes
    ----------
    iteration, total
        Iterations done and in all, over all tiles.
    bytes
        Bytes of the payloads, those of the present block as estimated.
    distance
        Distortion of the present block, as the optimiser weighs it.
    """

    iteration: int
    total: int
    bytes: float
    distance: float


Report = Callable[[Standing], "bool | None"]
"""Called after every iteration; ``True`` ends the optimisation, and the best so far is what is returned."""


def optimise(
    codec: GlcCodec,
    plane: Plane,
    coding: PlaneCoding,
    goal: Goal,
    report: Report | None = None,
    tiles: Sequence[int] | None = None,
) -> list[tuple[bytes, TileSymbols]]:
    """Payloads and symbols of all tiles in the order of the grid, or of some.

    No tile is worse than with effort 0: what did not lower the sum of distortion and priced bytes is not taken. The
    same arguments give the same bytes on the same machine.

    Parameters
    ----------
    codec
        A codec with its model.
    plane
        ``(H, W, 3)`` uint8.
    coding
        Tiles and quality.
    goal
        What is wanted.
    report
        See :data:`Report`.
    tiles
        Those wanted, which make up a rectangle; ``None`` for all.

    Raises
    ------
    OptionError
        If the goal cannot be meant.
    """
    with torch.inference_mode(False), torch.no_grad():
        return _Optimisation(codec, plane, coding, goal, report, tiles).run()


@dataclass
class _Tile:
    """A tile as it stands."""

    area: Box
    payload: bytes
    symbols: TileSymbols
    coefficients: Tensor
    """Float32 ``(1, N, h, w)``: as analysed, then as dequantised."""


class _Optimisation:
    def __init__(
        self,
        codec: GlcCodec,
        plane: Plane,
        coding: PlaneCoding,
        goal: Goal,
        report: Report | None,
        tiles: Sequence[int] | None,
    ) -> None:
        self.codec, self.plane, self.coding, self.grid = codec, plane, coding, coding.grid
        self.plan, self.goal, self.report = plan_of(goal.effort), goal, report
        self.importance: NDArray[np.float32] | None = None
        if goal.importance is not None:
            self.importance = checked_importance(goal.importance, *plane.shape[:2])
        self.rate = steps(coding.quality)
        self.position = self.rate / RATE_STEPS * (codec.config.rate_points - 1)
        self.price = bit_price(coding.quality)
        self.wanted = list(range(len(self.grid)) if tiles is None else tiles)
        self.canvas, self.surroundings, self.tiles = self._single_pass(tiles)
        self.stopped = False
        self.iterations = 0
        self.total = self.plan.iterations * sum(len(_blocks(tile.area)) for tile in self.tiles)

    def _single_pass(self, tiles: Sequence[int] | None) -> tuple[Box, Tensor, list[_Tile]]:
        """Effort 0: coefficients around what is wanted, and the tiles as written."""
        codec, whole = self.codec, self.codec.walk.aligned(self.grid.plane)
        box = codec.walk.aligned(self.grid.around(tiles))
        margin = codec.walk.synthesis_margin
        around = whole if margin is None else box.grown(_MARGIN * codec.config.factor, whole)
        y = codec.coefficients(self.plane, self.coding.quality, no_progress, box=around).clone()
        canvas = codec.area(around)
        inner = y[(..., *codec.area(box).relative_to(canvas).slices)]
        coded = codec.write_tiles(inner, self.coding, no_progress, tiles)
        found = []
        for index, (payload, symbols) in zip(self.wanted, coded, strict=True):
            area = codec.area(self.grid[index])
            place = (..., *area.relative_to(canvas).slices)
            found.append(_Tile(area, payload, symbols, y[place].clone()))
            y[place] = symbols.y_hat
        return canvas, y, found

    def run(self) -> list[tuple[bytes, TileSymbols]]:
        for tile in self.tiles:
            if self.plan.looks and not self.stopped:
                self._improve(tile)
        return [(tile.payload, tile.symbols) for tile in self.tiles]

    def _improve(self, tile: _Tile) -> None:
        parameters = prior_parameters(self.codec.net, tile.symbols.hyper_indices, self.position)
        for area in _blocks(tile.area):
            if not self.stopped:
                self._improve_block(tile, area, parameters)

    def _improve_block(self, tile: _Tile, area: Box, parameters: PriorParameters) -> None:
        net = self.codec.net
        coded = area.grown(_MARGIN, tile.area)
        whole = self.codec.walk.synthesis_margin is None
        seen = self.canvas if whole else area.grown(_MARGIN, self.canvas)
        inner = (..., *coded.relative_to(tile.area).slices)
        block = Block(
            net,
            self.position,
            _cut(parameters, inner),
            coded,
            seen,
            self.surroundings[(..., *seen.relative_to(self.canvas).slices)].to(self.codec.walk.device),
            self._distortion(area, seen),
        )
        pixels = self._pixels(area)
        bit = self.price / pixels
        best = block.judged(tile.symbols.y_hat[inner]) + 8 * len(tile.payload) * bit
        others = sum(len(other.payload) for other in self.tiles if other is not tile)

        parts = block.split(tile.coefficients[inner].to(self.codec.walk.device))
        free = None if coded == area else block.split(self._inside(area, coded, parameters, inner))
        how = Annealing(self.plan.iterations, self.plan.learning_rate, self.goal.seed)
        looks = _looks(self.plan)
        for step in anneal(parts, free, block.evaluate, lambda: bit, how):
            self.iterations += 1
            if self.report is not None:
                standing = Standing(self.iterations, self.total, others + step.bits / 8, step.distance)
                self.stopped = bool(self.report(standing))
            if self.stopped or step.iteration in looks:
                candidate = tile.coefficients.clone()
                candidate[inner] = block.join([p.detach() for p in parts]).cpu()
                payload, symbols = self.codec.coder.write(candidate, tile.symbols.hyper_indices, self.rate)
                loss = block.judged(symbols.y_hat[inner]) + 8 * len(payload) * bit
                if loss < best:
                    best = loss
                    tile.payload, tile.symbols = payload, symbols
            if self.stopped:
                break
        tile.coefficients = tile.symbols.y_hat
        self.surroundings[(..., *tile.area.relative_to(self.canvas).slices)] = tile.symbols.y_hat

    def _inside(self, area: Box, coded: Box, parameters: PriorParameters, inner: Any) -> Tensor:
        """Numbers that :meth:`Block.split` turns into ones in the block and zeros around it."""
        steps = parameters.quant_step[inner].clone()
        inside = torch.zeros_like(steps)
        inside[(..., *area.relative_to(coded).slices)] = 1
        return steps * inside

    def _pixels(self, area: Box) -> int:
        box = self._in_pixels(area).cut(self.grid.plane)
        return box.height * box.width

    def _in_pixels(self, area: Box) -> Box:
        factor = self.codec.config.factor
        return Box(area.top * factor, area.left * factor, area.bottom * factor, area.right * factor)

    def _distortion(self, area: Box, seen: Box) -> Distortion:
        """Of the picture of what is seen, counted in the block and a little around it; padding does not count."""
        box = self._in_pixels(seen)
        counted = self._in_pixels(area.grown(_RING, seen)).cut(self.grid.plane)
        weights = torch.zeros(1, 1, box.height, box.width)
        place = (..., *counted.relative_to(box).slices)
        weights[place] = 1 if self.importance is None else torch.from_numpy(self.importance[counted.slices])
        original = torch.from_numpy(padded_crop(self.plane, box).astype(np.float32)).permute(2, 0, 1).unsqueeze(0)
        device = self.codec.walk.device
        original = original.div(127.5).sub(1).to(device, memory_format=torch.channels_last)
        return Distortion(original, weights.to(device), self._pixels(area), _features(str(device)))


@cache
def _features(device: str) -> SqueezeNetFeatures:
    network = FeatureDistance("squeezenet").features.to(device)
    assert isinstance(network, SqueezeNetFeatures)
    return network


def _blocks(area: Box) -> list[Box]:
    """A tile as one block if it is no larger than one, else cut into blocks of :data:`_BLOCK`."""
    if max(area.height, area.width) <= _LARGEST:
        return [area]
    return [
        Box(top, left, min(top + _BLOCK, area.bottom), min(left + _BLOCK, area.right))
        for top in range(area.top, area.bottom, _BLOCK)
        for left in range(area.left, area.right, _BLOCK)
    ]


def _cut(parameters: PriorParameters, place: Any) -> PriorParameters:
    cut = (parameters.quant_step, parameters.scale, parameters.mean, parameters.context)
    return PriorParameters(*(tensor[place].contiguous(memory_format=torch.channels_last) for tensor in cut))


def _looks(plan: Plan) -> set[int]:
    """After which iterations the true bytes are taken: the last, and some evenly before it from the middle on."""
    return {round(plan.iterations * (0.5 + 0.5 * (look + 1) / plan.looks)) for look in range(plan.looks)}
