"""The VQGAN autoencoder of taming-transformers, GLC and CodeFormer, as one configurable class.

Encoder and generator are flat lists of blocks, numbered as in the published GLC and CodeFormer
checkpoints; a taming checkpoint maps onto the same list one to one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import PatchAttention
from .config import AutoencoderConfig
from .normalisation import GroupNorm

__all__ = ["Downsample", "ResBlock", "Upsample", "VqganEncoder", "VqganGenerator", "group_norm"]


def group_norm(channels: int) -> GroupNorm:
    """The normalisation in front of every convolution: 32 groups."""
    return GroupNorm(32, channels, eps=1e-6)


class ResBlock(nn.Module):
    """Two normalised convolutions around an identity, or a 1x1 convolution where the width changes."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = group_norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = group_norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.conv_out = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else None

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, h, w)`` to ``(B, out_channels, h, w)``."""
        if self.training or torch.is_grad_enabled():
            residual = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
            return torch.add(residual, x if self.conv_out is None else self.conv_out(x))
        # at full resolution a feature map of 512 x 768 pixels has 200 MB: no more than three at a time
        out: Tensor = F.silu(self.norm1(x), inplace=True)
        out = self.conv1(out)
        out = F.silu(self.norm2.overwrite(out), inplace=True)
        out = self.conv2(out)
        return out.add_(x if self.conv_out is None else self.conv_out(x))


class Downsample(nn.Module):
    """Half the resolution; pads at the right and at the bottom only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C, h / 2, w / 2)``, rounded down."""
        out: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return out


class Upsample(nn.Module):
    """Twice the resolution: nearest neighbours, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` to ``(B, C, 2 h, 2 w)``."""
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out


class VqganEncoder(nn.Module):
    """Picture ``(B, 3, H, W)`` in [-1, 1] to latent ``(B, latent_channels, H/f, W/f)``."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in config.multipliers]
        levels = len(widths)
        blocks: list[nn.Module] = [nn.Conv2d(3, config.channels, 3, padding=1)]
        current = config.channels
        for level, width in enumerate(widths):
            for _ in range(config.encoder_blocks):
                blocks.append(ResBlock(current, width))
                current = width
                if level == levels - 1:
                    blocks.append(PatchAttention(current, config.window))
            if level < levels - 1:
                blocks.append(Downsample(current))
        blocks += [ResBlock(current, current), PatchAttention(current, config.window), ResBlock(current, current)]
        blocks.append(group_norm(current))
        if config.final_swish:
            blocks.append(nn.SiLU())
        blocks.append(nn.Conv2d(current, config.latent_channels, 3, padding=1))
        self.blocks = nn.ModuleList(blocks)
        self.quant_conv = nn.Conv2d(config.latent_channels, config.latent_channels, 1) if config.quant_conv else None

    def forward(self, x: Tensor) -> Tensor:
        """Latent of a picture; shapes as above."""
        for block in self.blocks:
            x = block(x)
        return x if self.quant_conv is None else self.quant_conv(x)


class VqganGenerator(nn.Module):
    """Latent ``(B, latent_channels, h, w)`` to picture ``(B, 3, h*f, w*f)``, nominally in [-1, 1]."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in config.multipliers]
        current = widths[-1]
        blocks: list[nn.Module] = [nn.Conv2d(config.latent_channels, current, 3, padding=1)]
        blocks += [ResBlock(current, current), PatchAttention(current, config.window), ResBlock(current, current)]
        for level in reversed(range(len(widths))):
            for _ in range(config.decoder_blocks):
                blocks.append(ResBlock(current, widths[level]))
                current = widths[level]
                if level == len(widths) - 1:
                    blocks.append(PatchAttention(current, config.window))
            if level > 0:
                blocks.append(Upsample(current))
        blocks.append(group_norm(current))
        if config.final_swish:
            blocks.append(nn.SiLU())
        blocks.append(nn.Conv2d(current, 3, 3, padding=1))
        self.blocks = nn.ModuleList(blocks)
        self.post_quant_conv = (
            nn.Conv2d(config.latent_channels, config.latent_channels, 1) if config.quant_conv else None
        )

    def forward(self, latent: Tensor) -> Tensor:
        """Picture of a latent; shapes as above."""
        x = latent if self.post_quant_conv is None else self.post_quant_conv(latent)
        for block in self.blocks:
            x = block(x)
        return x
