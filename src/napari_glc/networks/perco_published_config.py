"""Configuration of PerCo (SD): a hyper-encoder, a codebook and Stable Diffusion's networks."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta

from .._base.config import Config, Count, Size
from .kl_config import SD_SCALING, KlConfig

__all__ = ["MOST_CODEWORDS", "PublishedPercoConfig"]

MOST_CODEWORDS = 1 << 16

Codewords = Annotated[int, Meta(ge=2, le=MOST_CODEWORDS)]
Few = Annotated[int, Meta(ge=1, le=1000)]

_FINE_BPP = 0.05
"""Bits per pixel of the hyper-latent above which five steps are enough (Careil et al. 2024, section 4.1)."""


class PublishedPercoConfig(Config, frozen=True, kw_only=True):
    """PerCo (SD): what a folder in the layout of diffusers holds, as far as its tensors and files tell.

    Each checkpoint has one rate: a grid and a codebook.

    Parameters
    ----------
    latent_channels
        Of the autoencoder, C.
    vae_channels, vae_multipliers, vae_blocks, vae_quant_conv, vae_scaling
        As in :class:`~napari_glc.networks.kl_config.KlConfig`.
    hyper_design
        ``"bottleneck"``: as the paper's authors told (:class:`~.perco_hyper.BottleneckBackbone`); ``"channel-norm"``:
        the first design of PerCo (SD) (:class:`~.perco_hyper.ChannelNormBackbone`).
    hyper_width, hyper_channels, hyper_blocks
        Channels within the hyper-encoder and of what it tells the denoiser; residual blocks, of the second design.
    stride
        Latent positions per position of the hyper-latent in each direction.
    codewords, codeword_channels
        Size of the codebook, K, and length of a codeword.
    text_width, text_layers, text_heads, text_inner, text_activation
        Of CLIP's text transformer.
    text_length
        Tokens of a caption, its begin and its end counted.
    vocabulary
        Tokens there are; the last two are begin and end.
    text_pad
        The token behind the end.
    unet_widths, unet_attends, unet_heads
        Of each level, from the finest: channels, whether it attends to the caption, heads of attention.
    unet_blocks
        Residual blocks of a level on the way down; one more on the way up.
    unet_linear
        Whether attention is entered and left by linear layers instead of 1x1 convolutions.
    groups
        Of the denoiser's normalisation.
    train_steps, first_beta, last_beta, betas, offset, last_is_clean
        The noise schedule: its steps, variances added by the first and the last one, how those between lie
        (``"scaled"``: evenly in their square roots), what is added to the numbers of the steps taken, and whether
        the last one ends without noise.
    predicts
        What the denoiser puts out: the velocity, or the noise.
    guidance
        How much the caption counts in sampling unless somebody wishes otherwise.
    """

    latent_channels: Size = 4
    vae_channels: Size = 128
    vae_multipliers: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=16)] = (1, 2, 4, 4)
    vae_blocks: Count = 2
    vae_quant_conv: bool = True
    vae_scaling: Annotated[float, Meta(gt=0, le=100)] = SD_SCALING
    hyper_design: Literal["bottleneck", "channel-norm"] = "bottleneck"
    hyper_width: Size = 192
    hyper_channels: Size = 320
    hyper_blocks: Count = 9
    stride: Literal[1, 2, 4, 8] = 1
    codewords: Codewords = 256
    codeword_channels: Size = 32
    text_width: Size = 1024
    text_layers: Count = 23
    text_heads: Annotated[int, Meta(ge=1, le=256)] = 16
    text_inner: Size = 4096
    text_activation: Literal["gelu", "quick_gelu"] = "gelu"
    text_length: Annotated[int, Meta(ge=3, le=1024)] = 77
    vocabulary: Annotated[int, Meta(ge=514, le=1 << 17)] = 49408
    text_pad: Annotated[int, Meta(ge=0, le=1 << 17)] = 0
    unet_widths: Annotated[tuple[Size, ...], Meta(min_length=2, max_length=4)] = (320, 640, 1280, 1280)
    unet_attends: Annotated[tuple[bool, ...], Meta(min_length=2, max_length=4)] = (True, True, True, False)
    unet_heads: Annotated[tuple[Few, ...], Meta(min_length=2, max_length=4)] = (5, 10, 20, 20)
    unet_blocks: Annotated[int, Meta(ge=1, le=16)] = 2
    unet_linear: bool = True
    groups: Few = 32
    train_steps: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    first_beta: Annotated[float, Meta(gt=0, lt=1)] = 0.00085
    last_beta: Annotated[float, Meta(gt=0, lt=1)] = 0.012
    betas: Literal["scaled", "linear"] = "scaled"
    offset: Annotated[int, Meta(ge=0, le=100)] = 1
    last_is_clean: bool = False
    predicts: Literal["velocity", "noise"] = "velocity"
    guidance: Annotated[float, Meta(gt=0, le=10)] = 3.0

    @property
    def autoencoder(self) -> KlConfig:
        """That of the autoencoder."""
        return KlConfig(
            kind="published",
            latent_channels=self.latent_channels,
            channels=self.vae_channels,
            multipliers=self.vae_multipliers,
            blocks=self.vae_blocks,
            quant_conv=self.vae_quant_conv,
            scaling=self.vae_scaling,
        )

    @property
    def hyper_bpp(self) -> float:
        """Bits per pixel of the hyper-latent."""
        return math.log2(self.codewords) / (self.autoencoder.factor * self.stride) ** 2

    @property
    def steps(self) -> int:
        """Steps of the sampler unless somebody wishes others."""
        return 5 if self.hyper_bpp > _FINE_BPP else 20
