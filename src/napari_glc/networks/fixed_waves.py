"""A layer of the index transformer in fixed point, for few positions at a time.

The integers are those of :mod:`.fixed_attention`, by fewer operations: with a handful of positions it is their
number that takes time. Three projections are one; what scales and rounds a sum is part of its weights and of what is
added, which is exact since scales are powers of two; nothing is rounded or clamped that is an integer within range.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from .fixed_arithmetic import FRACTION_BITS, ONE, SIXTEEN_BITS, power_of_two
from .fixed_attention import (
    CENTRED_LIMIT,
    EPSILON,
    MASKED,
    ROOT_BITS,
    SCORE_LIMIT,
    FixedAttend,
    FixedGelu,
    FixedLayerNorm,
    FixedLinear,
    FixedTokens,
    head_root,
    look_up,
)
from .fixed_products import peak, products
from .index_transformer import Block, IndexTransformer

__all__ = ["FixedWaveLayer", "FixedWaves", "embedded", "fixed_waves"]

_LIMIT = float(SIXTEEN_BITS.limit)
_BASE, _HALF = 256, 128


def _rounding(bits: int) -> float:
    """What is added before rounding down; see :func:`~napari_glc.networks.fixed_arithmetic.rescale`."""
    return 0.5 + 2.0 ** -(bits + 1)


class _Sums:
    """Linear layers with the same input, side by side.

    Where 8-bit products are fast, weights and activations that have 16 bits are multiplied digit by digit, all four
    pairs of digits in one product: a fifth of the time of float64, which has to read four times as many bytes of
    weights for each wave.
    """

    def __init__(self, weight: Tensor, offset: Tensor, bits: Tensor) -> None:
        self.scale = power_of_two(-bits.cpu()).to(weight.device)
        self.weight, self.constant = weight * self.scale, offset * self.scale + 0.5 + self.scale / 2
        low = (weight + _HALF) % _BASE - _HALF
        high = (weight - low) / _BASE
        self.high_scale = self.scale * _BASE
        # what two signed digits hold, and what keeps sums within 32 bits
        most = torch.stack((low, high)).abs().sum(1).max()
        self.limit = min(_BASE * _HALF - _HALF - 1, ((1 << 31) - 1) // max(1, int(most)))
        fits = bool((high < _HALF).all()) and weight.device.type == "cpu" and sys.byteorder == "little"
        self.digits = torch.cat((low, high), dim=1).to(torch.int8) if fits else None

    @classmethod
    def of(cls, *layers: nn.Module) -> _Sums:
        """Of linear layers."""
        weights, offsets, bits = [], [], []
        for layer in layers:
            assert isinstance(layer, FixedLinear)
            weights.append(layer.weight)
            offsets.append(layer.offset)
            bits.append(torch.full(layer.offset.shape, layer.weight_bits))
        return cls(torch.cat(weights, dim=1), torch.cat(offsets), torch.cat(bits))

    def __call__(self, x: Tensor) -> Tensor:
        """``(n, C)`` to ``(n, D)``."""
        if self.digits is not None and products() == "int8" and peak(x) <= self.limit:
            return self._by_digits(x, self.digits).floor_().clamp_(-_LIMIT, _LIMIT)
        return torch.addmm(self.constant, x, self.weight).floor_().clamp_(-_LIMIT, _LIMIT)

    def _by_digits(self, x: Tensor, weight: Tensor) -> Tensor:
        rows, width = x.shape
        # signed digits: a low one of -128 stands where an unsigned one of 0 would after adding 128
        pairs = x.add(float(_HALF)).to(torch.int16).bitwise_xor_(_HALF).view(torch.int8).view(rows, width, 2)
        sums = torch._int_mm(pairs.permute(2, 0, 1).reshape(2 * rows, width), weight)
        # of activations and each digit of the weights; less than 2**31 by the look at their peak
        low, high = torch.add(sums[:rows], sums[rows:], alpha=_BASE).chunk(2, dim=1)
        return torch.addcmul(torch.addcmul(self.constant, low, self.scale), high, self.high_scale)


class _Norm:
    def __init__(self, norm: nn.Module) -> None:
        assert isinstance(norm, FixedLayerNorm)
        scale = 2.0**-norm.gain_bits
        self.gain, self.constant = norm.gain * scale, norm.offset * scale + _rounding(norm.gain_bits)

    def __call__(self, x: Tensor) -> Tensor:
        x = x.clamp(-_LIMIT, _LIMIT)
        width = float(x.shape[-1])
        mean = x.sum(-1, keepdim=True).div_(width).round_()
        centred = x.sub_(mean).clamp_(-CENTRED_LIMIT, CENTRED_LIMIT)
        deviation = centred.square().sum(-1, keepdim=True).div_(width).add_(EPSILON).sqrt_()
        normed = centred.mul_(ONE).div_(deviation).round_()
        return torch.addcmul(self.constant, normed, self.gain).floor_().clamp_(-_LIMIT, _LIMIT)


class _Gelu:
    def __init__(self, gelu: nn.Module) -> None:
        assert isinstance(gelu, FixedGelu)
        self.table, self.half = gelu.table, float(len(gelu.table) // 2)
        # beyond it the function is its argument
        assert self.table[-1] == self.half - 1

    def __call__(self, x: Tensor) -> Tensor:
        found = look_up(self.table, x.clamp(-self.half, self.half - 1).add_(self.half))
        return found.add_(x.sub(self.half - 1).clamp_min_(0))


class FixedWaveLayer:
    """One layer.

    Parameters
    ----------
    block
        Converted by :func:`~napari_glc.networks.fixed_point.to_fixed_point`.
    """

    def __init__(self, block: Block) -> None:
        attend = block.attn.get_submodule("attend")
        assert isinstance(attend, FixedAttend)
        self.table = attend.table
        self.norms = _Norm(block.ln1), _Norm(block.ln2)
        self.projections = _Sums.of(block.attn.query, block.attn.key, block.attn.value)
        self.proj, self.widen, self.narrow = (
            _Sums.of(layer) for layer in (block.attn.proj, block.mlp[0], block.mlp[2])
        )
        self.gelu = _Gelu(block.mlp[1])

    def project(self, x: Tensor) -> Tensor:
        """Queries, keys and values of ``(n, C)``, side by side: ``(n, 3 C)``."""
        return self.projections(self.norms[0](x))

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Values ``(n, B, heads, d)`` for queries like it.

        Keys and values are ``(rows, columns, n, B, heads, d)``, rows and columns being those of a neighbourhood, and
        biases ``(rows x columns, n, 1, heads)``.
        """
        root = head_root(query.shape[-1]) * 2.0**-ROOT_BITS
        scores = (key * query).sum(-1).flatten(0, 1).mul_(2.0**-FRACTION_BITS)
        scores = scores.add_(_rounding(FRACTION_BITS)).floor_().clamp_(-_LIMIT, _LIMIT)
        scores = scores.mul_(root).add_(_rounding(ROOT_BITS)).floor_().clamp_(-SCORE_LIMIT, SCORE_LIMIT).add_(bias)
        distance = scores.amax(0) - scores
        weights = look_up(self.table, distance.clamp_max_(len(self.table) - 1))
        total: Tensor = (value * weights.unflatten(0, key.shape[:2]).unsqueeze(-1)).sum((0, 1))
        return total.div_(weights.sum(0).unsqueeze(-1)).round_()

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residual stream after attention and feed-forward, both ``(n, C)``."""
        x = x + self.proj(attended)
        return x.add_(self.narrow(self.gelu(self.widen(self.norms[1](x)))))


def embedded(
    transformer: IndexTransformer, project: Callable[[Tensor], Tensor], level: int, direction: int
) -> tuple[Tensor, Tensor]:
    """Embeddings ``(K + 2, C)`` of the tokens of a codebook, and what the first layer makes of them ``(K + 2, 3 C)``.

    Its projections depend on nothing but the token, and a map has more positions than a codebook has tokens.
    """
    vocabulary, like = transformer.vocabulary, transformer.direction
    tokens = torch.arange(vocabulary.first(level), vocabulary.row_start(level) + 1, device=like.device)
    rows = transformer.tok_emb(tokens) + like[direction]
    return rows, project(rows)


class FixedWaves:
    """What waves compute of a converted transformer.

    Parameters
    ----------
    transformer
        Converted by :func:`~napari_glc.networks.fixed_point.to_fixed_point`.
    """

    def __init__(self, transformer: IndexTransformer) -> None:
        self.blocks = [block for block in transformer.blocks if isinstance(block, Block)]
        self.layers = [FixedWaveLayer(block) for block in self.blocks]
        self.norm, self.tokens, self.vocabulary = _Norm(transformer.ln_f), transformer.tok_emb, transformer.vocabulary
        self.tables: dict[int, _Sums] = {}
        self.known: tuple[tuple[int, int], tuple[Tensor, Tensor]] | None = None

    def tokens_of(self, transformer: IndexTransformer, level: int, direction: int) -> tuple[Tensor, Tensor]:
        """See :func:`embedded`; those used last are kept."""
        known = self.known
        if known is None or known[0] != (level, direction):
            found = embedded(transformer, self.layers[0].project, level, direction)
            self.known = known = (level, direction), found
        return known[1]

    def map_features(self, transformer: IndexTransformer, indices: Tensor, level: int) -> Tensor:
        """Residual stream ``(B, H, W, C)`` that predicts each index of known maps ``(B, H, W)``; -1 is unknown.

        What :meth:`IndexTransformer.map_features` computes, before its last normalisation, with the products of waves.
        """
        rows, _ = self.tokens_of(transformer, level, 0)
        slots = transformer.slots(indices, level) - self.vocabulary.first(level)
        x = rows.index_select(0, slots.flatten())
        for block, layer in zip(self.blocks, self.layers, strict=True):
            projected = layer.project(x).view(*slots.shape, 3, block.heads, -1)
            query, key, value = (part.transpose(2, 3) for part in projected.unbind(3))
            bias = block.band_bias(slots.shape[1], slots.shape[2], MASKED)
            attended = block.attn.attend(query, block.band(key), block.band(value), bias)
            x = layer.finish(x, attended.transpose(2, 3).reshape(x.shape))
        found: Tensor = x.view(*slots.shape, -1)[:, :, :-1]
        return found

    def logits(self, features: Tensor, level: int) -> Tensor:
        """``(..., K)`` of the codewords of a codebook."""
        table = self.tables.get(level)
        if table is None:
            assert isinstance(self.tokens, FixedTokens)
            count, first = self.vocabulary.codebooks[level], self.vocabulary.first(level)
            weight = self.tokens.weight[first : first + count].t().contiguous()
            bits = torch.full((count,), self.tokens.weight_bits)
            table = self.tables[level] = _Sums(weight, weight.new_zeros(count), bits)
        logits: Tensor = table(self.norm(features.flatten(0, -2))).unflatten(0, features.shape[:-1])
        return logits


_known: WeakKeyDictionary[nn.Module, FixedWaves] = WeakKeyDictionary()


def fixed_waves(transformer: IndexTransformer) -> FixedWaves:
    """The same for the same transformer."""
    if transformer not in _known:
        _known[transformer] = FixedWaves(transformer)
    return _known[transformer]
