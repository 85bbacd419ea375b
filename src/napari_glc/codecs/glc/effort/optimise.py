"""Optimising the coefficients of a plane, block by block: more time at the encoder, the same decoder.

::

    effort 0 --> tile by tile, block by block --anneal--> coefficients --SymbolCoder.write--> true bytes
                      ^                                                         |
                      |                                          decoded, compared with the original
                      +------------- kept if it is better by the aim <----------+

A block is a tile, or a part of one larger than 768 pixels a side. It is optimised with what surrounds it held fixed,
and the surroundings are seen up to 64 pixels away, so neighbouring blocks agree about what lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...._base.interruption import checkpoint
from ...._base.progress import Progress, no_progress
from ...._base.quality import steps
from ....container import Box, TileGrid
from ....networks.config import GlcConfig
from ....networks.glc import GlcNetwork
from ....networks.prior import PriorParameters
from ...goals import Standing
from ...optimising.aims import Aim, AsNear, Cheapest, Found, Within
from ...optimising.annealing import Annealing, anneal
from ...optimising.loss import Distortion, distortion_of
from ..cells import in_cells
from ..generators import Generators
from ..symbols import RATE_STEPS, Rounding, SymbolCoder, TileSymbols, to_nearest
from .block import Block, prior_parameters
from .greedy import lessened
from .hyper import nearest_words, retried
from .schedule import Plan, bit_price, plan_of
from .trimming import trimmed, with_threshold

if TYPE_CHECKING:
    from ...base import Plane, PlaneCoding
    from ...blocks import BlockOutputs, BlockWalk

__all__ = ["optimise"]

_LARGEST = 48
"""Longest side of a block in latent positions."""
_BLOCK = 32
"""Side of the blocks of tiles larger than that."""
_MARGIN = 4
"""Latent positions around a block that are seen with it, a multiple of a hyper index."""
_RING = 2
"""Latent positions around a block in which its picture is still looked at."""
_CALM = (0.6, 0.75, 0.95)
"""Thresholds of rounding that are tried for what is least important."""
_TURNS = 4
"""Iterations for each way of looking at a picture, at least: to prepare one takes a third of an iteration."""
_SEED = 0


class SinglePass(Protocol):
    """What of the codec is needed; see :class:`~napari_glc.codecs.glc.codec.GlcCodec`."""

    config: GlcConfig
    net: GlcNetwork
    walk: BlockWalk
    coder: SymbolCoder
    generators: Generators

    def area(self, tile: Box) -> Box:
        """Latent positions of a tile."""
        ...

    def calm(self, coding: PlaneCoding, area: Box) -> Tensor | None:
        """How little positions count."""
        ...

    def coefficients(
        self,
        plane: Plane,
        quality: float,
        progress: Progress,
        latents: BlockOutputs | None = None,
        box: Box | None = None,
    ) -> Tensor:
        """Coefficients of a plane or a part of it."""
        ...

    def write_tiles(
        self, y: Tensor, coding: PlaneCoding, progress: Progress, tiles: Sequence[int] | None = None
    ) -> list[tuple[bytes, TileSymbols]]:
        """Payload and symbols of every tile, or of some."""
        ...

    def render(self, y_hat: Tensor, canvas: Box, quality: float, box: Box, grid: TileGrid, progress: Progress) -> Plane:
        """Pixels of a region from the dequantised coefficients of all it depends on."""
        ...


def optimise(
    codec: SinglePass,
    plane: Plane,
    coding: PlaneCoding,
    progress: Progress = no_progress,
    tiles: Sequence[int] | None = None,
    analysed: BlockOutputs | None = None,
) -> list[tuple[bytes, TileSymbols]]:
    """Payloads and symbols of all tiles in the order of the grid, or of some.

    No tile is worse than with effort 0: what is not better by the goal's own measure is not taken. The same arguments
    give the same bytes on the same machine.

    Parameters
    ----------
    codec
        A codec with its model.
    plane
        ``(H, W, 3)`` uint8.
    coding
        Tiles, quality, effort and goal.
    progress
        See :data:`~napari_glc._base.progress.Progress`.
    tiles
        Those wanted, which make up a rectangle; ``None`` for all.
    analysed
        From the codec's ``analyse`` of the same tiles, if it is at hand.
    """
    with torch.inference_mode(False), torch.no_grad():
        return _Optimisation(codec, plane, coding, progress, tiles, analysed).run()


@dataclass
class _Tile:
    """A tile as it stands."""

    area: Box
    payload: bytes
    symbols: TileSymbols
    coefficients: Tensor
    """Float32 ``(1, N, h, w)``: as analysed, then as dequantised."""


@dataclass
class _Tally:
    """Distances of the blocks looked at, weighed by their pixels."""

    pixels: int = 0
    total: float = 0.0

    def add(self, distance: float, pixels: int) -> None:
        self.pixels += pixels
        self.total += distance * pixels

    def with_(self, distance: float, pixels: int) -> float:
        """The mean, one more block counted."""
        return (self.total + distance * pixels) / (self.pixels + pixels)


class _Optimisation:
    def __init__(
        self,
        codec: SinglePass,
        plane: Plane,
        coding: PlaneCoding,
        progress: Progress,
        tiles: Sequence[int] | None,
        analysed: BlockOutputs | None,
    ) -> None:
        self.codec, self.plane, self.coding, self.grid = codec, plane, coding, coding.grid
        self.plan, self.goal, self.progress = plan_of(coding.effort), coding.goal, progress
        self.rate = steps(coding.quality)
        self.position = self.rate / RATE_STEPS * (codec.config.rate_points - 1)
        self.price = bit_price(coding.quality) * self._greatest()
        self.wanted = list(range(len(self.grid)) if tiles is None else tiles)
        self.box = self.grid.around(tiles)
        self.canvas, self.surroundings, self.tiles = self._single_pass(tiles, analysed)
        self.stopped = False
        self.tally = _Tally()
        self.iterations = 0
        # the looks of a block count as one more iteration
        self.total = (self.plan.iterations + 1) * sum(len(_blocks(tile.area)) for tile in self.tiles)

    def _single_pass(
        self, tiles: Sequence[int] | None, analysed: BlockOutputs | None
    ) -> tuple[Box, Tensor, list[_Tile]]:
        """Effort 0: coefficients around what is wanted, and the tiles as written."""
        codec, whole = self.codec, self.codec.walk.aligned(self.grid.plane)
        box = codec.walk.aligned(self.box)
        margin = codec.walk.synthesis_margin
        around = whole if margin is None else box.grown(_MARGIN * codec.config.factor, whole)
        known = analysed if around == box else None
        y = codec.coefficients(self.plane, self.coding.quality, no_progress, known, around).clone()
        canvas = codec.area(around)
        inner = y[(..., *codec.area(box).relative_to(canvas).slices)]
        coded = codec.write_tiles(inner, self.coding, no_progress, tiles)
        found = []
        for index, (payload, symbols) in zip(self.wanted, coded, strict=True):
            area = codec.area(self.grid[index])
            place = (..., *area.relative_to(canvas).slices)
            # what was left out where little counts is not to come back by rounding
            calm = codec.calm(self.coding, area)
            begun = y[place].clone() if calm is None else torch.where(calm > 0, symbols.y_hat, y[place])
            found.append(_Tile(area, payload, symbols, begun))
            y[place] = symbols.y_hat
        return canvas, y, found

    def _greatest(self) -> float:
        """The array's greatest weight, as pixels are weighed here: it is what has the price of the quality."""
        weights, calm = self.goal.importance, self.goal.calm
        if weights is None or calm is None:
            return 1.0
        place = int(weights.argmax())
        return float(weights.flat[place] * 2 ** calm.flat[place])

    def run(self) -> list[tuple[bytes, TileSymbols]]:
        left = None if self.goal.most_bytes is None else self.goal.most_bytes
        unseen = self._bytes()
        for tile in self.tiles:
            single = len(tile.payload)
            if self.stopped:
                break
            # what one tile leaves over, the next may have
            allowed = None if left is None else left * single / max(unseen, 1)
            self._improve(tile, allowed)
            unseen -= single
            left = None if left is None else left - len(tile.payload)
        return [(tile.payload, tile.symbols) for tile in self.tiles]

    def _bytes(self) -> int:
        return sum(len(tile.payload) for tile in self.tiles)

    def _improve(self, tile: _Tile, allowed: float | None) -> None:
        parameters = prior_parameters(self.codec.net, tile.symbols.hyper_indices, self.position)
        blocks = _blocks(tile.area)
        for done, area in enumerate(blocks):
            if not self.stopped:
                spare = None if allowed is None else (allowed - len(tile.payload)) / (len(blocks) - done)
                self._improve_block(tile, area, parameters, spare)

    def _aim(self, tile: _Tile, look: float, bit: float, spare: float | None) -> Aim:
        """What is wanted of a block of a tile that may have some more bytes than it has, and now has this distance."""
        if spare is not None:
            return Within(len(tile.payload) + spare)
        if self.goal.distance_ratio is not None:
            return AsNear(look * self.goal.distance_ratio)
        return Cheapest(bit)

    def _improve_block(self, tile: _Tile, area: Box, parameters: PriorParameters, spare: float | None) -> None:
        net = self.codec.net
        coded = area.grown(_MARGIN, tile.area)
        whole = self.codec.walk.synthesis_margin is None
        seen = self.canvas if whole else area.grown(_MARGIN, self.canvas)
        inner = (..., *coded.relative_to(tile.area).slices)
        block = Block(
            net,
            self.codec.generators.chosen(None),
            self.position,
            _cut(parameters, inner),
            coded,
            seen,
            self.surroundings[(..., *seen.relative_to(self.canvas).slices)].to(self.codec.walk.device),
            self._distortion(area, seen),
            views=max(1, self.plan.iterations // _TURNS),
        )
        pixels = self._pixels(area)
        bit = self.price / pixels
        best = self._found(block, tile.payload, tile.symbols, inner)
        aim = self._aim(tile, best.look, bit, spare)
        others = self._bytes() - len(tile.payload)
        self._tell(others + best.bytes, best.distance, best, pixels, improved=False)
        if self.stopped:
            return

        parts = block.split(tile.coefficients[inner].to(self.codec.walk.device))
        indices = tile.symbols.hyper_indices
        free = None if coded == area else block.split(self._inside(area, coded, parameters, inner))

        def taken(rounding: Rounding = to_nearest) -> Found:
            """Write what there is; take it if it is better."""
            nonlocal best
            checkpoint()
            candidate = tile.coefficients.clone()
            candidate[inner] = block.join([p.detach() for p in parts]).cpu()
            payload, symbols = self.codec.coder.write(candidate, indices, self.rate, rounding)
            found = self._found(block, payload, symbols, inner)
            if aim.key(found) < aim.key(best):
                best = found
                tile.payload, tile.symbols = payload, symbols
                self.surroundings[(..., *tile.area.relative_to(self.canvas).slices)] = symbols.y_hat
            return found

        # a word concerns the cells around its own as well, so only whole tiles change any
        if self.plan.words and area == tile.area:
            indices, before = self._retried(tile, block, parts, bit), best
            taken()
            self._tell(others + best.bytes, best.distance, best, pixels, improved=best is not before)
            if self.stopped:
                return
        calm = self._calm(tile.area)
        thresholds = with_threshold(calm)
        plan, looks = self.plan, _looks(self.plan)
        price = aim.price(bit, self._fixed_bits(tile, block, parts), plan.iterations)
        if plan.warmth:
            how = Annealing(plan.iterations, plan.learning_rate, plan.warmth, _SEED)
            work = anneal(parts, free, block, price, how)
        else:
            work = lessened(block, parts, free, bit, plan.iterations)
        for step in work:
            price.hear(step)
            before = best
            last = step.iteration == plan.iterations
            if step.iteration in looks:
                found = taken()
                if last:
                    trimmed(taken, found, aim, thresholds)
                    if calm is not None:
                        # what the rest can do without, if the region is to have it
                        for threshold in _CALM:
                            taken(thresholds(threshold))
            self._tell(others + step.bits / 8, step.distance, best, pixels, improved=best is not before, step=True)
            if self.stopped:
                if step.iteration not in looks:
                    taken()
                break
        self.iterations += 1
        self.tally.add(best.distance, pixels)
        tile.coefficients = tile.symbols.y_hat

    def _retried(self, tile: _Tile, block: Block, parts: Sequence[Tensor], bit: float) -> NDArray[np.int64]:
        """Hyper indices for the coefficients of a tile, of which the block knows the prior's answers afterwards."""

        def cost(indices: NDArray[np.int64]) -> Tensor:
            checkpoint()
            return block.cells(parts, indices, bit)

        y = tile.coefficients.to(self.codec.walk.device)
        candidates = nearest_words(self.codec.net, y, tile.symbols.hyper_indices, self.plan.words)
        indices = tile.symbols.hyper_indices
        for _ in range(self.plan.rounds):
            indices = retried(indices, candidates, cost)
        block.expect(prior_parameters(self.codec.net, indices, self.position))
        return indices

    def _calm(self, area: Box) -> Tensor | None:
        """How unimportant the positions of a tile are ``(h, w)``, 0 to 1; ``None`` if all are alike."""
        if self.goal.importance is None:
            return None
        means = in_cells(self.goal.importance, area, self.codec.config.factor, self.grid.plane).mean((1, 3))
        return torch.from_numpy(1 - means / max(float(self.goal.importance.max()), 1e-12))

    def _found(self, block: Block, payload: bytes, symbols: TileSymbols, inner: Any) -> Found:
        return Found(len(payload), *block.judged(symbols.y_hat[inner]))

    def _fixed_bits(self, tile: _Tile, block: Block, parts: list[Tensor]) -> float:
        """Bits of the tile's payload that the block's coefficients do not change."""
        if self.goal.most_bytes is None:
            return 0.0
        _, bits = block.code(parts, torch.round)
        return 8 * len(tile.payload) - float(bits)

    def _tell(
        self, size: float, distance: float, best: Found, pixels: int, *, improved: bool, step: bool = False
    ) -> None:
        self.iterations += step
        self.progress(min(self.iterations, self.total - 1), self.total)
        if self.goal.watch is None:
            return
        standing = Standing(
            iteration=self.iterations,
            total=self.total,
            bytes=size,
            distance=self.tally.with_(distance, pixels),
            best_bytes=self._bytes(),
            best_distance=self.tally.with_(best.distance, pixels),
            improved=improved,
            box=self.box,
            picture=self._picture,
        )
        self.stopped = bool(self.goal.watch(standing))

    def _picture(self) -> Plane:
        return self.codec.render(self.surroundings, self.canvas, self.coding.quality, self.box, self.grid, no_progress)

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
        counted = self._in_pixels(area.grown(_RING, seen)).cut(self.grid.plane)
        return distortion_of(
            self.plane,
            self._in_pixels(seen),
            counted,
            self.goal.importance,
            self._pixels(area),
            self.codec.walk.device,
        )


def _blocks(area: Box) -> list[Box]:
    """A tile as one block if it is no larger than one, else cut into blocks of :data:`_BLOCK`."""
    return [area] if max(area.height, area.width) <= _LARGEST else area.pieces(_BLOCK)


def _cut(parameters: PriorParameters, place: Any) -> PriorParameters:
    cut = (parameters.quant_step, parameters.scale, parameters.mean, parameters.context)
    return PriorParameters(*(tensor[place].contiguous(memory_format=torch.channels_last) for tensor in cut))


def _looks(plan: Plan) -> set[int]:
    """After which iterations the true bytes are taken: the last, and some evenly before it, not too early."""
    return {round(plan.iterations * (0.3 + 0.7 * (look + 1) / plan.looks)) for look in range(plan.looks)}
