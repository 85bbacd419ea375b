"""An index map optimised block by block: more time at the encoder, the same decoder.

::

    nearest codewords --> tile by tile, block by block --choose--> indices --coder--> true bytes
                                ^                                               |
                                |                             generated, compared with the original
                                +------------ kept if it is better by the aim <-+

What a bit is worth is not known of an index map, whose rates are levels; it is measured: how much nearer the next
codebook comes, and what it costs. A block is a tile, or a part of one larger than 768 pixels a side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ...._base.interruption import checkpoint
from ...._base.progress import Progress, no_progress
from ....container import Box, TileGrid
from ....metrics.views import VIEWS
from ....networks.config import VqganConfig
from ....networks.index_map import IndexMapNetwork
from ...goals import Standing
from ...index_mapped import DamagedMap, IndexMap
from ...optimising.aims import Aim, AsNear, Cheapest, Found, Within
from ...optimising.loss import Distortion, distortion_of, fast_precision, in_eight_bits
from ..index_coders import IndexCoder, TransformerCoder
from ..packets import packet_map
from .mixing import Candidates, choose

if TYPE_CHECKING:
    from ...base import Plane, PlaneCoding
    from ...blocks import BlockOutputs, BlockWalk

__all__ = ["optimised_map"]

_LARGEST, _BLOCK = 48, 32
"""Longest side of a block, and side of the blocks of larger tiles, in index positions."""
_MARGIN = 8
"""Positions around a block that are generated with it."""
_CANDIDATES = 6
_ITERATIONS = (0, 2, 3, 5, 12, 30, 55, 90, 140, 230)
"""By effort."""
_RATES = (0.0, 0.6, 0.5, 0.45, 0.3, 0.25, 0.2, 0.15, 0.12, 0.1)
_TURNS = 4
"""Iterations for each way of looking at a picture, at least."""
_REFRESHED = 12
"""Iterations after which the bits of candidates are computed anew: they depend on the choices around them."""


class Nearest(Protocol):
    """What of the codec is needed; see :class:`~napari_glc.codecs.vqgan.codec.VqganCodec`."""

    config: VqganConfig
    net: IndexMapNetwork
    walk: BlockWalk

    def level(self, quality: float) -> int:
        """Rate level of a quality."""
        ...

    def coders(self, wanted: str) -> list[IndexCoder]:
        """The index coders that are tried."""
        ...

    def render(self, found: DamagedMap, quality: float, box: Box, grid: TileGrid, progress: Progress) -> Plane:
        """Pixels of a region of an index map."""
        ...


def optimised_map(
    codec: Nearest,
    plane: Plane,
    coding: PlaneCoding,
    progress: Progress,
    tiles: Sequence[int] | None = None,
    analysed: BlockOutputs | None = None,
) -> IndexMap:
    """Indices ``(h, w)`` of all tiles, or of the rectangle some make up; see the codec's ``encode``."""
    with torch.inference_mode(False), torch.no_grad():
        return _Optimisation(codec, plane, coding, progress, tiles, analysed).run()


class _Optimisation:
    def __init__(
        self,
        codec: Nearest,
        plane: Plane,
        coding: PlaneCoding,
        progress: Progress,
        tiles: Sequence[int] | None,
        analysed: BlockOutputs | None,
    ) -> None:
        self.codec, self.plane, self.coding, self.progress = codec, plane, coding, progress
        self.goal, self.level = coding.goal, codec.level(coding.quality)
        self.box = coding.grid.around(tiles)
        self.canvas = self._area(self.box)
        latent = codec.walk.analyse(plane, codec.net.analyse, no_progress, self.box, known=analysed)
        self.latent = latent.float().clone()
        self.indices = self._nearest(self.level)
        wanted = range(len(coding.grid)) if tiles is None else tiles
        self.areas = [self._area(coding.grid[tile]) for tile in wanted]
        self.coder, self.sizes = self._smallest()
        self.iterations = 0
        each = _ITERATIONS[coding.effort] + 1
        self.total = each * sum(len(_blocks(area)) for area in self.areas)
        self.stopped = False

    def _smallest(self) -> tuple[IndexCoder, list[int]]:
        """The coder that is smallest for the nearest codewords, and bytes of the tiles."""
        coders = self.codec.coders(self.coding.options.index_coder)
        tried = [[self._size(area, self.indices, self.level, coder) for area in self.areas] for coder in coders]
        return min(zip(coders, tried, strict=True), key=lambda one: sum(one[1]))

    def _area(self, box: Box) -> Box:
        return box.divided(self.codec.config.factor)

    def _nearest(self, level: int) -> IndexMap:
        found: IndexMap = (
            self.codec.net.codebook(level).indices(self.latent.to(self.codec.walk.device))[0].cpu().numpy()
        )
        return found

    def _place(self, area: Box) -> tuple[slice, slice]:
        return area.relative_to(self.canvas).slices

    def _size(self, area: Box, indices: IndexMap, level: int, coder: IndexCoder | None = None) -> int:
        """True bytes of a tile."""
        count, coder = self.coding.packets, coder or self.coder
        packets = packet_map(area.height, area.width, count)
        return sum(map(len, coder.write(indices[self._place(area)], packets, count, level, checkpoint)))

    def run(self) -> IndexMap:
        left, unseen = self.goal.most_bytes, sum(self.sizes)
        for number, area in enumerate(self.areas):
            if self.stopped:
                break
            single = self.sizes[number]
            allowed = None if left is None else left * single / max(unseen, 1)
            blocks = _blocks(area)
            for done, block in enumerate(blocks):
                if not self.stopped:
                    spare = None if allowed is None else (allowed - self.sizes[number]) / (len(blocks) - done)
                    self._improve(number, area, block, spare)
            unseen -= single
            left = None if left is None else left - self.sizes[number]
        return self.indices

    def _improve(self, number: int, tile: Box, area: Box, spare: float | None) -> None:
        book = self.codec.net.codebook(self.level)
        whole = self.codec.walk.synthesis_margin is None
        seen = self.canvas if whole else area.grown(_MARGIN, self.canvas)
        distortion = self._distortion(area, seen)
        inner = area.relative_to(seen).slices
        around = book.lookup(self._of(self.indices, seen))

        def judged(indices: IndexMap, level: int) -> tuple[float, float]:
            words = self.codec.net.codebook(level).lookup(self._of(indices, seen))
            distance, look = distortion(in_eight_bits(self.codec.net.generate(words, level)))
            return float(distance), look

        best = Found(self.sizes[number], *judged(self.indices, self.level))
        bit = self._price(tile, area, best, judged)
        aim: Aim = Cheapest(bit)
        if spare is not None:
            aim = Within(best.bytes + spare)
        elif self.goal.distance_ratio is not None:
            aim = AsNear(best.look * self.goal.distance_ratio)
        self._tell(best.bytes, best.distance, number, best, improved=False)
        if self.stopped:
            return

        vectors = self.latent[(..., *self._place(area))].to(around.device)[0].flatten(1).T
        candidates = Candidates.nearest(vectors, book.embedding.weight.detach(), _CANDIDATES)
        iterations = _ITERATIONS[self.coding.effort]
        turn, views = 0, VIEWS[: max(1, iterations // _TURNS)]

        def distortion_of_mixture(words: Tensor) -> tuple[Tensor, float]:
            nonlocal turn
            turn += 1
            shown = around.clone()
            shown[(..., *inner)] = words.T.reshape(1, -1, area.height, area.width)
            with fast_precision(shown.device):
                picture = self.codec.net.generate(shown, self.level)
            if picture.requires_grad:
                picture.register_hook(_look_up)
            return distortion(picture, views[turn % len(views)])

        costs = _Costs(lambda choices: self._candidate_bits(tile, area, candidates, choices))
        others = best.bytes - float(costs(candidates.indices.new_zeros(len(vectors)))[:, 0].sum()) / 8
        price = aim.price(bit, 8 * others, iterations)
        looks = {iterations, iterations - iterations // 5}
        for step, choices in choose(
            candidates, distortion_of_mixture, costs, price, iterations, _RATES[self.coding.effort]
        ):
            price.hear(step)
            self.iterations += 1
            improved = False
            if step.iteration in looks:
                trial = self._with(area, candidates, choices)
                found = Found(self._size(tile, trial, self.level), *judged(trial, self.level))
                improved = aim.key(found) < aim.key(best)
                if improved:
                    best, self.indices, self.sizes[number] = found, trial, found.bytes
            self._tell(others + step.bits / 8, step.distance, number, best, improved=improved)
            if self.stopped:
                break
        self.iterations += 1

    def _of(self, indices: IndexMap, area: Box) -> Tensor:
        part = np.ascontiguousarray(indices[self._place(area)])
        return torch.from_numpy(part)[None].to(self.codec.walk.device)

    def _with(self, area: Box, candidates: Candidates, choices: Tensor) -> IndexMap:
        chosen = candidates.indices.gather(1, choices[:, None])[:, 0]
        trial = self.indices.copy()
        trial[self._place(area)] = chosen.view(area.height, area.width).cpu().numpy()
        return trial

    def _candidate_bits(self, tile: Box, area: Box, candidates: Candidates, choices: Tensor) -> Tensor:
        """Bits ``(n, k)`` of candidates in a block of a tile, everything else as chosen."""
        if not isinstance(self.coder, TransformerCoder):
            # nothing is known of what other coders make of a single index
            return torch.zeros(candidates.preference.shape, device=choices.device)
        count = self.coding.packets
        indices = self._with(area, candidates, choices)[self._place(tile)]
        place = area.relative_to(tile).slices
        options = np.repeat(indices[..., np.newaxis], candidates.indices.shape[1], axis=-1)
        options[place] = candidates.indices.view(area.height, area.width, -1).cpu().numpy()
        packets = packet_map(tile.height, tile.width, count)
        bits = self.coder.option_bits(indices, options, packets, count, self.level, checkpoint)
        part = np.ascontiguousarray(bits[place].reshape(-1, options.shape[-1]))
        return torch.from_numpy(part).float().to(choices.device)

    def _price(self, tile: Box, area: Box, now: Found, judged: Callable[[IndexMap, int], tuple[float, float]]) -> float:
        """What a bit is worth: by how much the next codebook comes nearer, for each bit it takes more."""
        levels = len(self.codec.config.codebooks)
        other = self.level - 1 if self.level > 0 else min(1, levels - 1)
        indices = self._nearest(other)
        farther = judged(indices, other)[0] - now.distance
        # the block's share of the bits the tile would save
        saved = 8.0 * (now.bytes - self._size(tile, indices, other))
        saved *= area.height * area.width / (tile.height * tile.width)
        return max(farther / saved, 1e-9) if saved else 1e-9

    def _distortion(self, area: Box, seen: Box) -> Distortion:
        factor, plane = self.codec.config.factor, self.coding.grid.plane

        def in_pixels(box: Box) -> Box:
            return Box(box.top * factor, box.left * factor, box.bottom * factor, box.right * factor)

        own = in_pixels(area).cut(plane)
        counted = in_pixels(area.grown(2, seen)).cut(plane)
        pixels = own.height * own.width
        return distortion_of(self.plane, in_pixels(seen), counted, self.goal.importance, pixels, self.codec.walk.device)

    def _tell(self, size: float, distance: float, number: int, best: Found, *, improved: bool) -> None:
        self.progress(min(self.iterations, self.total - 1), self.total)
        if self.goal.watch is None:
            return
        total = sum(self.sizes)
        standing = Standing(
            iteration=self.iterations,
            total=self.total,
            bytes=total - self.sizes[number] + size,
            distance=distance,
            best_bytes=total,
            best_distance=best.distance,
            improved=improved,
            box=self.box,
            picture=self._picture,
        )
        self.stopped = bool(self.goal.watch(standing))

    def _picture(self) -> Any:
        found = DamagedMap(self.canvas, self.indices, 0, ())
        return self.codec.render(found, self.coding.quality, self.box, self.coding.grid, no_progress)


class _Costs:
    """Bits of candidates, computed anew now and then."""

    def __init__(self, compute: Callable[[Tensor], Tensor]) -> None:
        self._compute, self._asked = compute, 0
        self._known: Tensor | None = None

    def __call__(self, choices: Tensor) -> Tensor:
        if self._known is None or self._asked % _REFRESHED == 0:
            self._known = self._compute(choices)
        self._asked += 1
        return self._known


def _look_up(gradient: Tensor) -> None:
    checkpoint()


def _blocks(area: Box) -> list[Box]:
    """A tile as one block if it is no larger than one, else cut into blocks of :data:`_BLOCK`."""
    return [area] if max(area.height, area.width) <= _LARGEST else area.pieces(_BLOCK)
