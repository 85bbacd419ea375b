"""The GLC network: autoencoder, latent transform, hyper-prior and context model.

Generative Latent Coding (Jia et al., CVPR 2024). Data flow of one plane::

    picture --encoder--> latent --enc, q_enc--> y ----------- quantised residuals ------> symbols
                                                |                      ^
                                            hyper_enc          mean, scale, step
                                                |                      |
                                                z --nearest--> z_hat --hyper_dec, fusion, context--+
                                                                                                   |
    picture <--generator-- latent_hat <--dec, q_dec-- y_hat * quant_step <-- symbols + mean -------+

Parameter names are those of the published checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .autoencoder import build_encoder, build_generator
from .bands import BandLayer, in_bands
from .blocks import depth_conv_block, depth_conv_block2
from .config import AutoencoderConfig, GlcConfig
from .prior import Prior, PriorParameters
from .vector_quantizer import VectorQuantizer

__all__ = ["Autoencoder", "GlcNetwork"]

_TRANSFORM_REACH = 4
"""Latent positions the four depthwise 3x3 convolutions of a latent transform see in each direction."""


class Autoencoder(nn.Module):
    """Encoder, codebook and generator under the keys of the published checkpoints."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.encoder = build_encoder(config)
        self.quantize = VectorQuantizer(config.codewords, config.latent_channels)
        self.generator = build_generator(config)


class _LatentAnalysis(nn.Module):
    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        self.enc_1 = nn.Sequential(*(depth_conv_block2(channels, expansion) for _ in range(2)))
        self.enc_2 = nn.Sequential(*(depth_conv_block2(channels, expansion) for _ in range(2)))

    def forward(self, latent: Tensor, q: Tensor) -> Tensor:
        """Coefficients y ``(B, N, h, w)`` of a latent of that shape, scaled on the way by `q` ``(B or 1, N, 1, 1)``."""
        return _scaled_between(self.enc_1, self.enc_2, latent, q)


class _LatentSynthesis(nn.Module):
    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        self.dec_1 = nn.Sequential(*(depth_conv_block2(channels, expansion) for _ in range(2)))
        self.dec_2 = nn.Sequential(*(depth_conv_block2(channels, expansion) for _ in range(2)))

    def forward(self, y_hat: Tensor, q: Tensor) -> Tensor:
        """Latent ``(B, N, h, w)`` from coefficients of that shape, scaled on the way by `q` ``(B or 1, N, 1, 1)``."""
        return _scaled_between(self.dec_1, self.dec_2, y_hat, q)


def _scaled_between(first: nn.Sequential, second: nn.Sequential, x: Tensor, q: Tensor) -> Tensor:
    scaling = BandLayer(lambda x: x * q)
    return in_bands([*map(BandLayer.of, first), scaling, *map(BandLayer.of, second)], x)


class GlcNetwork(Prior):
    """All networks of one GLC model.

    Parameters
    ----------
    config
        Sizes and variants; see :class:`~napari_glc.networks.config.GlcConfig`.
    """

    def __init__(self, config: GlcConfig) -> None:
        super().__init__(config)
        n, expansion = config.channels, config.expansion
        self.vqgan = Autoencoder(config.autoencoder)
        self.q_enc = nn.Parameter(torch.ones(config.rate_points, n, 1, 1))
        self.q_dec = nn.Parameter(torch.ones(config.rate_points, n, 1, 1))
        self.enc = _LatentAnalysis(n, expansion)
        self.dec = _LatentSynthesis(n, expansion)
        self.hyper_enc = nn.Sequential(
            depth_conv_block(n, n, expansion),
            nn.Conv2d(n, n, 3, stride=2, padding=1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(n, n, 3, stride=2, padding=1),
        )

    # -- reach ----------------------------------------------------------------------------------------

    @property
    def analysis_margin(self) -> int | None:
        """Pixels around a block, a multiple of f, beyond which nothing changes it; ``None``: no limit."""
        reach = self.config.autoencoder.encoder_reach
        return None if reach is None else self.config.factor * (_TRANSFORM_REACH + reach)

    @property
    def synthesis_margin(self) -> int | None:
        """Pixels around a block, a multiple of f, beyond which no coefficient changes it; ``None``: no limit."""
        reach = self.config.autoencoder.generator_reach
        return None if reach is None else self.config.factor * (_TRANSFORM_REACH + reach)

    # -- rate ---------------------------------------------------------------------------------------

    def interpolate(self, table: Tensor, position: Tensor | float) -> Tensor:
        """Rows of a ``(rate_points, N, 1, 1)`` table at fractional positions, linearly.

        Parameters
        ----------
        table
            ``q_enc``, ``q_dec`` or ``q_prior``.
        position
            0 (lowest rate) to ``rate_points - 1``; a scalar or a tensor of length B.

        Returns
        -------
        Tensor
            ``(B, N, 1, 1)``, with B = 1 for a scalar.
        """
        at = torch.as_tensor(position, dtype=table.dtype, device=table.device).reshape(-1, 1, 1, 1)
        low = at.floor().clamp(0, self.config.rate_points - 2)
        fraction = at - low
        row = low.long().flatten()
        return table[row] * (1 - fraction) + table[row + 1] * fraction

    # -- encoder side ---------------------------------------------------------------------------------

    def analyse(self, picture: Tensor) -> Tensor:
        """Latent ``(B, N, H/f, W/f)`` of a picture ``(B, 3, H, W)`` in [-1, 1]."""
        out: Tensor = self.vqgan.encoder(picture)
        return out

    def transform(self, latent: Tensor, position: Tensor | float) -> Tensor:
        """Coefficients y of a latent at a rate position."""
        out: Tensor = self.enc(latent, self.interpolate(self.q_enc, position))
        return out

    def hyper_analyse(self, y: Tensor) -> Tensor:
        """Hyper-latent ``(B, N, H/4, W/4)`` before vector quantisation."""
        out: Tensor = self.hyper_enc(y)
        return out

    # -- decoder side ---------------------------------------------------------------------------------

    def prior(self, z_hat: Tensor, position: Tensor | float) -> PriorParameters:
        """Parameters of all symbols from the quantised hyper-latent, in floating point."""
        features: Tensor = self.hyper_dec(z_hat)
        if self.config.rate_conditioned_prior:
            features = features * self.interpolate(self.q_prior, position)
        return self.parameters_from_features(features)

    def synthesise_latent(self, y_hat: Tensor, position: Tensor | float) -> Tensor:
        """Latent from dequantised coefficients (`y_hat` already times the quantisation step)."""
        out: Tensor = self.dec(y_hat, self.interpolate(self.q_dec, position))
        return out

    def generate(self, latent: Tensor) -> Tensor:
        """Picture ``(B, 3, H*f, W*f)``, nominally in [-1, 1], from a latent."""
        out: Tensor = self.vqgan.generator(latent)
        return out
