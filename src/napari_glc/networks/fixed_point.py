"""Bit-exact evaluation of the prior: the same integers on every machine.

An entropy decoder must repeat the encoder's probabilities to the last bit, but floating-point sums depend
on their order, hence on threads, memory format and device. So everything the probabilities depend on is
evaluated in fixed point, on *integer-valued float64 tensors*: a product or sum of integers is exact in
float64 while it stays under 2**53, in any order, on any device, and matrix products run at the speed of BLAS.

* An activation a stands for ``a / 2**12`` and is kept within 24 bits.
* A weight has 16 bits and a power-of-two scale of its layer's own.
* After each layer the sum is brought back by an exact multiplication by a power of two, a half is added and
  the result is rounded down. The added half is half a unit of the sum's grid larger than 0.5, so no sum lies
  on a rounding boundary and perturbations of relative size 1e-10 change nothing; each layer also rounds its
  input, which removes perturbations added between layers.

:func:`to_fixed_point` swaps the leaf modules of a network for their fixed-point twins and keeps its forward
passes, so there is one definition of the architecture.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import Product
from .fixed_arithmetic import FRACTION_BITS, ONE, from_fixed, integer_weights, rescale, snap, to_fixed
from .fixed_attention import FixedAttend, FixedGelu, FixedLayerNorm, FixedLinear, FixedTokens
from .index_transformer import Attend, TokenTable

__all__ = ["FRACTION_BITS", "ONE", "from_fixed", "to_fixed", "to_fixed_point"]

_SLOPE_BITS = 16


class _FixedConv2d(nn.Module):
    """1x1, 3x3 and depthwise 3x3 convolutions as sums of exact products."""

    weight: Tensor
    offset: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        integers, self.weight_bits = integer_weights(conv.weight)
        self.depthwise = conv.groups > 1
        self.size = conv.kernel_size[0]
        if not self.depthwise:
            integers = integers.flatten(1)
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        offset = (bias.double() * ONE * 2.0**self.weight_bits).round().view(-1, 1)
        self.register_buffer("weight", integers.contiguous(), persistent=False)
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, h, w)`` to ``(B, out_channels, h, w)``, integer-valued float64."""
        x = snap(x)
        batch, _, height, width = x.shape
        total = self._depthwise(x) if self.depthwise else self._dense(x)
        return rescale(total.add_(self.offset), self.weight_bits).view(batch, -1, height, width)

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


class _FixedLeakyReLU(nn.Module):
    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = float(round(slope * 2**_SLOPE_BITS))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        x = snap(x)
        return torch.where(x < 0, rescale(x * self.slope, _SLOPE_BITS), x)


class _FixedProduct(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of shapes that broadcast to their product."""
        return rescale(snap(a) * snap(b), FRACTION_BITS)


_TWINS: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    nn.Conv2d: _FixedConv2d,
    nn.LeakyReLU: lambda module: _FixedLeakyReLU(module.negative_slope),
    Product: lambda module: _FixedProduct(),
    nn.PixelShuffle: lambda module: module,
    nn.Linear: FixedLinear,
    nn.LayerNorm: FixedLayerNorm,
    nn.GELU: lambda module: FixedGelu(),
    TokenTable: lambda module: FixedTokens(module.weight),
    Attend: lambda module: FixedAttend(),
}


def to_fixed_point(network: nn.Module) -> nn.Module:
    """Copy a network made of the layers above, of parameters that are added, and of additions.

    Parameters
    ----------
    network
        Any composition of :mod:`napari_glc.networks.blocks` or
        :mod:`napari_glc.networks.index_transformer`; left untouched.

    Returns
    -------
    nn.Module
        Takes and returns integer-valued float64 tensors.

    Raises
    ------
    TypeError
        If it holds another kind of leaf module.
    """
    return _converted(copy.deepcopy(network).cpu())


def _converted(module: nn.Module) -> nn.Module:
    if type(module) in _TWINS:
        return _TWINS[type(module)](module)
    children = list(module.named_children())
    if not children:
        raise TypeError(f"{type(module).__name__} has no fixed-point form")
    for name, child in children:
        setattr(module, name, _converted(child))
    for name, parameter in list(module.named_parameters(recurse=False)):
        setattr(module, name, nn.Parameter(to_fixed(parameter.detach()), requires_grad=False))
    return module
