"""Bit-exact evaluation of the prior: the same integers on every machine.

An entropy decoder must repeat the encoder's probabilities to the last bit, but floating-point sums depend
on their order, hence on threads, memory format and device. So everything the probabilities depend on is
evaluated in fixed point, on *integer-valued float64 tensors*: a product or sum of integers is exact in
float64 while it stays under 2**53, in any order, on any device, and matrix products run at the speed of BLAS.

* An activation a stands for ``a / 2**12`` and is kept within 24 bits, and a weight has 16 bits and a power-of-two scale
  of its layer's own; or, in networks made for it, ``a / 2**9`` within 16 bits and weights of 8 bits with a scale of
  their output channel's own (:data:`~napari_glc.networks.fixed_arithmetic.EIGHT_BITS`).
* After each layer the sum is brought back by an exact multiplication by a power of two, a half is added and
  the result is rounded down. The added half is half a unit of the sum's grid larger than 0.5, so no sum lies
  on a rounding boundary and perturbations of relative size 1e-10 change nothing; each layer also rounds its
  input, which removes perturbations added between layers.

:func:`to_fixed_point` swaps the leaf modules of a network for their fixed-point twins and keeps its forward
passes, so there is one definition of the architecture. :mod:`.fixed_prior` computes the same integers faster.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Product
from .fixed_arithmetic import (
    FRACTION_BITS,
    ONE,
    SIXTEEN_BITS,
    FixedFormat,
    IntegerWeights,
    from_fixed,
    integer_rows,
    rescale,
    snap,
    to_fixed,
)
from .fixed_attention import FixedAttend, FixedGelu, FixedLayerNorm, FixedLinear, FixedTokens
from .index_transformer import Attend, TokenTable

__all__ = [
    "FRACTION_BITS",
    "ONE",
    "FixedConv2d",
    "FixedLeakyReLU",
    "from_fixed",
    "integer_convolution",
    "to_fixed",
    "to_fixed_point",
]

DENSE_SUM_LIMIT = 1 << 31
DEPTHWISE_SUM_LIMIT = 1 << 24
"""What sums of networks with 8-bit weights stay below: exact in int32 and in float32."""


def integer_convolution(conv: nn.Conv2d, form: FixedFormat) -> IntegerWeights:
    """The integers of a convolution, coarse enough for its sums to stay below the limits above."""
    limit = DEPTHWISE_SUM_LIMIT if conv.groups > 1 else DENSE_SUM_LIMIT
    return integer_rows(conv.weight, conv.bias, form, sum_limit=limit)


class FixedConv2d(nn.Module):
    """1x1, 3x3 and depthwise 3x3 convolutions as sums of exact products."""

    weight: Tensor
    offset: Tensor
    shift: Tensor

    def __init__(self, conv: nn.Conv2d, form: FixedFormat) -> None:
        super().__init__()
        self.form = form
        self.depthwise = conv.groups > 1
        self.size = conv.kernel_size[0]
        found = integer_convolution(conv, form)
        weight = found.weight if self.depthwise else found.weight.flatten(1)
        self.register_buffer("weight", weight.contiguous(), persistent=False)
        self.register_buffer("offset", found.offset.view(-1, 1), persistent=False)
        self.register_buffer("shift", found.shift.view(-1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, h, w)`` to ``(B, out_channels, h, w)``, integer-valued float64."""
        x = snap(x, self.form.limit)
        batch, _, height, width = x.shape
        total = self._depthwise(x) if self.depthwise else self._dense(x)
        return rescale(total.add_(self.offset), self.shift).view(batch, -1, height, width)

    def _dense(self, x: Tensor) -> Tensor:
        columns = x.flatten(2) if self.size == 1 else F.unfold(x, self.size, padding=self.size // 2)
        return torch.matmul(self.weight, columns)

    def _depthwise(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        padded = F.pad(x, (1, 1, 1, 1))
        total = torch.zeros_like(x)
        for row in range(3):
            for column in range(3):
                tap = self.weight[:, 0, row, column].view(1, -1, 1, 1)
                total.addcmul_(padded[..., row : row + height, column : column + width], tap)
        return total.flatten(2)


class FixedLeakyReLU(nn.Module):
    """LeakyReLU with a slope of a few binary digits."""

    def __init__(self, activation: nn.LeakyReLU, form: FixedFormat) -> None:
        super().__init__()
        self.form = form
        self.slope = round(activation.negative_slope * 2**form.slope_bits)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        x = snap(x)
        return torch.where(x < 0, rescale(x * self.slope, self.form.slope_bits), x)


class _FixedProduct(nn.Module):
    def __init__(self, form: FixedFormat) -> None:
        super().__init__()
        self.form = form

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of shapes that broadcast to their product."""
        limit = self.form.limit
        return rescale(snap(a, limit) * snap(b, limit), self.form.fraction_bits)


_TWINS: dict[type[nn.Module], Callable[[Any, FixedFormat], nn.Module]] = {
    nn.Conv2d: FixedConv2d,
    nn.LeakyReLU: FixedLeakyReLU,
    Product: lambda module, form: _FixedProduct(form),
    nn.PixelShuffle: lambda module, form: module,
    nn.Linear: lambda module, form: FixedLinear(module),
    nn.LayerNorm: lambda module, form: FixedLayerNorm(module),
    nn.GELU: lambda module, form: FixedGelu(),
    TokenTable: lambda module, form: FixedTokens(module.weight),
    Attend: lambda module, form: FixedAttend(),
}


def to_fixed_point(network: nn.Module, form: FixedFormat = SIXTEEN_BITS) -> nn.Module:
    """Copy a network made of the layers above, of parameters that are added, and of additions.

    Parameters
    ----------
    network
        Any composition of :mod:`napari_glc.networks.blocks` or
        :mod:`napari_glc.networks.index_transformer`; left untouched.
    form
        What the integers stand for; transformers know 16-bit weights only.

    Returns
    -------
    nn.Module
        Takes and returns integer-valued float64 tensors.

    Raises
    ------
    TypeError
        If it holds another kind of leaf module.
    """
    return _converted(copy.deepcopy(network).cpu(), form)


def _converted(module: nn.Module, form: FixedFormat) -> nn.Module:
    if type(module) in _TWINS:
        return _TWINS[type(module)](module, form)
    children = list(module.named_children())
    if not children:
        raise TypeError(f"{type(module).__name__} has no fixed-point form")
    for name, child in children:
        setattr(module, name, _converted(child, form))
    for name, parameter in list(module.named_parameters(recurse=False)):
        setattr(module, name, nn.Parameter(to_fixed(parameter.detach(), form), requires_grad=False))
    return module
