"""The compact autoencoder: norm-free, local, quick on a CPU.

Pixels enter and leave by space-to-depth, so no wide convolution runs at full resolution; nothing
normalises over space, so a tile computed with a margin as wide as the receptive field equals the same
part of the whole picture::

    3 x H x W -> unshuffle 4 -> w0 @ 1/4 -> unshuffle 2 -> w1 @ 1/8 -> unshuffle 2 -> w2 @ 1/16 -> latent
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from .bands import BandLayer, in_bands
from .config import AutoencoderConfig
from .residual import residual_blocks

__all__ = ["CompactEncoder", "CompactGenerator"]


class CompactEncoder(nn.Module):
    """Picture ``(B, 3, H, W)`` in [-1, 1], sides multiples of 16, to latent ``(B, C, H/16, W/16)``."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        w0, w1, w2 = config.widths
        n0, n1, n2 = config.encoder_depths
        self.blocks = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, w0, 3, padding=1),
            *residual_blocks(w0, n0),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * w0, w1, 1),
            *residual_blocks(w1, n1),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * w1, w2, 1),
            *residual_blocks(w2, n2),
            nn.Conv2d(w2, config.latent_channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Latent of a picture; shapes as above."""
        return in_bands([BandLayer.of(module) for module in self.blocks], x)


class CompactGenerator(nn.Module):
    """Latent ``(B, C, h, w)`` to picture ``(B, 3, 16 h, 16 w)``, nominally in [-1, 1]."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        w0, w1, w2 = config.widths
        n0, n1, n2 = config.decoder_depths
        self.coarse_blocks = n2
        self.blocks = nn.Sequential(
            nn.Conv2d(config.latent_channels, w2, 3, padding=1),
            *residual_blocks(w2, n2),
            nn.Conv2d(w2, 4 * w1, 1),
            nn.PixelShuffle(2),
            *residual_blocks(w1, n1),
            nn.Conv2d(w1, 4 * w0, 1),
            nn.PixelShuffle(2),
            *residual_blocks(w0, n0),
            nn.Conv2d(w0, 48, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def forward(self, latent: Tensor, bias: Tensor | None = None) -> Tensor:
        """Generate; `bias` ``(B, coarse_blocks, w2)`` is added in front of each block at 1/16."""
        layers = [BandLayer.of(module) for module in self.blocks]
        if bias is not None:
            for position in range(self.coarse_blocks):
                layers[1 + position] = _told(layers[1 + position], bias[:, position, :, None, None])
        return in_bands(layers, latent)


def _told(layer: BandLayer, bias: Tensor) -> BandLayer:
    """A layer in front of which something is added that is the same everywhere."""
    return replace(layer, run=lambda x: layer.run(x + bias))
