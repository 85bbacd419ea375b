"""The index transformer one wave of positions at a time, keys and values kept.

Slots that do not depend on each other are evaluated together: with neighbourhoods of reach R, slot *s* of row *r*
depends on slots up to ``s + R`` of the rows above, so all slots of equal ``s + (R + 1) r`` make a wave. A map
of 32 x 48 takes 142 waves instead of 1568 steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from .fixed_attention import MASKED, FixedTokens
from .fixed_waves import FixedWaves, embedded, fixed_waves
from .index_transformer import Block, IndexTransformer, neighbour_offsets

__all__ = ["IndexWaves", "wave_order"]


@dataclass(frozen=True)
class _Wave:
    """Slots that are evaluated together, at most one a row.

    Attributes
    ----------
    first
        Their first row; the others follow, none left out.
    before
        Flat map position whose index each slot holds; any where it holds a row-start token.
    starts
        Whether it does.
    idle
        How many of them, 0 or 1 at the beginning, predict nothing because the row ends with them.
    positions
        Flat map positions of the indices the others predict.
    """

    first: int
    before: Tensor
    starts: Tensor
    idle: int
    positions: Tensor


@lru_cache(maxsize=16)
def _waves(height: int, width: int, reach: int) -> tuple[_Wave, ...]:
    """The waves of a map with `width` columns; those of narrow maps may be empty."""
    found = []
    for number in range(width + 1 + (reach + 1) * (height - 1)):
        first = max(0, math.ceil((number - width) / (reach + 1)))
        row = torch.arange(first, min(height, number // (reach + 1) + 1))
        slot = number - (reach + 1) * row
        idle = int((slot == width).sum())
        before, positions = row * width + (slot - 1).clamp_min(0), (row * width + slot)[idle:]
        found.append(_Wave(first, before, slot == 0, idle, positions))
    return tuple(found)


@lru_cache(maxsize=32)
def _there(height: int, width: int, reach: int, greatest: int) -> Tensor:
    """Whether there is a slot at each offset, for all slots wave by wave: ``(offsets, slots)``."""
    up, right = torch.tensor(neighbour_offsets(reach)).t()
    row, slot = torch.meshgrid(torch.arange(height), torch.arange(width + 1), indexing="ij")
    order = (slot + (greatest + 1) * row).flatten().argsort(stable=True)
    rows, columns = row.flatten()[order] - up.unsqueeze(1), slot.flatten()[order] + right.unsqueeze(1)
    there: Tensor = (rows >= 0) & (columns >= 0) & (columns <= width)
    return there


def wave_order(height: int, width: int, reach: int) -> list[Tensor]:
    """Flat map positions in the order in which waves reach them; the order of a coded stream.

    Parameters
    ----------
    height, width
        Of the map.
    reach
        Greatest reach of the transformer's layers.
    """
    return [wave.positions for wave in _waves(height, width, reach)]


class _Layer(Protocol):
    """See :class:`~napari_glc.networks.fixed_waves.FixedWaveLayer`."""

    def project(self, x: Tensor) -> Tensor: ...

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor: ...

    def finish(self, x: Tensor, attended: Tensor) -> Tensor: ...


class _FloatLayer:
    """One layer in floating point; see :class:`~napari_glc.networks.fixed_waves.FixedWaveLayer`."""

    def __init__(self, block: Block) -> None:
        self.block = block
        parts = (block.attn.query, block.attn.key, block.attn.value)
        self.weight, self.bias = torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])

    def project(self, x: Tensor) -> Tensor:
        return F.linear(self.block.ln1(x), self.weight, self.bias)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        scores = (key * query).sum(-1).div_(math.sqrt(query.shape[-1])).flatten(0, 1).add_(bias)
        weights = scores.softmax(0).to(value.dtype).unflatten(0, key.shape[:2])
        out: Tensor = (value * weights.unsqueeze(-1)).sum((0, 1))
        return out

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.block.attn.proj(attended)
        out: Tensor = x + self.block.mlp(self.block.ln2(x))
        return out


class _FloatWaves:
    """What waves compute in floating point; see :class:`~napari_glc.networks.fixed_waves.FixedWaves`."""

    def __init__(self, transformer: IndexTransformer) -> None:
        self.transformer = transformer
        self.layers = [_FloatLayer(block) for block in transformer.blocks if isinstance(block, Block)]

    def tokens_of(self, transformer: IndexTransformer, level: int, direction: int) -> tuple[Tensor, Tensor]:
        return embedded(transformer, self.layers[0].project, level, direction)

    def logits(self, features: Tensor, level: int) -> Tensor:
        return self.transformer.logits(self.transformer.ln_f(features), level)


class _Kept:
    """Keys and values of a layer for the last waves.

    They lie by wave and row. There the neighbours of all slots of a wave have the same distances in memory, so they
    are a view: nothing is gathered.

    Parameters
    ----------
    like
        Of the same type and device.
    rows
        Of the map.
    shape
        What is kept of one slot.
    reach
        Of the layer.
    greatest
        Reach that makes the waves.
    """

    def __init__(self, like: Tensor, rows: int, shape: tuple[int, ...], reach: int, greatest: int) -> None:
        self.reach, self.greatest = reach, greatest
        # the wave of the neighbour furthest behind; up to `reach` waves ahead are looked at as well, and count nothing
        self.back = reach * (greatest + 2)
        self.kept = like.new_zeros(4 * self.back, rows + reach, *shape)
        self.at = self.back - 1

    def step(self) -> None:
        """The next wave."""
        self.at += 1
        if self.at + self.reach >= len(self.kept):
            self.kept[: self.back] = self.kept[self.at - self.back : self.at]
            self.at = self.back

    def write(self, first: int, kept: Tensor) -> None:
        """Keep ``(n, ...)`` of the slots of this wave, from row `first` on."""
        self.kept[self.at, first + self.reach : first + self.reach + len(kept)] = kept

    def near(self, first: int, count: int) -> Tensor:
        """What was kept of the neighbours of slots of this wave: ``(reach + 1, 2 reach + 1, n, ...)``."""
        wave, row, *rest = self.kept.stride()
        begin = self.at - self.back
        return self.kept.as_strided(
            (self.reach + 1, 2 * self.reach + 1, count, *self.kept.shape[2:]),
            ((self.greatest + 1) * wave + row, wave, row, *rest),
            begin * wave + first * row,
        )


class IndexWaves:
    """Logits of all positions of maps, wave by wave.

    Whoever iterates writes each index into `indices` before asking for the next wave, if it is not there yet.

    Parameters
    ----------
    transformer
        In floating point or converted by :func:`~napari_glc.networks.fixed_point.to_fixed_point`.
    indices
        Int64 ``(B, H, W)``; -1 where unknown for good. Read while iterating.
    level
        Rate level of their codebook.
    direction
        0, or 1 if the maps are turned by 180 degrees.
    wanted
        Bool ``(H, W)``: whose logits are asked for; ``None`` for all.
    """

    def __init__(
        self,
        transformer: IndexTransformer,
        indices: Tensor,
        level: int,
        direction: int = 0,
        wanted: Tensor | None = None,
    ) -> None:
        self.transformer, self.indices, self.level = transformer, indices, level
        self.wanted = None if wanted is None else wanted.flatten().cpu()
        like = transformer.direction
        batch, height, width = indices.shape
        blocks = [block for block in transformer.blocks if isinstance(block, Block)]
        self.greatest = max(transformer.config.reaches)
        fixed = isinstance(transformer.tok_emb, FixedTokens)
        self.computed: FixedWaves | _FloatWaves = fixed_waves(transformer) if fixed else _FloatWaves(transformer)
        self.layers: Sequence[_Layer] = self.computed.layers
        masked = MASKED if fixed else -math.inf
        self.embedded, self.projected = self.computed.tokens_of(transformer, level, direction)
        self.heads = transformer.config.heads
        shape = batch, 2, self.heads, transformer.config.width // self.heads
        self.kept = [_Kept(like, height, shape, block.reach, self.greatest) for block in blocks]
        # looked up once for the whole map, a row for each offset: ``(offsets, slots, 1, heads)``
        self.bias = []
        for block in blocks:
            table = block.attn.offset_bias.t()
            there = _there(height, width, block.reach, self.greatest).unsqueeze(2).to(table.device)
            bias = torch.where(there, table.unsqueeze(1), masked)
            # neighbours to the right in the same row
            bias = torch.cat((bias, bias.new_full((block.reach, *bias.shape[1:]), masked)))
            self.bias.append(bias.unsqueeze(2))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield flat positions ``(n,)`` and the logits ``(B, n, K)`` of their indices, wave by wave.

        Waves none of whose positions are wanted yield nothing.
        """
        _, height, width = self.indices.shape
        done = 0
        for wave in _waves(height, width, self.greatest):
            asked: slice | Tensor = slice(wave.idle, None)
            positions = wave.positions
            if self.wanted is not None:
                chosen = self.wanted[positions]
                asked, positions = chosen.nonzero().flatten() + wave.idle, positions[chosen]
            for kept in self.kept:
                kept.step()
            features = self._features(wave, slice(done, done + len(wave.before)), asked, len(positions))
            done += len(wave.before)
            if features is not None:
                yield positions, self.computed.logits(features, self.level)

    def _tokens(self, wave: _Wave) -> Tensor:
        """``(n x B,)``, counted from the first of the codebook: its last two are the mask and the row start."""
        size = self.transformer.vocabulary.codebooks[self.level]
        before = self.indices.flatten(1)[:, wave.before].t()
        words = torch.where(before < 0, size, before)
        return words.masked_fill_(wave.starts.to(words.device).unsqueeze(1), size + 1).flatten()

    def _features(self, wave: _Wave, slots: slice, asked: slice | Tensor, count: int) -> Tensor | None:
        """Residual stream ``(B, n, C)`` of `count` slots of a wave; keys and values of all of them are kept."""
        rows, batch = len(wave.before), len(self.indices)
        if not rows:
            return None
        tokens = self._tokens(wave)
        x = self.embedded.index_select(0, tokens).unflatten(0, (rows, batch))
        for layer, kept, bias in zip(self.layers, self.kept, self.bias, strict=True):
            first = kept is self.kept[0]
            projected = self.projected.index_select(0, tokens) if first else layer.project(x.flatten(0, 1))
            projected = projected.view(rows, batch, 3, self.heads, -1)
            query = projected[:, :, 0]
            kept.write(wave.first, projected[:, :, 1:])
            near, biased = kept.near(wave.first, rows), bias[:, slots]
            if kept is self.kept[-1]:
                # nobody attends to what the last layer makes of a slot
                if not count:
                    return None
                x, query, near, biased = x[asked], query[asked], near[:, :, asked], biased[:, asked]
            attended = layer.attend(query, near[..., 0, :, :], near[..., 1, :, :], biased)
            x = layer.finish(x.flatten(0, 1), attended.flatten(2).flatten(0, 1)).unflatten(0, (-1, batch))
        features: Tensor = x.transpose(0, 1)
        return features
