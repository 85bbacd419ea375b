"""Building blocks of the latent transform, the hyper-prior and the context model.

All of them work at the resolution of the latent. Their parameter names are those of the published
GLC checkpoints, so an official state dict loads key by key.

The blocks use nothing but leaf modules (``Conv2d``, ``LeakyReLU``, ``PixelShuffle``, ``Product``) and
additions. :func:`napari_glc.networks.fixed_point.to_fixed_point` relies on that: it swaps the leaves and
keeps the forward passes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = [
    "ConvFFN",
    "DepthConv",
    "DepthConv2",
    "Product",
    "ResidualBlockUpsample",
    "depth_conv_block",
    "depth_conv_block2",
]


class Product(nn.Module):
    """Elementwise product as a module, so that fixed-point evaluation can replace it."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors of equal shape, or of shapes that broadcast, to their product."""
        return a * b


class DepthConv(nn.Module):
    """1x1, LeakyReLU, depthwise 3x3, 1x1 around a (projected) identity."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(in_channels, in_channels, 1), nn.LeakyReLU(0.01))
        self.depth_conv = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels)
        self.conv2 = nn.Conv2d(in_channels, out_channels, 1)
        self.adaptor = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else None

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, h, w)`` to ``(B, out_channels, h, w)``."""
        identity = x if self.adaptor is None else self.adaptor(x)
        out: Tensor = self.conv2(self.depth_conv(self.conv1(x)))
        return out + identity


class DepthConv2(nn.Module):
    """Gated depthwise block: a spatial branch multiplied by a pointwise branch, around an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
        )
        self.conv2 = nn.Conv2d(channels, channels, 1)
        self.out_conv = nn.Conv2d(channels, channels, 1)
        self.product = Product()

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` to the same shape."""
        out: Tensor = self.out_conv(self.product(self.conv1(x), self.conv2(x)))
        return out + x


class ConvFFN(nn.Module):
    """Gated pointwise feed-forward block: expand, ``a * LeakyReLU(b)``, contract, around an identity.

    Parameters
    ----------
    channels
        Width of input and output.
    expansion
        Channels of the hidden layer per input channel; 4 in the official configuration.
    """

    def __init__(self, channels: int, expansion: int = 4) -> None:
        super().__init__()
        hidden = channels * expansion
        self.conv = nn.Conv2d(channels, hidden, 1)
        self.conv_out = nn.Conv2d(hidden // 2, channels, 1)
        self.activation = nn.LeakyReLU(0.1)
        self.product = Product()

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` to the same shape; positions do not see each other."""
        value, gate = self.conv(x).chunk(2, dim=1)
        out: Tensor = self.conv_out(self.product(value, self.activation(gate)))
        return out + x


class _Block(nn.Module):
    """Sequential of a spatial and a pointwise block under the key ``block``."""

    reach = 1
    """Rows on each side that influence a row."""

    def __init__(self, spatial: nn.Module, pointwise: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(spatial, pointwise)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, h, w)`` to ``(B, out_channels, h, w)``."""
        out: Tensor = self.block(x)
        return out


def depth_conv_block(in_channels: int, out_channels: int, expansion: int = 4) -> nn.Module:
    """``DepthConv`` followed by ``ConvFFN`` (GLC's *DepthConvBlock*)."""
    return _Block(DepthConv(in_channels, out_channels), ConvFFN(out_channels, expansion))


def depth_conv_block2(channels: int, expansion: int = 4) -> nn.Module:
    """``DepthConv2`` followed by ``ConvFFN`` (GLC's *DepthConvBlock2*)."""
    return _Block(DepthConv2(channels), ConvFFN(channels, expansion))


class ResidualBlockUpsample(nn.Module):
    """Twofold upsampling by pixel shuffle with a convolutional branch and a plain branch."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.subpel_conv = nn.Sequential(nn.Conv2d(in_channels, out_channels * 4, 1), nn.PixelShuffle(2))
        self.leaky_relu = nn.LeakyReLU(0.01)
        self.conv = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.leaky_relu2 = nn.LeakyReLU(0.1)
        self.upsample = nn.Sequential(nn.Conv2d(in_channels, out_channels * 4, 1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, h, w)`` to ``(B, out_channels, 2 h, 2 w)``."""
        out: Tensor = self.leaky_relu2(self.conv(self.leaky_relu(self.subpel_conv(x))))
        plain: Tensor = self.upsample(x)
        return torch.add(out, plain)
