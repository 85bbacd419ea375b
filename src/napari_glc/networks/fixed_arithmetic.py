"""Integer-valued float64 tensors that stand for fixed-point numbers; see :mod:`.fixed_point`."""

from __future__ import annotations

import math

from torch import Tensor

__all__ = ["FRACTION_BITS", "ONE", "from_fixed", "integer_weights", "rescale", "snap", "to_fixed"]

FRACTION_BITS = 12
ONE = float(1 << FRACTION_BITS)
_LIMIT = float((1 << 23) - 1)
_WEIGHT_BITS = 15


def to_fixed(x: Tensor) -> Tensor:
    """Real values to integer-valued float64 activations."""
    return (x.double() * ONE).round().clamp(-_LIMIT, _LIMIT)


def from_fixed(x: Tensor) -> Tensor:
    """Integer-valued activations to the real values they stand for, still float64."""
    return x / ONE


def snap(x: Tensor) -> Tensor:
    """Round to integers within range: removes what was added between layers."""
    return x.round().clamp_(-_LIMIT, _LIMIT)


def rescale(total: Tensor, shift: int) -> Tensor:
    """``floor(total * 2**-shift + 0.5)``, decided half a unit of the sum away from any boundary; in place."""
    return total.mul_(2.0**-shift).add_(0.5 + 2.0 ** -(shift + 1)).floor_().clamp_(-_LIMIT, _LIMIT)


def integer_weights(weight: Tensor) -> tuple[Tensor, int]:
    """Weights as 16-bit integers and their number of fraction bits."""
    real = weight.detach().double()
    bits = min(_WEIGHT_BITS - math.frexp(float(real.abs().max()))[1], 2 * _WEIGHT_BITS)
    return (real * 2.0**bits).round(), bits
