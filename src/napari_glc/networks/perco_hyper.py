"""Hyper-encoders of PerCo (SD) and the codebook behind them. Tensors have the published names.

Careil et al. 2024, section 3.2: an autoencoder's latent becomes a map of codewords on a grid of 1, 1/2, 1/4 or 1/8 of
its sides. The codebook is that of Yu et al. (ICLR 2022): short codewords, compared by their direction.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .perco_published_config import PublishedPercoConfig

__all__ = ["BottleneckBackbone", "ChannelNormBackbone", "CosineCodebook", "PublishedHyperEncoder"]

_EPSILON = 1e-3


class _Bottleneck(nn.Module):
    """Residual block: to half the channels, a 3x3 convolution, back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.layers = nn.Sequential(
            nn.Conv2d(channels, half, 1),
            nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(half, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return x + out


class _AttentionUnit(nn.Module):
    """A bottleneck with an activation behind the sum, under the name compressai gives its layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = _Bottleneck(channels).layers

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return F.relu(x + out)


class _Gated(nn.Module):
    """What three units add, weighted by what three others say (Cheng et al., CVPR 2020)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = nn.Sequential(*(_AttentionUnit(channels) for _ in range(3)))
        self.conv_b = nn.Sequential(*(_AttentionUnit(channels) for _ in range(3)), nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.conv_a(x)
        weight: Tensor = self.conv_b(x)
        return x + added * torch.sigmoid(weight)


class BottleneckBackbone(nn.Sequential):
    """Latent ``(B, C, h, w)`` to features ``(B, M, h / stride, w / stride)``: the paper's design.

    Three convolutions, each before three bottlenecks, halve the sides as far as the stride asks for, the last ones
    first; the others see a position alone.
    """

    def __init__(self, config: PublishedPercoConfig) -> None:
        width, stride = config.hyper_width, config.stride
        layers: list[nn.Module] = []
        for place, halves in enumerate((stride >= 8, stride >= 4, stride >= 2)):
            source = width if place else config.latent_channels
            enter = nn.Conv2d(source, width, 5, stride=2, padding=2) if halves else nn.Conv2d(source, width, 1)
            layers += [enter, *(_Bottleneck(width) for _ in range(3))]
            if place == 1:
                layers.append(_Gated(width))
        last = config.hyper_channels
        super().__init__(*layers, nn.Conv2d(width, last, 1), _Gated(last))


class _ChannelNorm(nn.Module):
    """Each position normalised over its channels, with the variance of a sample (Mentzer et al., NeurIPS 2020)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=1, keepdim=True)
        return self.gamma * ((x - mean) * torch.rsqrt(variance + _EPSILON)) + self.beta


class _NormedResidual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sequence = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            _ChannelNorm(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            _ChannelNorm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.sequence(x)
        return x + out


class ChannelNormBackbone(nn.Module):
    """The same from the first design of PerCo (SD), after HiFiC."""

    def __init__(self, config: PublishedPercoConfig) -> None:
        super().__init__()
        width, latent = config.hyper_width, config.latent_channels
        self.proj_in = nn.Sequential(_ChannelNorm(latent), nn.Conv2d(latent, width, 3, padding=1), _ChannelNorm(width))
        self.resid_blocks = nn.Sequential(*(_NormedResidual(width) for _ in range(config.hyper_blocks)))
        down: list[nn.Module] = []
        for _ in range(config.stride.bit_length() - 1):
            down.append(
                nn.Sequential(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), _ChannelNorm(2 * width), nn.ReLU())
            )
            width *= 2
        self.down_blocks = nn.Sequential(*down)
        self.proj_out = nn.Sequential(nn.Conv2d(width, config.hyper_channels, 1))

    def forward(self, latent: Tensor) -> Tensor:
        """See the class."""
        entered = self.proj_in(latent)
        out: Tensor = self.proj_out(self.down_blocks(entered + self.resid_blocks(entered)))
        return out


class CosineCodebook(nn.Module):
    """Codewords of unit length, between a projection into their space and one out of it.

    Attributes
    ----------
    embed
        ``(1, K, codeword channels)``.
    """

    embed: Tensor

    def __init__(self, config: PublishedPercoConfig) -> None:
        super().__init__()
        self.project_in = nn.Linear(config.hyper_channels, config.codeword_channels)
        self.project_out = nn.Linear(config.codeword_channels, config.hyper_channels)
        self.register_buffer("embed", torch.zeros(1, config.codewords, config.codeword_channels))

    def indices(self, features: Tensor) -> Tensor:
        """Features ``(B, M, h, w)`` to the codewords that point most nearly their way, int64 ``(B, h, w)``."""
        directions = F.normalize(self.project_in(features.permute(0, 2, 3, 1)), dim=-1)
        # the similarity of all codewords at once would be gigabytes for large planes
        return torch.stack([(row @ self.embed[0].T).argmax(-1) for row in directions.flatten(0, 1)]).view(
            directions.shape[:-1]
        )

    def lookup(self, indices: Tensor) -> Tensor:
        """What the denoiser is told, ``(B, M, h, w)``, from indices ``(B, h, w)``."""
        out: Tensor = self.project_out(self.embed[0][indices])
        return out.permute(0, 3, 1, 2)


class PublishedHyperEncoder(nn.Module):
    """Backbone and codebook."""

    def __init__(self, config: PublishedPercoConfig) -> None:
        super().__init__()
        bottleneck = config.hyper_design == "bottleneck"
        self.backbone = BottleneckBackbone(config) if bottleneck else ChannelNormBackbone(config)
        self.quantizer = CosineCodebook(config)

    def indices(self, latent: Tensor) -> Tensor:
        """Index map of a latent: int64 ``(B, h / stride, w / stride)``."""
        return self.quantizer.indices(self.backbone(latent))
