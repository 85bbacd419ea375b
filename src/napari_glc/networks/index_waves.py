"""The index transformer one wave of positions at a time, keys and values kept.

Slots that do not depend on each other are evaluated together: with neighbourhoods of reach R, slot *s* of row *r*
depends on slots up to ``s + R`` of the rows above, so all slots of equal ``s + (R + 1) r`` make a wave. A map
of 32 x 48 takes 142 waves instead of 1568 steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

from .fixed_attention import MASKED, FixedTokens
from .index_transformer import IndexTransformer, _Block, neighbour_offsets

__all__ = ["IndexWaves", "wave_order"]


@lru_cache(maxsize=16)
def _slot_waves(height: int, width: int, reach: int) -> tuple[Tensor, ...]:
    """Flat slot numbers of each wave of a map with `width` columns, rows of a wave in rising order."""
    slots = width + 1
    row, slot = torch.meshgrid(torch.arange(height), torch.arange(slots), indexing="ij")
    number = (slot + (reach + 1) * row).flatten()
    order = number.argsort(stable=True)
    return tuple(order.split(torch.bincount(number).tolist()))


@lru_cache(maxsize=32)
def _neighbours(height: int, width: int, reach: int) -> tuple[Tensor, Tensor]:
    """For each slot the slots it attends to, and whether they exist; both ``(slots, offsets)``."""
    slots = width + 1
    up, right = torch.tensor(neighbour_offsets(reach)).t()
    row, slot = torch.meshgrid(torch.arange(height), torch.arange(slots), indexing="ij")
    rows, columns = row.reshape(-1, 1) - up, slot.reshape(-1, 1) + right
    there = (rows >= 0) & (columns >= 0) & (columns < slots)
    return torch.where(there, rows * slots + columns, 0), there


def wave_order(height: int, width: int, reach: int) -> list[Tensor]:
    """Flat map positions in the order in which waves reach them; the order of a coded stream.

    Parameters
    ----------
    height, width
        Of the map.
    reach
        Greatest reach of the transformer's layers.
    """
    return [_positions(wave, width)[1] for wave in _slot_waves(height, width, reach)]


def _positions(wave: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Which slots of a wave predict an index, and the flat positions of those indices."""
    predicts = wave % (width + 1) < width
    kept = wave[predicts]
    return predicts, kept // (width + 1) * width + kept % (width + 1)


class IndexWaves:
    """Evaluates a transformer over maps whose indices become known while it runs.

    Parameters
    ----------
    transformer
        With reaches; in floating point, or converted by
        :func:`~napari_glc.networks.fixed_point.to_fixed_point`.
    indices
        Int64 ``(B, H, W)``, -1 where unknown. Read when a wave needs them: write an index as soon as it is known.
    level
        Rate level of their codebook.
    direction
        0, or 1 if the maps are turned by 180 degrees.
    """

    def __init__(self, transformer: IndexTransformer, indices: Tensor, level: int, direction: int = 0) -> None:
        self.transformer, self.indices, self.level, self.direction = transformer, indices, level, direction
        fixed = isinstance(transformer.tok_emb, FixedTokens)
        self.masked = MASKED if fixed else -math.inf
        batch, height, width = indices.shape
        self.blocks = [block for block in transformer.blocks if isinstance(block, _Block)]
        head = transformer.config.width // transformer.config.heads
        kept = (batch, height * (width + 1), transformer.config.heads, head)
        like = transformer.direction
        self.keys = [like.new_zeros(kept) for _ in self.blocks]
        self.values = [like.new_zeros(kept) for _ in self.blocks]
        # looked up once for the whole map: waves are many and small
        self.near, self.bias = [], []
        for block in self.blocks:
            near, there = _neighbours(height, width, block.reach)
            self.near.append(near)
            self.bias.append(torch.where(there.unsqueeze(1), block.attn.offset_bias, self.masked).unsqueeze(2))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield flat positions ``(n,)`` and the logits ``(B, n, K)`` of their indices, wave by wave."""
        _, height, width = self.indices.shape
        for wave in _slot_waves(height, width, max(self.transformer.config.reaches)):
            features = self._features(wave)
            predicts, positions = _positions(wave, width)
            if len(positions):
                normed = self.transformer.ln_f(features[:, predicts])
                yield positions, self.transformer.logits(normed, self.level)

    def _tokens(self, wave: Tensor) -> Tensor:
        width = self.indices.shape[2]
        row, slot = wave // (width + 1), wave % (width + 1)
        before = self.indices[:, row, (slot - 1).clamp_min(0)]
        vocabulary = self.transformer.vocabulary
        tokens = torch.where(before < 0, vocabulary.mask(self.level), before + vocabulary.first(self.level))
        return torch.where(slot == 0, vocabulary.row_start(self.level), tokens)

    def _features(self, wave: Tensor) -> Tensor:
        """Residual stream ``(B, n, C)`` of the slots of a wave."""
        x = self.transformer.tok_emb(self._tokens(wave)) + self.transformer.direction[self.direction]
        x = x.unsqueeze(2)
        for block, keys, values, near_all, bias in zip(
            self.blocks, self.keys, self.values, self.near, self.bias, strict=True
        ):
            normed = block.ln1(x)
            query = block.split(block.attn.query(normed))
            keys[:, wave] = block.split(block.attn.key(normed)).squeeze(3)
            values[:, wave] = block.split(block.attn.value(normed)).squeeze(3)
            near = near_all[wave]
            attended = block.attn.attend(
                query, keys[:, near].transpose(2, 3), values[:, near].transpose(2, 3), bias[wave]
            )
            x = block.finish(x, attended)
        out: Tensor = x.squeeze(2)
        return out
