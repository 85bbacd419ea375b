"""Configurations of the networks as documented dataclasses.

A model file carries its configuration as JSON made by ``to_json``; no option lives anywhere else.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = [
    "OFFICIAL_FACE",
    "OFFICIAL_IMAGE",
    "SMALL",
    "AutoencoderConfig",
    "GlcConfig",
    "TransformerConfig",
    "VqganConfig",
]


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
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
    latent_channels: int = 96
    codewords: int = 1024
    channels: int = 128
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4)
    encoder_blocks: int = 2
    decoder_blocks: int = 3
    window: int = 32
    final_swish: bool = True
    quant_conv: bool = True
    widths: tuple[int, int, int] = (64, 128, 192)
    encoder_depths: tuple[int, int, int] = (1, 2, 2)
    decoder_depths: tuple[int, int, int] = (2, 3, 4)

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


@dataclass(frozen=True, kw_only=True)
class GlcConfig:
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
        The prior puts out the logarithm of the scale (``True``) or the scale itself (official).
    rate_conditioned_prior
        Whether the hyper decoder's output is multiplied by a learned ``q_prior`` of the rate point.
    """

    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    hyper_codewords: int = 256
    rate_points: int = 4
    expansion: int = 2
    prior_blocks: int = 2
    log_scale: bool = True
    rate_conditioned_prior: bool = True

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

    def to_json(self) -> str:
        """Serialise to compact JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> GlcConfig:
        """Restore a configuration from :meth:`to_json`.

        Raises
        ------
        ValueError, TypeError
            If the text is not JSON or names unknown options.
        """
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> GlcConfig:
        """Build a configuration from nested options, lists standing for tuples."""
        options = dict(options)
        return cls(autoencoder=AutoencoderConfig(**_tuples(options.pop("autoencoder", {}))), **options)


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
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

    width: int = 224
    layers: int = 5
    heads: int = 7
    block: int = 0
    reaches: tuple[int, ...] = (2, 2, 1, 1, 1)
    tied: bool = True


@dataclass(frozen=True, kw_only=True)
class VqganConfig:
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

    autoencoder: AutoencoderConfig = field(default_factory=lambda: AutoencoderConfig(codewords=4096))
    codebooks: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
    conditioned: bool = True
    transformer: TransformerConfig | None = field(default_factory=TransformerConfig)

    @property
    def factor(self) -> int:
        """Pixels per index in each direction, f."""
        return self.autoencoder.factor

    @property
    def sees_whole_planes(self) -> bool:
        """See :attr:`AutoencoderConfig.sees_whole_planes`."""
        return self.autoencoder.sees_whole_planes

    def to_json(self) -> str:
        """Serialise to compact JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> VqganConfig:
        """Restore a configuration from :meth:`to_json`.

        Raises
        ------
        ValueError, TypeError
            If the text is not JSON or names unknown options.
        """
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> VqganConfig:
        """Build a configuration from nested options, lists standing for tuples."""
        options = _tuples(options)
        inner = {"codewords": 4096} | _tuples(options.pop("autoencoder", {}))
        transformer = options.pop("transformer", {})
        return cls(
            autoencoder=AutoencoderConfig(**inner),
            transformer=None if transformer is None else TransformerConfig(**_tuples(transformer)),
            **options,
        )


def _tuples(options: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}


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
