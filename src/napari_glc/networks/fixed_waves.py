"""A layer of the index transformer in fixed point, for few positions at a time.

The integers are those of :mod:`.fixed_attention`, by fewer operations: with a handful of positions it is their
number that takes time. Three projections are one; what scales and rounds a sum is part of its weights and of what is
added, which is exact since scales are powers of two; nothing is rounded or clamped that is an integer within range.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from .fixed_arithmetic import FRACTION_BITS, ONE, SIXTEEN_BITS
from .fixed_attention import (
    CENTRED_LIMIT,
    EPSILON,
    ROOT_BITS,
    SCORE_LIMIT,
    FixedAttend,
    FixedGelu,
    FixedLayerNorm,
    FixedLinear,
    head_root,
)
from .index_transformer import Block

__all__ = ["FixedWaveLayer", "fixed_wave_layers"]

_LIMIT = float(SIXTEEN_BITS.limit)


def _rounding(bits: int) -> float:
    """What is added before rounding down; see :func:`~napari_glc.networks.fixed_arithmetic.rescale`."""
    return 0.5 + 2.0 ** -(bits + 1)


class _Sums:
    """Linear layers with the same input, side by side."""

    def __init__(self, *layers: nn.Module) -> None:
        weights, constants = [], []
        for layer in layers:
            assert isinstance(layer, FixedLinear)
            scale = 2.0**-layer.weight_bits
            weights.append(layer.weight * scale)
            constants.append(layer.offset * scale + _rounding(layer.weight_bits))
        self.weight, self.constant = torch.cat(weights, dim=1), torch.cat(constants)

    def __call__(self, x: Tensor) -> Tensor:
        """``(n, C)`` to ``(n, D)``."""
        return torch.addmm(self.constant, x, self.weight).floor_().clamp_(-_LIMIT, _LIMIT)


class _Norm:
    def __init__(self, norm: nn.Module) -> None:
        assert isinstance(norm, FixedLayerNorm)
        scale = 2.0**-norm.gain_bits
        self.gain, self.constant = norm.gain * scale, norm.offset * scale + _rounding(norm.gain_bits)

    def __call__(self, x: Tensor) -> Tensor:
        x = x.clamp(-_LIMIT, _LIMIT)
        width = x.shape[-1]
        mean = x.sum(-1, keepdim=True).div_(width).round_()
        centred = x.sub_(mean).clamp_(-CENTRED_LIMIT, CENTRED_LIMIT)
        deviation = centred.square().sum(-1, keepdim=True).div_(width).add_(EPSILON).sqrt_()
        normed = centred.mul_(ONE).div_(deviation).round_()
        return torch.addcmul(self.constant, normed, self.gain).floor_().clamp_(-_LIMIT, _LIMIT)


class _Gelu:
    def __init__(self, gelu: nn.Module) -> None:
        assert isinstance(gelu, FixedGelu)
        self.table, self.half = gelu.table, len(gelu.table) // 2

    def __call__(self, x: Tensor) -> Tensor:
        at = x.clamp(-self.half, self.half - 1).add_(self.half).long()
        return torch.where(x >= self.half, x, self.table[at])


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
        self.projections = _Sums(block.attn.query, block.attn.key, block.attn.value)
        self.proj, self.widen, self.narrow = _Sums(block.attn.proj), _Sums(block.mlp[0]), _Sums(block.mlp[2])
        self.gelu = _Gelu(block.mlp[1])

    def project(self, x: Tensor) -> Tensor:
        """Queries, keys and values of ``(n, C)``, side by side: ``(n, 3 C)``."""
        return self.projections(self.norms[0](x))

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """``(n, heads, d)`` of queries like it, keys and values ``(n, M, heads, d)`` and biases ``(n, M, heads)``."""
        root = head_root(query.shape[-1]) * 2.0**-ROOT_BITS
        scores = (key * query.unsqueeze(1)).sum(-1).mul_(2.0**-FRACTION_BITS)
        scores = scores.add_(_rounding(FRACTION_BITS)).floor_().clamp_(-_LIMIT, _LIMIT)
        scores = scores.mul_(root).add_(_rounding(ROOT_BITS)).floor_().clamp_(-SCORE_LIMIT, SCORE_LIMIT).add_(bias)
        distance = scores.amax(1, keepdim=True) - scores
        weights = self.table[distance.clamp_max_(len(self.table) - 1).long()]
        total = (value * weights.unsqueeze(-1)).sum(1)
        return total.div_(weights.sum(1).unsqueeze(-1)).round_()

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Residual stream after attention and feed-forward, both ``(n, C)``."""
        x = x + self.proj(attended)
        return x.add_(self.narrow(self.gelu(self.widen(self.norms[1](x)))))


_known: WeakKeyDictionary[nn.Module, list[FixedWaveLayer]] = WeakKeyDictionary()


def fixed_wave_layers(transformer: nn.Module, blocks: list[Block]) -> list[FixedWaveLayer]:
    """The layers of a converted transformer, made once."""
    if transformer not in _known:
        _known[transformer] = [FixedWaveLayer(block) for block in blocks]
    return _known[transformer]
