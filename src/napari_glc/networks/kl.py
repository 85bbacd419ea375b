"""The local KL-regularised autoencoder: a few smooth channels at 1/8 of the resolution, quick on a CPU.

Codec ``clric`` (Ameen et al., arXiv 2502.14937) codes its latent, as the published one codes Stable Diffusion's. A
variational autoencoder as in latent diffusion (Rombach et al. 2022, sections 3.1 and 4.1: a slight Kullback-Leibler
penalty towards a standard normal, f = 8), built like :mod:`.compact`: pixels enter and leave by space-to-depth and
nothing normalises over space, so a tile computed with a margin as wide as the reach equals the same part of the whole
picture::

    3 x H x W -> unshuffle 4 -> w4 @ 1/4 -> unshuffle 2 -> w8 @ 1/8 -> mean, log variance: 2 C @ 1/8
    C @ 1/8 -> w8 @ 1/8 -> shuffle 2 -> w4 @ 1/4 -> shuffle 2 -> half width @ 1/2 -> shuffle 2 -> 3 x H x W

The latent the rest of the package sees has zero mean in every channel and unit variance over all of them: both are
measured on the training pictures and kept with the weights, like the scaling factor of a published autoencoder.
Channels share one factor on purpose. The divergence lets a channel that says little be small, so an error of one size
costs about the same in all of them, which is what a codec of the latent assumes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .function import FunctionNetwork
from .kl_config import KlConfig
from .residual import SLOPE, residual_blocks

__all__ = ["KlAutoencoder", "KlEncoder", "KlGenerator"]

_LOG_VARIANCE = (-14.0, 4.0)
"""Range of the log variance. Its lower end is the deviation of a step of 8-bit weights, its upper end says nothing."""


class KlEncoder(nn.Module):
    """Picture ``(B, 3, H, W)`` in [-1, 1], sides multiples of 8, to moments ``(B, 2 C, H/8, W/8)``."""

    def __init__(self, config: KlConfig) -> None:
        super().__init__()
        w4, w8 = config.encoder_widths
        n4, n8 = config.encoder_depths
        self.blocks = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, w4, 3, padding=1),
            *residual_blocks(w4, n4),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * w4, w8, 1),
            *residual_blocks(w8, n8),
            nn.Conv2d(w8, 2 * config.latent_channels, 3, padding=1),
        )

    def forward(self, picture: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.blocks(picture)
        return out


class KlGenerator(nn.Module):
    """Latent ``(B, C, h, w)`` as trained to picture ``(B, 3, 8 h, 8 w)``, nominally in [-1, 1]."""

    def __init__(self, config: KlConfig) -> None:
        super().__init__()
        w4, w8 = config.decoder_widths
        n4, n8 = config.decoder_depths
        self.blocks = nn.Sequential(
            nn.Conv2d(config.latent_channels, w8, 3, padding=1),
            *residual_blocks(w8, n8),
            nn.Conv2d(w8, 4 * w4, 1),
            nn.PixelShuffle(2),
            *residual_blocks(w4, n4),
            nn.Conv2d(w4, 4 * config.half_width, 3, padding=1),
            nn.PixelShuffle(2),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(config.half_width, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, latent: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.blocks(latent)
        return out


class KlAutoencoder(nn.Module):
    """Encoder, generator and the scale of the latent between them.

    Attributes
    ----------
    latent_mean
        Of each channel over the training pictures, ``(1, C, 1, 1)``.
    latent_deviation
        Root mean square of what remains, over all channels, ``(1, 1, 1, 1)``.
    function
        Networks that fitted functions of the latent share, or ``None``.
    """

    latent_mean: Tensor
    latent_deviation: Tensor

    def __init__(self, config: KlConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = KlEncoder(config)
        self.generator = KlGenerator(config)
        self.register_buffer("latent_mean", torch.zeros(1, config.latent_channels, 1, 1))
        self.register_buffer("latent_deviation", torch.ones(1, 1, 1, 1))
        self.function: FunctionNetwork | None = None
        if config.function is not None:
            self.function = FunctionNetwork(config.latent_channels, config.function)

    def moments(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the posterior, before scaling: ``(B, C, H/8, W/8)`` each.

        Parameters
        ----------
        picture
            ``(B, 3, H, W)`` in [-1, 1], sides multiples of 8.
        """
        mean, log_variance = self.encoder(picture).chunk(2, 1)
        return mean, log_variance.clamp(*_LOG_VARIANCE)

    def analyse(self, picture: Tensor) -> Tensor:
        """Latent of a picture: the scaled mean of the posterior, ``(B, C, H/8, W/8)``."""
        return (self.moments(picture)[0] - self.latent_mean) / self.latent_deviation

    def generate(self, latent: Tensor) -> Tensor:
        """Picture ``(B, 3, 8 h, 8 w)``, nominally in [-1, 1], of a scaled latent ``(B, C, h, w)``."""
        out: Tensor = self.generator(latent * self.latent_deviation + self.latent_mean)
        return out
