"""Fixed-point twins of a transformer's layers.

Sums of products are exact in any order, as in :mod:`.fixed_point`. What is not a sum of products is made of
operations that IEEE 754 rounds correctly, and hence equally, everywhere (quotient and square root of equal
integers), or is looked up: exponentials and GELU come from tables whose entries are integers and lie far from
any rounding boundary, so every mathematics library computes the same ones.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor, nn

from .fixed_arithmetic import FRACTION_BITS, ONE, integer_weights, rescale, snap, to_fixed

__all__ = [
    "CENTRED_LIMIT",
    "EPSILON",
    "MASKED",
    "ROOT_BITS",
    "SCORE_LIMIT",
    "FixedAttend",
    "FixedGelu",
    "FixedLayerNorm",
    "FixedLinear",
    "FixedTokens",
    "exponentials",
    "head_root",
    "look_up",
]

MASKED = -float(1 << 22)
"""Bias of a place that must not be seen."""

_REACH = 16
"""Exponents beyond this count as nothing; arguments of GELU beyond half of it are their own limit."""
SCORE_LIMIT = float(1 << 20)
CENTRED_LIMIT = float(1 << 22)
ROOT_BITS = 16
_WEIGHT_BITS = 16
EPSILON = 1e-5 * ONE * ONE


def head_root(width: int) -> float:
    """What scores of heads of a width are multiplied by, ``ROOT_BITS`` binary digits after the point."""
    return float(round(2**ROOT_BITS / math.sqrt(width)))


@cache
def exponentials(bits: int) -> Tensor:
    """Table of ``round(exp(-k / 2**12) * 2**bits)`` for k from 0 to ``16 * 2**12``; the last entry is 0."""
    count = _REACH << FRACTION_BITS
    values = [float(round(math.exp(-k / ONE) * (1 << bits))) for k in range(count)]
    return torch.tensor([*values, 0.0], dtype=torch.float64)


@cache
def _gelu() -> Tensor:
    """Table of GELU for arguments -8 to 8 in steps of 2**-12."""
    half = _REACH // 2 << FRACTION_BITS
    arguments = [k / ONE for k in range(-half, half)]
    values = [float(round(x * 0.5 * (1 + math.erf(x / math.sqrt(2))) * ONE)) for x in arguments]
    return torch.tensor(values, dtype=torch.float64)


def look_up(table: Tensor, at: Tensor) -> Tensor:
    """Entries of a table at integer-valued places of any shape; a third of the time of brackets."""
    return table.index_select(0, at.flatten().int()).view(at.shape)


class FixedLinear(nn.Module):
    """Twin of ``nn.Linear``."""

    weight: Tensor
    offset: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, self.weight_bits = integer_weights(linear.weight)
        bias = torch.zeros(len(weight)) if linear.bias is None else linear.bias.detach()
        self.register_buffer("weight", weight.t().contiguous(), persistent=False)
        self.register_buffer("offset", (bias.double() * ONE * 2.0**self.weight_bits).round(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(..., C)`` to ``(..., D)``, as everywhere here integer-valued float64."""
        return rescale(snap(x) @ self.weight + self.offset, self.weight_bits)


class FixedTokens(nn.Module):
    """Twin of the token table, as embedding and as output layer."""

    rows: Tensor
    weight: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        integers, self.weight_bits = integer_weights(weight)
        self.register_buffer("rows", to_fixed(weight.detach()), persistent=False)
        self.register_buffer("weight", integers, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Rows ``(..., C)`` of tokens ``(...)`` int64."""
        return self.rows[tokens]

    def scores(self, features: Tensor, first: int, count: int) -> Tensor:
        """Logits of the tokens from `first` on."""
        return rescale(snap(features) @ self.weight[first : first + count].t(), self.weight_bits)


class FixedLayerNorm(nn.Module):
    """Twin of ``nn.LayerNorm`` over the last axis."""

    gain: Tensor
    offset: Tensor

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        gain, self.gain_bits = integer_weights(norm.weight)
        self.register_buffer("gain", gain, persistent=False)
        self.register_buffer("offset", to_fixed(norm.bias.detach()) * 2.0**self.gain_bits, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(..., C)`` to the same shape, each row normalised."""
        x = snap(x)
        width = x.shape[-1]
        centred = x - (x.sum(-1, keepdim=True) / width).round()
        centred = centred.clamp(-CENTRED_LIMIT, CENTRED_LIMIT)
        # at most 2**44 a term: exact for widths up to 512
        variance = centred.square().sum(-1, keepdim=True) / width + EPSILON
        normed = (centred * ONE / variance.sqrt()).round()
        return rescale(normed * self.gain + self.offset, self.gain_bits)


class FixedGelu(nn.Module):
    """Twin of ``nn.GELU``."""

    table: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", _gelu(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        x = snap(x)
        half = len(self.table) // 2
        inside = self.table[(x + half).clamp(0, 2 * half - 1).long()]
        return torch.where(x >= half, x, inside)


class FixedAttend(nn.Module):
    """Twin of :class:`~napari_glc.networks.index_transformer.Attend`."""

    table: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", exponentials(_WEIGHT_BITS - 1), persistent=False)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """``(..., S, d)`` for queries ``(..., S, d)``, keys and values ``(..., M, d)``, bias ``(..., S, M)``."""
        # 2**46 a product: exact for heads of up to 128 channels
        scores = rescale(snap(query) @ snap(key).transpose(-1, -2), FRACTION_BITS)
        root = head_root(query.shape[-1])
        scores = rescale(scores * root, ROOT_BITS).clamp_(-SCORE_LIMIT, SCORE_LIMIT) + bias
        distance = scores.amax(-1, keepdim=True) - scores
        weights = look_up(self.table, distance.clamp_(0, len(self.table) - 1))
        total = weights @ snap(value)
        return (total / weights.sum(-1, keepdim=True)).round()
