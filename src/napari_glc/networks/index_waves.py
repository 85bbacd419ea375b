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

import torch
import torch.nn.functional as F
from torch import Tensor

from .fixed_attention import MASKED, FixedTokens
from .fixed_waves import FixedWaveLayer, fixed_wave_layers
from .index_transformer import Block, IndexTransformer, neighbour_offsets

__all__ = ["IndexWaves", "wave_order"]


@dataclass(frozen=True)
class _Wave:
    """Slots that are evaluated together.

    Attributes
    ----------
    slots
        Their flat numbers, rows in rising order.
    before
        Flat map position whose index each slot holds; any where it holds a row-start token.
    starts
        Whether it does.
    predicting
        Which of them predict an index; places in this wave.
    positions
        Flat map positions of those indices.
    """

    slots: Tensor
    before: Tensor
    starts: Tensor
    predicting: Tensor
    positions: Tensor


@lru_cache(maxsize=16)
def _waves(height: int, width: int, reach: int) -> tuple[_Wave, ...]:
    """The waves of a map with `width` columns."""
    slots = width + 1
    row, slot = torch.meshgrid(torch.arange(height), torch.arange(slots), indexing="ij")
    number = (slot + (reach + 1) * row).flatten()
    order = number.argsort(stable=True)
    found = []
    for wave in order.split(torch.bincount(number).tolist()):
        row, slot = wave // slots, wave % slots
        predicting = (slot < width).nonzero().flatten()
        before, positions = row * width + (slot - 1).clamp_min(0), (row * width + slot)[predicting]
        found.append(_Wave(wave, before, slot == 0, predicting, positions))
    return tuple(found)


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
    return [wave.positions for wave in _waves(height, width, reach)]


class _FloatLayer:
    """One layer in floating point; see :class:`~napari_glc.networks.fixed_waves.FixedWaveLayer`."""

    def __init__(self, block: Block) -> None:
        self.block = block
        parts = (block.attn.query, block.attn.key, block.attn.value)
        self.weight, self.bias = torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])

    def project(self, x: Tensor) -> Tensor:
        return F.linear(self.block.ln1(x), self.weight, self.bias)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        scores = (key * query.unsqueeze(1)).sum(-1) / math.sqrt(query.shape[-1]) + bias
        return (value * scores.softmax(1).to(value.dtype).unsqueeze(-1)).sum(1)

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.block.attn.proj(attended)
        out: Tensor = x + self.block.mlp(self.block.ln2(x))
        return out


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
        self.start = transformer.direction[direction]
        batch, height, width = indices.shape
        blocks = [block for block in transformer.blocks if isinstance(block, Block)]
        self.layers: Sequence[FixedWaveLayer | _FloatLayer]
        if isinstance(transformer.tok_emb, FixedTokens):
            self.layers, masked = fixed_wave_layers(transformer, blocks), MASKED
        else:
            self.layers, masked = [_FloatLayer(block) for block in blocks], -math.inf
        self.heads = transformer.config.heads
        slots = height * (width + 1)
        # keys and values of all slots; and, looked up once for the whole map, whom each attends to
        kept = (batch, slots, 2, self.heads, transformer.config.width // self.heads)
        self.kept = [self.start.new_zeros(kept) for _ in blocks]
        self.near, self.bias = [], []
        for block in blocks:
            near, there = _neighbours(height, width, block.reach)
            self.near.append(near)
            there = there.unsqueeze(2).to(self.start.device)
            self.bias.append(torch.where(there, block.attn.offset_bias.t(), masked))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield flat positions ``(n,)`` and the logits ``(B, n, K)`` of their indices, wave by wave.

        Waves none of whose positions are wanted yield nothing.
        """
        _, height, width = self.indices.shape
        for wave in _waves(height, width, max(self.transformer.config.reaches)):
            asked, positions = wave.predicting, wave.positions
            if self.wanted is not None:
                chosen = self.wanted[positions]
                asked, positions = asked[chosen], positions[chosen]
            features = self._features(wave, asked)
            if len(positions):
                yield positions, self.transformer.logits(self.transformer.ln_f(features), self.level)

    def _tokens(self, wave: _Wave) -> Tensor:
        vocabulary = self.transformer.vocabulary
        before = self.indices.flatten(1)[:, wave.before]
        words = torch.where(before < 0, vocabulary.mask(self.level), before + vocabulary.first(self.level))
        return words.masked_fill_(wave.starts.to(words.device), vocabulary.row_start(self.level))

    def _features(self, wave: _Wave, asked: Tensor) -> Tensor:
        """Residual stream ``(B, n, C)`` of some of the slots of a wave; keys and values of all of them are kept."""
        batch, slots = len(self.indices), wave.slots
        x = (self.transformer.tok_emb(self._tokens(wave)) + self.start).flatten(0, 1)
        for number, (layer, kept, near, bias) in enumerate(
            zip(self.layers, self.kept, self.near, self.bias, strict=True)
        ):
            projected = layer.project(x).unflatten(-1, (3, self.heads, -1)).unflatten(0, (batch, -1))
            kept[:, slots] = projected[:, :, 1:]
            query = projected[:, :, 0]
            if number == len(self.layers) - 1:
                # nobody attends to what the last layer makes of a slot
                slots, query = slots[asked], query[:, asked]
                x = x.unflatten(0, (batch, -1))[:, asked].flatten(0, 1)
                if not len(asked):
                    break
            seen = kept[:, near[slots]].flatten(0, 1)
            places = bias[slots].repeat(batch, 1, 1) if batch > 1 else bias[slots]
            attended = layer.attend(query.flatten(0, 1), seen[:, :, 0], seen[:, :, 1], places)
            x = layer.finish(x, attended.flatten(1))
        features: Tensor = x.unflatten(0, (batch, -1)) if len(asked) else x.new_zeros(batch, 0, x.shape[-1])
        return features
