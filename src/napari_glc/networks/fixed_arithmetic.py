"""Numbers of fixed point: what they stand for, and how real weights become integers.

A real number is an integer over a power of two. Integers live in float64 tensors, where sums of products are exact
while they stay below 2**53, or in narrow integer tensors, where that is quicker (:mod:`.fixed_integers`); which
of the two computes is no part of the numbers. See :mod:`.fixed_point`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "EIGHT_BITS",
    "FRACTION_BITS",
    "ONE",
    "SIXTEEN_BITS",
    "FixedFormat",
    "IntegerWeights",
    "from_fixed",
    "integer_rows",
    "integer_weights",
    "power_of_two",
    "rescale",
    "snap",
    "to_fixed",
]


@dataclass(frozen=True)
class FixedFormat:
    """What the integers of a network stand for.

    Attributes
    ----------
    weight_bits
        16: one power-of-two scale for each layer. 8: one for each output channel, and sums that fit 32 bits.
    fraction_bits
        An activation a stands for ``a / 2**fraction_bits``.
    limit
        Greatest magnitude of what enters a product; beyond it numbers are clamped.
    slope_bits
        Binary digits of LeakyReLU's slope.
    """

    weight_bits: int
    fraction_bits: int
    limit: int
    slope_bits: int

    @property
    def one(self) -> float:
        """The integer that stands for 1."""
        return float(1 << self.fraction_bits)


SIXTEEN_BITS = FixedFormat(weight_bits=16, fraction_bits=12, limit=(1 << 23) - 1, slope_bits=16)
"""Any trained network keeps its function: published models, and transformers."""

EIGHT_BITS = FixedFormat(weight_bits=8, fraction_bits=9, limit=(1 << 15) - 1, slope_bits=10)
"""What processors multiply fast: weights of 8 bits, activations of 16."""

OUTPUT_LIMIT = (1 << 23) - 1
"""Greatest magnitude a layer puts out, in any format."""

FRACTION_BITS = SIXTEEN_BITS.fraction_bits
ONE = SIXTEEN_BITS.one
_LIMIT = float(SIXTEEN_BITS.limit)
_WEIGHT_BITS = 15
_MAX_ROW_BITS = 15
_MAX_ROW_WEIGHT = 127
_POWERS_EACH_WAY = 63
_POWERS = torch.tensor([2.0**k for k in range(-_POWERS_EACH_WAY, _POWERS_EACH_WAY + 1)], dtype=torch.float64)


def to_fixed(x: Tensor, form: FixedFormat = SIXTEEN_BITS) -> Tensor:
    """Real values to integer-valued float64 activations."""
    return (x.double() * form.one).round().clamp(-form.limit, form.limit)


def from_fixed(x: Tensor, form: FixedFormat = SIXTEEN_BITS) -> Tensor:
    """Activations of any type to the real values they stand for, in float64."""
    return x.double() / form.one


def snap(x: Tensor, limit: float = _LIMIT) -> Tensor:
    """Round to integers within range: removes what was added between layers."""
    return x.round().clamp_(-limit, limit)


def rescale(total: Tensor, shift: int | Tensor) -> Tensor:
    """``floor(total * 2**-shift + 0.5)``, decided half a unit of the sum away from any boundary; in place."""
    scale = 2.0**-shift if isinstance(shift, int) else power_of_two(-shift)
    return total.mul_(scale).add_(0.5 + scale / 2).floor_().clamp_(-OUTPUT_LIMIT, OUTPUT_LIMIT)


def power_of_two(exponent: Tensor) -> Tensor:
    """Exact powers, which a library's ``exp2`` need not give, for exponents from -63 to 63."""
    return _POWERS[exponent.long() + _POWERS_EACH_WAY]


def integer_weights(weight: Tensor) -> tuple[Tensor, int]:
    """Weights as 16-bit integers and their number of fraction bits."""
    real = weight.detach().double()
    bits = min(_WEIGHT_BITS - math.frexp(float(real.abs().max()))[1], 2 * _WEIGHT_BITS)
    return (real * 2.0**bits).round(), bits


@dataclass(frozen=True)
class IntegerWeights:
    """A convolution in integers.

    Attributes
    ----------
    weight
        Integer-valued float64, ``(outputs, inputs / groups, h, w)``.
    offset
        The bias in units of the sum of products, float64 ``(outputs,)``.
    shift
        Binary digits by which the sum is brought back, int64 ``(outputs,)``.
    """

    weight: Tensor
    offset: Tensor
    shift: Tensor


def integer_rows(weight: Tensor, bias: Tensor | None, form: FixedFormat, *, sum_limit: int) -> IntegerWeights:
    """Weights and bias of a convolution as integers.

    Parameters
    ----------
    weight
        ``(outputs, inputs / groups, h, w)``, real.
    bias
        ``(outputs,)`` or ``None``.
    form
        The format.
    sum_limit
        With 8-bit weights no sum of products, its bias and what rounds it included, reaches this magnitude, whatever
        the activations are: channels whose weights are all large get coarser ones, down to whole numbers.
    """
    real = weight.detach().double()
    added = torch.zeros(len(real), dtype=torch.float64) if bias is None else bias.detach().double()
    added = added * form.one
    if form.weight_bits == 16:
        integers, bits = integer_weights(weight)
        return IntegerWeights(integers, (added * 2.0**bits).round(), torch.full((len(real),), bits))
    rows = real.flatten(1)
    # the greatest weight, times two to that power, lies in [64, 128)
    shift = 7 - torch.frexp(rows.abs().amax(1)).exponent.double()
    shift = shift.clamp_(0, _MAX_ROW_BITS)
    while True:
        scale = power_of_two(shift)
        integers = (rows * scale.unsqueeze(1)).round()
        offset = (added * scale).round()
        largest = integers.abs().sum(1) * form.limit + offset.abs() + scale
        too_large = ((integers.abs().amax(1) > _MAX_ROW_WEIGHT) | (largest >= sum_limit)) & (shift > 0)
        if not too_large.any():
            break
        shift = shift - too_large.double()
    integers = integers.clamp(-_MAX_ROW_WEIGHT, _MAX_ROW_WEIGHT)
    return IntegerWeights(integers.view_as(real), offset, shift.long())
