"""The blocks of :mod:`.blocks` on matrices of narrow integers, position by position.

What goes from block to block is an int32 matrix ``(positions, channels)`` that the next block may overwrite.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import ConvFFN, DepthConv, ResidualBlockUpsample
from .fixed_integers import Depthwise, LeakyReLU, Spatial, product
from .fixed_point import FixedConv2d, FixedLeakyReLU
from .fixed_products import Digits, Linear, scratch

__all__ = ["IntegerDepthConv", "IntegerFFN", "IntegerUpsample", "integer_blocks"]


def _leaf(module: nn.Module, name: str) -> FixedConv2d:
    found = module.get_submodule(name)
    assert isinstance(found, FixedConv2d)
    return found


def _activation(module: nn.Module, name: str) -> LeakyReLU:
    found = module.get_submodule(name)
    assert isinstance(found, FixedLeakyReLU)
    return LeakyReLU(found)


_STRETCH = 36 << 10
"""Numbers of a matrix that go through the operations of a block together: the nearest cache holds all buffers then."""


def _stretch(channels: int, width: int = 1) -> int:
    """How many positions that are, whole rows of `width`."""
    return max(1, _STRETCH // (channels * width)) * width


class IntegerDepthConv(nn.Module):
    """See :class:`~napari_glc.networks.blocks.DepthConv`; made of its twin."""

    def __init__(self, block: DepthConv) -> None:
        super().__init__()
        self.conv1 = Linear(_leaf(block, "conv1.0"))
        self.activation = _activation(block, "conv1.1")
        self.depthwise = Depthwise(_leaf(block, "depth_conv"))
        self.conv2 = Linear(_leaf(block, "conv2"))
        self.adaptor = None if block.adaptor is None else Linear(_leaf(block, "adaptor"))

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        """``(positions, in_channels)`` to ``(positions, out_channels)``."""
        stretch = _stretch(x.shape[1], width)
        plane, largest = self.depthwise.plane(height, width), 0
        # memory of its own: `x` may be narrower, and someone else's
        out = x if self.adaptor is None else x.new_empty(len(x), self.adaptor.width)
        for number, (part, kept) in enumerate(zip(x.split(stretch), out.split(stretch), strict=True)):
            digits = Digits(part, self.conv1.form)
            if self.adaptor is not None:
                kept.copy_(self.adaptor(digits, "a"))
            inner = self.activation(self.conv1(digits, "a"))
            largest = max(largest, self.depthwise.lay(inner, plane, number * stretch // width))
        for number, kept in enumerate(out.split(stretch)):
            top = number * stretch // width
            inner = self.depthwise.rows(plane, top, top + len(kept) // width, largest)
            kept.add_(self.conv2(Digits(inner, self.conv2.form, spare=True), "a"))
        return out


class IntegerFFN(nn.Module):
    """See :class:`~napari_glc.networks.blocks.ConvFFN`; made of its twin."""

    def __init__(self, block: ConvFFN) -> None:
        super().__init__()
        self.conv = Linear(_leaf(block, "conv"))
        self.activation = _activation(block, "activation")
        self.conv_out = Linear(_leaf(block, "conv_out"))

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        """``(positions, channels)`` to itself."""
        for part in x.split(_stretch(x.shape[1])):
            part.add_(self.conv_out(self.hidden(part), "a"))
        return x

    def hidden(self, x: Tensor) -> Digits:
        """What the last convolution sees."""
        form = self.conv.form
        both = self.conv(Digits(x, form), "a")
        value, gate = both.chunk(2, dim=1)
        self.activation(gate)
        both.clamp_(-form.limit, form.limit)
        return Digits(product(value, gate, form), form, spare=True)


class IntegerUpsample(nn.Module):
    """See :class:`~napari_glc.networks.blocks.ResidualBlockUpsample`; made of its twin. Doubles the sides."""

    def __init__(self, block: ResidualBlockUpsample) -> None:
        super().__init__()
        subpel, plain = _leaf(block, "subpel_conv.0"), _leaf(block, "upsample.0")
        # output channels in the order of PixelShuffle's positions
        order = torch.arange(len(plain.weight)).view(-1, 4).t().flatten()
        self.subpel, self.plain = Linear(subpel, order), Linear(plain, order)
        self.leaky_relu, self.leaky_relu2 = _activation(block, "leaky_relu"), _activation(block, "leaky_relu2")
        self.conv = Spatial(_leaf(block, "conv"))

    def forward(self, x: Tensor, height: int, width: int) -> Tensor:
        """``(height width, in_channels)`` to ``(4 height width, out_channels)``."""
        digits = Digits(x, self.plain.form)
        plain = _shuffled(self.plain(digits, "a"), height, width, "plain").clone()
        inner = self.leaky_relu(_shuffled(self.subpel(digits, "a"), height, width, "shuffled"))
        return plain.add_(self.leaky_relu2(self.conv(inner, 2 * height, 2 * width, "a")))


def _shuffled(x: Tensor, height: int, width: int, name: str) -> Tensor:
    """``(H W, 4 C)`` to ``(2 H 2 W, C)``."""
    channels = x.shape[1] // 4
    out = scratch(name, torch.int32, 4 * len(x), channels)
    out.view(height, 2, width, 2, channels).copy_(x.view(height, width, 2, 2, channels).transpose(1, 2))
    return out


def integer_blocks(twin: nn.Module) -> nn.ModuleList:
    """The blocks of a composition of twins, in their order.

    Raises
    ------
    TooLargeError
        If their numbers might not fit.
    """
    kinds = {DepthConv: IntegerDepthConv, ConvFFN: IntegerFFN, ResidualBlockUpsample: IntegerUpsample}
    return nn.ModuleList(kinds[type(m)](m) for m in twin.modules() if type(m) in kinds)
