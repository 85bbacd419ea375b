"""A network that exists only while training: the discriminator."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["PatchDiscriminator"]


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
