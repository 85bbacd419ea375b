"""Configuration of a KL-regularised autoencoder."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from .._base.config import Config, Count, Size
from .function_config import FunctionConfig

__all__ = ["SDXL_SCALING", "SD_SCALING", "KlConfig"]

SD_SCALING = 0.18215
"""Scaling factor of Stable Diffusion 1 and 2 (Rombach et al. 2022, appendix G): one over the latent's deviation."""
SDXL_SCALING = 0.13025
"""That of SDXL."""


class KlConfig(Config, frozen=True, kw_only=True):
    """A KL-regularised autoencoder.

    Parameters
    ----------
    kind
        ``"local"``: the norm-free one for CPUs (:mod:`.kl`); ``"published"``: that of latent diffusion
        (:mod:`.kl_published`).
    latent_channels
        Channels of the latent, C.
    encoder_widths, decoder_widths
        ``local`` only: channels at 1/4 and 1/8 of the resolution.
    encoder_depths, decoder_depths
        ``local`` only: residual blocks at 1/4 and 1/8 of the resolution.
    half_width
        ``local`` only: channels of the decoder at 1/2 of the resolution, where one convolution smooths over the
        block borders that space-to-depth would leave.
    channels, multipliers, blocks, quant_conv
        ``published`` only: base width; width of each level as its multiple (the factor f is two to the number of
        levels less one); residual blocks a level in the encoder, one less than in the decoder; 1x1 convolutions
        around the latent.
    scaling
        ``published`` only: what the posterior's mean is multiplied by to make the latent; `SD_SCALING` or
        `SDXL_SCALING`. No tensor tells it.
    function
        ``local`` only: the networks fitted functions of its latent share, ``None`` if there are none.
    """

    kind: Literal["local", "published"] = "local"
    latent_channels: Size = 8
    encoder_widths: tuple[Size, Size] = (64, 128)
    encoder_depths: tuple[Count, Count] = (1, 4)
    decoder_widths: tuple[Size, Size] = (64, 160)
    decoder_depths: tuple[Count, Count] = (2, 6)
    half_width: Size = 24
    channels: Size = 128
    multipliers: Annotated[tuple[Count, ...], Meta(min_length=1, max_length=16)] = (1, 2, 4, 4)
    blocks: Count = 2
    quant_conv: bool = True
    scaling: Annotated[float, Meta(gt=0, le=100)] = SD_SCALING
    function: FunctionConfig | None = None

    @property
    def factor(self) -> int:
        """Pixels per latent position in each direction, f."""
        return 8 if self.kind == "local" else 2 ** (len(self.multipliers) - 1)

    @property
    def sees_whole_planes(self) -> bool:
        """Whether it normalises over the whole picture, so that no part of one can be computed by itself."""
        return self.kind == "published"

    @property
    def encoder_reach(self) -> int | None:
        """Latent positions beyond which a pixel does not change the latent.

        ``None`` if there is no such limit: the published architecture normalises over the whole picture.
        """
        if self.kind == "published":
            return None
        quarter, eighth = self.encoder_depths
        return 1 + 2 * eighth + -(-(2 * quarter + 1) // 2)

    @property
    def generator_reach(self) -> int | None:
        """Latent positions beyond which the latent does not change a pixel; see :attr:`encoder_reach`."""
        if self.kind == "published":
            return None
        quarter, eighth = self.decoder_depths
        return 1 + 2 * eighth + -(-(2 * (2 * quarter + 1) + 1) // 4)
