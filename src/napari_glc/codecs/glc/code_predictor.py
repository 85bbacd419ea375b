"""A network that exists only while training: it predicts codewords from the decoded latent."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ...networks.blocks import depth_conv_block

__all__ = ["CodePredictor"]


class CodePredictor(nn.Module):
    """Predicts the codeword indices of the original's latent from the decoded latent.

    The published code uses a transformer of nine layers; a few local blocks carry the same supervision at
    a price a CPU can pay.
    """

    def __init__(self, channels: int, codewords: int, width: int = 192) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            depth_conv_block(channels, width, 2), depth_conv_block(width, width, 2), nn.Conv2d(width, codewords, 1)
        )

    def forward(self, latent: Tensor, indices: Tensor) -> Tensor:
        """Mean cross-entropy in nats of index maps ``(B, H, W)`` given latents ``(B, C, H, W)``."""
        return F.cross_entropy(self.layers(latent).float(), indices)
