"""Networks that exist only while training: discriminators."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["FeatureDiscriminator", "PatchDiscriminator"]


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


class FeatureDiscriminator(nn.Module):
    """Judges pictures by the feature maps of a network that does not learn, and by their pixels.

    Each map has a small head of its own. It knows edges and textures from the first step on, so a generator learns from
    it sooner than from one that begins with random weights (Sauer et al. 2021, *Projected GANs converge faster*,
    section 3).

    Parameters
    ----------
    features
        From pictures to maps, see :class:`~napari_glc.metrics.feature_distance.SqueezeNetFeatures`.
    channels
        Of the maps.
    width
        Channels of a head.
    """

    def __init__(self, features: nn.Module, channels: tuple[int, ...] = (64, 128, 256, 384), width: int = 64) -> None:
        super().__init__()
        self.features = features
        # fine patterns that the features do not see
        self.pixels = PatchDiscriminator(width // 2)
        self.heads = nn.ModuleList(
            [
                nn.Sequential(
                    spectral_norm(nn.Conv2d(inputs, width, 1)),
                    nn.LeakyReLU(0.2),
                    spectral_norm(nn.Conv2d(width, width, 3, padding=1)),
                    nn.LeakyReLU(0.2),
                    nn.Conv2d(width, 1, 1),
                )
                for inputs in channels
            ]
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Score maps ``(B, heads + 1, H / 16, W / 16)`` of pictures ``(B, 3, H, W)`` in [-1, 1]; high is real."""
        maps = self.features(picture)[: len(self.heads)]
        # strong and weak contrasts alike: the heads see which features there are
        unit = [f * torch.rsqrt(f.float().square().mean(1, keepdim=True) + 1e-4).to(f.dtype) for f in maps]
        scores = [head(f) for head, f in zip(self.heads, unit, strict=True)]
        scores.append(self.pixels(picture))
        return torch.cat([F.adaptive_avg_pool2d(score, scores[-1].shape[-2:]) for score in scores], 1)
