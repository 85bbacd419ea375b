"""An autoregressive transformer over index maps.

One class for minGPT, the second stage of taming-transformers (dense causal attention, learned positions), and
for a variant made for coding: attention limited to a neighbourhood on the map, with a learned bias for
each offset instead of positions. There the keys and values of a position depend on a bounded window before
it and on nothing else, so they are computed once and serve all later positions.

The variant reads a map of ``H x W`` indices as ``H`` rows of ``W + 1`` *slots*. Slot 0 of a row holds the row-start
token, slot *s* the index of column *s - 1*; the output at slot *s* predicts the index of column *s*.

The network is made of leaf modules and additions only, so that
:func:`~napari_glc.networks.fixed_point.to_fixed_point` can evaluate it exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from .config import TransformerConfig

__all__ = ["Attend", "Block", "IndexTransformer", "TokenTable", "Vocabulary", "neighbour_offsets"]

DIRECTIONS = 2
"""Raster order, and raster order of the map turned by 180 degrees."""


@dataclass(frozen=True)
class Vocabulary:
    """Where the tokens of each codebook lie in the embedding table.

    Attributes
    ----------
    codebooks
        Sizes of the codebooks.
    special
        Whether each codebook has two more tokens: a mask for an unknown index and the start of a row.
    """

    codebooks: tuple[int, ...]
    special: bool

    @property
    def size(self) -> int:
        """Number of tokens."""
        return sum(self.codebooks) + (2 * len(self.codebooks) if self.special else 0)

    def first(self, level: int) -> int:
        """Token of index 0 of a codebook."""
        return sum(self.codebooks[:level]) + (2 * level if self.special else 0)

    def mask(self, level: int) -> int:
        """Token of an unknown index."""
        return self.first(level) + self.codebooks[level]

    def row_start(self, level: int) -> int:
        """Token in front of each row."""
        return self.mask(level) + 1


@lru_cache(maxsize=32)
def neighbour_offsets(reach: int) -> tuple[tuple[int, int], ...]:
    """Offsets (rows up, columns right) a slot attends to, in raster order; the last is the slot itself."""
    above = [(up, right) for up in range(reach, 0, -1) for right in range(-reach, reach + 1)]
    return (*above, *((0, right) for right in range(-reach, 1)))


class TokenTable(nn.Embedding):
    """Token embedding that can serve as output layer, too."""

    def scores(self, features: Tensor, first: int, count: int) -> Tensor:
        """Logits ``(..., count)`` of the tokens from `first` on."""
        return features @ self.weight[first : first + count].t()


class Attend(nn.Module):
    """Softmax attention of queries ``(..., S, d)`` over keys and values ``(..., M, d)`` with an additive bias."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Attended values ``(..., S, d)``; `bias` broadcasts to ``(..., S, M)``."""
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        out: Tensor = (scores + bias).softmax(-1).to(value.dtype) @ value
        return out


class _Attention(nn.Module):
    """Projections of one layer and, with a reach, the bias of each offset ``(heads, offsets)``."""

    def __init__(self, config: TransformerConfig, reach: int) -> None:
        super().__init__()
        self.key = nn.Linear(config.width, config.width)
        self.query = nn.Linear(config.width, config.width)
        self.value = nn.Linear(config.width, config.width)
        self.proj = nn.Linear(config.width, config.width)
        self.attend = Attend()
        if reach:
            self.offset_bias = nn.Parameter(torch.zeros(config.heads, len(neighbour_offsets(reach))))


class Block(nn.Module):
    """Attention and feed-forward of one layer; with a reach, over a neighbourhood on the map."""

    def __init__(self, config: TransformerConfig, reach: int) -> None:
        super().__init__()
        self.heads, self.reach = config.heads, reach
        self.ln1 = nn.LayerNorm(config.width)
        self.ln2 = nn.LayerNorm(config.width)
        self.attn = _Attention(config, reach)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, 4 * config.width), nn.GELU(), nn.Linear(4 * config.width, config.width)
        )

    def split(self, x: Tensor) -> Tensor:
        """``(..., T, C)`` to ``(..., heads, T, C / heads)``."""
        parts: Tensor = x.unflatten(-1, (self.heads, -1))
        return parts.transpose(-2, -3)

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residual stream after attention ``(..., heads, T, d)`` and feed-forward."""
        x = x + self.attn.proj(attended.transpose(-2, -3).flatten(-2))
        out: Tensor = x + self.mlp(self.ln2(x))
        return out

    def dense(self, x: Tensor) -> Tensor:
        """Causal attention over a sequence ``(B, T, C)``."""
        normed, length = self.ln1(x), x.shape[-2]
        query, key, value = (self.split(part(normed)) for part in (self.attn.query, self.attn.key, self.attn.value))
        bias = torch.full((length, length), -math.inf, device=x.device).triu_(1)
        return self.finish(x, self.attn.attend(query, key, value, bias))

    def local(self, x: Tensor, masked: float) -> Tensor:
        """Attention within the reach on a grid of slots ``(B, H, S, C)``.

        Each row attends to a band of ``reach + 1`` rows; what the band holds beyond the neighbourhood, or
        beyond the border, has the bias `masked`.
        """
        normed, slots = self.ln1(x), x.shape[2]
        query, key, value = (self.split(part(normed)) for part in (self.attn.query, self.attn.key, self.attn.value))
        bias = self.band_bias(x.shape[1], slots, masked)
        return self.finish(x, self.attn.attend(query, self.band(key), self.band(value), bias))

    def band(self, x: Tensor) -> Tensor:
        """Rows ``(B, H, heads, S, d)`` to bands of rows ``(B, H, heads, (reach + 1) S, d)``."""
        height = x.shape[1]
        padded = torch.cat((x.new_zeros(x.shape[0], self.reach, *x.shape[2:]), x), dim=1)
        return torch.cat([padded[:, row : row + height] for row in range(self.reach + 1)], dim=3)

    def band_bias(self, height: int, slots: int, masked: float) -> Tensor:
        """Additive bias ``(H, heads, S, (reach + 1) S)``; `masked` where there is nothing to see."""
        table = self.attn.offset_bias
        choice = _band_choice(height, slots, self.reach).to(table.device)
        extended = torch.cat((table, table.new_full((self.heads, 1), masked)), dim=1)
        return extended[:, choice].transpose(0, 1)


@lru_cache(maxsize=32)
def _band_choice(height: int, slots: int, reach: int) -> Tensor:
    """Number of the offset at each place of a band ``(H, S, (reach + 1) S)``; the count of offsets where none."""
    offsets = neighbour_offsets(reach)
    number = {offset: i for i, offset in enumerate(offsets)}
    choice = torch.full((height, slots, reach + 1, slots), len(offsets))
    for (up, right), i in number.items():
        queries = torch.arange(max(0, -right), min(slots, slots - right))
        choice[up:, queries, reach - up, queries + right] = i
    return choice.flatten(2)


class IndexTransformer(nn.Module):
    """GPT over index maps; parameter names are minGPT's.

    Parameters
    ----------
    config
        Sizes and variant.
    vocabulary
        The tokens.
    """

    def __init__(self, config: TransformerConfig, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config, self.vocabulary = config, vocabulary
        self.tok_emb = TokenTable(vocabulary.size, config.width)
        nn.init.normal_(self.tok_emb.weight, std=0.02)
        if config.block:
            self.pos_emb = nn.Parameter(torch.zeros(1, config.block, config.width))
        if config.reaches:
            self.direction = nn.Parameter(torch.zeros(DIRECTIONS, config.width))
        reaches = config.reaches or (0,) * config.layers
        self.blocks = nn.ModuleList(Block(config, reach) for reach in reaches)
        self.ln_f = nn.LayerNorm(config.width)
        if not config.tied:
            self.head = nn.Linear(config.width, vocabulary.size, bias=False)
        for name, parameter in self.named_parameters():
            if name.endswith(("proj.weight", "mlp.2.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.layers))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits ``(B, T, vocabulary)`` of the tokens that follow each of ``(B, T)``: minGPT, dense attention."""
        x = self.tok_emb(tokens)
        if self.config.block:
            x = x + self.pos_emb[:, : tokens.shape[1]]
        for block in self.blocks:
            assert isinstance(block, Block)
            x = block.dense(x)
        x = self.ln_f(x)
        out: Tensor = self.tok_emb.scores(x, 0, self.vocabulary.size) if self.config.tied else self.head(x)
        return out

    # -- maps -----------------------------------------------------------------------------------------

    def slots(self, indices: Tensor, level: int) -> Tensor:
        """Tokens ``(B, H, W + 1)`` in the slots of index maps ``(B, H, W)``; -1 is an unknown index."""
        tokens = torch.where(indices < 0, self.vocabulary.mask(level), indices + self.vocabulary.first(level))
        start = tokens.new_full((*tokens.shape[:2], 1), self.vocabulary.row_start(level))
        return torch.cat((start, tokens), dim=2)

    def map_features(
        self, indices: Tensor, level: int, direction: Tensor | int = 0, masked: float = -math.inf
    ) -> Tensor:
        """Features ``(B, H, W, C)`` that predict each index from those before it.

        Parameters
        ----------
        indices
            Int64 ``(B, H, W)``; -1 where unknown. An index never influences its own features nor those of
            positions before it in raster order.
        level
            Rate level of their codebook.
        direction
            0, or 1 if the maps are turned by 180 degrees; one for all or one each.
        masked
            Attention bias of what must not be seen.
        """
        x = self.tok_emb(self.slots(indices, level))
        x = x + self.direction[torch.as_tensor(direction, device=x.device).expand(len(x))][:, None, None]
        for block in self.blocks:
            assert isinstance(block, Block)
            x = block.local(x, masked)
        out: Tensor = self.ln_f(x[:, :, :-1])
        return out

    def logits(self, features: Tensor, level: int) -> Tensor:
        """Logits ``(..., K)`` of the codewords of one codebook."""
        return self.tok_emb.scores(features, self.vocabulary.first(level), self.vocabulary.codebooks[level])
