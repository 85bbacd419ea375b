"""Configurations of the networks.

A model file carries its configuration as JSON made by ``to_json``; no option lives anywhere else.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .._base.config import Config, Count, Size

__all__ = [
    "OFFICIAL_FACE",
    "OFFICIAL_IMAGE",
    "SMALL",
    "AutoencoderConfig",
    "GlcConfig",
    "TransformerConfig",
    "VqganConfig",
]

_MOST_LEVELS = 16
"""More levels of resolution than any network has: with as many, a latent position would be 32,768 pixels wide."""
_MOST_CODEBOOKS = 64
"""More codebooks than anybody tells apart by quality."""

Codebooks = Annotated[tuple[Size, ...], Meta(min_length=1, max_length=_MOST_CODEBOOKS)]
Multipliers = Annotated[tuple[Count, ...], Meta(min_length=1, max_length=_MOST_LEVELS)]
Reaches = Annotated[tuple[Count, ...], Meta(max_length=256)]


class AutoencoderConfig(Config, frozen=True, kw_only=True):
    """The vector-quantised autoencoder.

    Parameters
    ----------
    kind
        ``"vqgan"``: the published architecture; ``"compact"``: the norm-free one for CPUs.
    latent_channels
        Channels of the latent, N.
    codewords
        Size of the codebook, M.
    channels, multipliers, encoder_blocks, decoder_blocks, window, final_swish, quant_conv
        ``vqgan`` only: base width; width of each level as its multiple (the factor f is two to the number
        of levels less one); residual blocks a level in encoder and generator; attention window in latent
        positions (0 = global); SiLU before the last convolution; 1x1 convolutions around the quantiser.
    widths, encoder_depths, decoder_depths
        ``compact`` only: channels and residual blocks at 1/4, 1/8 and 1/16 of the resolution.
    """

    kind: Literal["vqgan", "compact"] = "compact"
    latent_channels: Size = 96
    codewords: Size = 1024
    channels: Size = 128
    multipliers: Multipliers = (1, 1, 2, 2, 4)
    encoder_blocks: Count = 2
    decoder_blocks: Count = 3
    window: Count = 32
    final_swish: bool = True
    quant_conv: bool = True
    widths: tuple[Size, Size, Size] = (64, 128, 192)
    encoder_depths: tuple[Count, Count, Count] = (1, 2, 2)
    decoder_depths: tuple[Count, Count, Count] = (2, 3, 4)

    @property
    def factor(self) -> int:
        """Pixels per latent position in each direction, f."""
        return 16 if self.kind == "compact" else 2 ** (len(self.multipliers) - 1)

    @property
    def sees_whole_planes(self) -> bool:
        """Whether it normalises over the whole picture, so that no part of one can be computed by itself."""
        return self.kind == "vqgan"

    @property
    def encoder_reach(self) -> int | None:
        """Latent positions beyond which a pixel does not change the latent.

        ``None`` if there is no such limit: the published architecture normalises over the whole picture.
        """
        if self.kind == "vqgan":
            return None
        quarter, eighth, sixteenth = self.encoder_depths
        return 1 + 2 * sixteenth + -(-(4 * eighth + 2 * quarter + 1) // 4)

    @property
    def generator_reach(self) -> int | None:
        """Latent positions beyond which the latent does not change a pixel; see :attr:`encoder_reach`."""
        if self.kind == "vqgan":
            return None
        quarter, eighth, sixteenth = self.decoder_depths
        return 1 + 2 * sixteenth + -(-(4 * eighth + 2 * quarter + 1) // 4)


class GlcConfig(Config, frozen=True, kw_only=True):
    """Generative latent coding: autoencoder, latent transform, hyper-prior and context model.

    Parameters
    ----------
    autoencoder
        The autoencoder whose latent is coded.
    hyper_codewords
        Size of the hyper codebook.
    rate_points
        Number of trained rate points, rows of ``q_enc`` and ``q_dec``.
    expansion
        Hidden width of the feed-forward blocks per channel.
    prior_blocks
        Blocks of the spatial prior shared by the coding steps.
    log_scale
        The prior predicts the logarithm of the scale (``True``) or the scale itself (official).
    rate_conditioned_prior
        Whether the hyper decoder's output is multiplied by a learned ``q_prior`` of the rate point.
    prior_weight_bits
        Fixed-point form of the prior: 16 bits for weights of any network, or 8 for those made for it.
    """

    autoencoder: AutoencoderConfig = AutoencoderConfig()
    hyper_codewords: Size = 256
    rate_points: Size = 4
    expansion: Size = 2
    prior_blocks: Count = 2
    log_scale: bool = True
    rate_conditioned_prior: bool = True
    prior_weight_bits: Literal[8, 16] | msgspec.UnsetType = msgspec.UNSET

    @property
    def channels(self) -> int:
        """Channels of latent and symbols, N."""
        return self.autoencoder.latent_channels

    @property
    def factor(self) -> int:
        """Pixels per latent position in each direction."""
        return self.autoencoder.factor

    @property
    def sees_whole_planes(self) -> bool:
        """See :attr:`AutoencoderConfig.sees_whole_planes`."""
        return self.autoencoder.sees_whole_planes

    @property
    def hyper_factor(self) -> int:
        """Pixels per hyper-latent position in each direction."""
        return 4 * self.factor


class TransformerConfig(Config, frozen=True, kw_only=True):
    """The autoregressive transformer over index maps.

    Parameters
    ----------
    width, layers, heads
        Channels, blocks, attention heads of each block.
    block
        Length of the learned position embedding, as in minGPT; 0 for none.
    reaches
        One number a layer: how many rows above and columns to both sides its attention sees on the map. Empty:
        attention over everything before, as in minGPT. With reaches the keys and values of a position do
        not depend on the window around it, so they are computed once and kept.
    tied
        Whether the output layer is the token embedding.
    """

    width: Size = 224
    layers: Count = 5
    heads: Annotated[int, Meta(ge=1, le=256)] = 7
    block: Annotated[int, Meta(ge=0, le=1 << 17)] = 0
    reaches: Reaches = (2, 2, 1, 1, 1)
    tied: bool = True


class VqganConfig(Config, frozen=True, kw_only=True):
    """Index-map coding: autoencoder, codebooks of several sizes, transformer.

    Parameters
    ----------
    autoencoder
        The autoencoder; its `codewords` is the size of the codebook the others are clustered from.
    codebooks
        Sizes of the codebooks in rising order; quality picks one.
    conditioned
        Whether the generator knows which codebook its latent is made of.
    transformer
        The transformer, or ``None`` if the model has none.
    """

    autoencoder: AutoencoderConfig = AutoencoderConfig(codewords=4096)
    codebooks: Codebooks = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
    conditioned: bool = True
    transformer: TransformerConfig | None = TransformerConfig()

    @property
    def factor(self) -> int:
        """Pixels per index in each direction, f."""
        return self.autoencoder.factor

    @property
    def sees_whole_planes(self) -> bool:
        """See :attr:`AutoencoderConfig.sees_whole_planes`."""
        return self.autoencoder.sees_whole_planes


SMALL = GlcConfig()
"""The embedded default."""

OFFICIAL_IMAGE = GlcConfig(
    autoencoder=AutoencoderConfig(kind="vqgan", latent_channels=256, codewords=16384),
    hyper_codewords=16384,
    expansion=4,
    prior_blocks=3,
    log_scale=False,
    rate_conditioned_prior=False,
)
"""GLC for natural images (f=16, N=256, M=16384)."""

OFFICIAL_FACE = GlcConfig(
    autoencoder=AutoencoderConfig(
        kind="vqgan",
        latent_channels=256,
        codewords=1024,
        channels=64,
        multipliers=(1, 2, 2, 4, 4, 8),
        decoder_blocks=2,
        final_swish=False,
        quant_conv=False,
    ),
    hyper_codewords=1024,
    expansion=4,
    prior_blocks=3,
    log_scale=False,
    rate_conditioned_prior=False,
)
"""GLC for faces (f=32, M=1024)."""
