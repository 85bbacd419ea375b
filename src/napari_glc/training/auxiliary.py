"""Networks that exist only while training: the discriminator and the code predictor."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ..networks.blocks import depth_conv_block

__all__ = ["CodePredictor", "PatchDiscriminator"]


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of a picture; spectrally normalised, quick on a CPU.

    Works on half resolution after space-to-depth, so that no wide layer sees all pixels.
    """

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        sizes = (12, width, 2 * width, 4 * width)
        layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
        for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        layers += [spectral_norm(nn.Conv2d(4 * width, 4 * width, 3, padding=1)), nn.LeakyReLU(0.2)]
        layers.append(nn.Conv2d(4 * width, 1, 3, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, picture: Tensor) -> Tensor:
        """Score map ``(B, 1, H/16, W/16)`` of pictures ``(B, 3, H, W)`` in [-1, 1]; high is real."""
        out: Tensor = self.layers(picture)
        return out


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
