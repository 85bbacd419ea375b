"""Configuration of a hyper-latent and of the diffusion model it conditions."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .._base.config import Config, Count, Size
from .perco_published_config import PublishedPercoConfig

__all__ = ["DESCRIBER_LEVELS", "PercoConfig", "Rate"]

DESCRIBER_LEVELS = 4
"""Values a channel of the description of a tile can have."""

Levels = Annotated[tuple[Annotated[int, Meta(ge=2, le=64)], ...], Meta(min_length=1, max_length=8)]


class Rate(Config, frozen=True, kw_only=True):
    """One rate: a grid and a quantiser.

    Parameters
    ----------
    stride
        Latent positions per position of the hyper-latent in each direction: a power of two, at most 8.
    levels
        Levels of each channel of the hyper-latent; their product is the number of codewords.
    steps
        Steps of the sampler unless somebody wishes others.
    """

    stride: Annotated[int, Meta(ge=2, le=8)]
    levels: Levels
    steps: Annotated[int, Meta(ge=1, le=1000)] = 20

    @property
    def codewords(self) -> int:
        """How many values a position of the hyper-latent can have."""
        count = 1
        for levels in self.levels:
            count *= levels
        return count


class PercoConfig(Config, frozen=True, kw_only=True):
    """Hyper-encoder, hyper-decoder and denoiser over the latent of an autoencoder.

    Widths and depths are channels and residual blocks at 1/8, 1/16, 1/32 and, of the hyper-latent, 1/64 of the
    picture.

    Parameters
    ----------
    autoencoder
        Beginning of the SHA-256 of the tensors of the autoencoder whose latent is painted
        (:func:`napari_glc.codecs.perco.autoencoder.autoencoder_digest`), at least twelve hexadecimal digits.
    latent_channels
        Of that latent, C.
    rates
        From the lowest on.
    describers
        Channels of the description of a tile, four levels each: two bits.
    encoder_widths, encoder_depths
        Of the hyper-encoder, which the description comes out of as well.
    decoder_widths, decoder_depths
        Of the hyper-decoder.
    denoiser_widths, denoiser_depths
        Of the denoiser; it goes down and up again, the last depth counts once and the others twice.
    embedding
        Channels by which noise level and rate are told.
    guidance
        How much the description counts in sampling unless somebody wishes otherwise; 1 for as in training.
    published
        Networks of PerCo (SD) in the place of all these; then nothing else here counts.
    """

    autoencoder: Annotated[str, Meta(pattern="^[0-9a-f]{12,64}$")] = "dca9b1d9e3eae1fb"
    latent_channels: Size = 8
    rates: Annotated[tuple[Rate, ...], Meta(min_length=1, max_length=16)] = (
        Rate(stride=8, levels=(8, 5, 5, 5)),
        Rate(stride=4, levels=(4, 4, 4)),
        Rate(stride=4, levels=(8, 5, 5, 5)),
        Rate(stride=2, levels=(5, 5), steps=5),
        Rate(stride=2, levels=(8, 5, 5, 5), steps=5),
    )
    describers: Size = 32
    encoder_widths: tuple[Size, Size, Size, Size] = (64, 128, 192, 192)
    encoder_depths: tuple[Count, Count, Count, Count] = (1, 1, 2, 1)
    decoder_widths: tuple[Size, Size, Size, Size] = (64, 128, 192, 192)
    decoder_depths: tuple[Count, Count, Count, Count] = (1, 1, 2, 1)
    denoiser_widths: tuple[Size, Size, Size] = (64, 128, 224)
    denoiser_depths: tuple[Count, Count, Count] = (1, 2, 4)
    embedding: Size = 128
    guidance: Annotated[float, Meta(gt=0, le=10)] = 2.0
    published: PublishedPercoConfig | None = None

    def sampled_like(self, other: PercoConfig) -> PercoConfig:
        """The same networks, their sampler set as another configuration says, if it has as many rates."""
        if len(self.rates) != len(other.rates):
            return self
        rates = tuple(mine.replaced(steps=its.steps) for mine, its in zip(self.rates, other.rates, strict=True))
        return self.replaced(rates=rates, guidance=other.guidance)

    @property
    def factor(self) -> int:
        """Pixels per latent position in each direction, f."""
        return 8

    @property
    def encoder_reach(self) -> int:
        """Latent positions beyond which the latent does not change the hyper-latent; a block is two convolutions."""
        eighth, sixteenth, half, coarsest = self.encoder_depths
        return 1 + 2 * eighth + 2 * (2 * sixteenth) + 4 * (2 * half) + 8 * (2 * coarsest) + 8

    @property
    def sees_whole_planes(self) -> bool:
        """Whether something normalises over space: published autoencoders do."""
        return self.published is not None
