"""Configuration of a KL-regularised autoencoder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["SDXL_SCALING", "SD_SCALING", "KlConfig"]

SD_SCALING = 0.18215
"""Scaling factor of Stable Diffusion 1 and 2 (Rombach et al. 2022, appendix G): one over the latent's deviation."""
SDXL_SCALING = 0.13025
"""That of SDXL."""


@dataclass(frozen=True, kw_only=True)
class KlConfig:
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
    """

    kind: Literal["local", "published"] = "local"
    latent_channels: int = 8
    encoder_widths: tuple[int, int] = (64, 128)
    encoder_depths: tuple[int, int] = (1, 4)
    decoder_widths: tuple[int, int] = (64, 160)
    decoder_depths: tuple[int, int] = (2, 6)
    half_width: int = 24
    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    blocks: int = 2
    quant_conv: bool = True
    scaling: float = SD_SCALING

    @property
    def factor(self) -> int:
        """Pixels per latent position in each direction, f."""
        return 8 if self.kind == "local" else 2 ** (len(self.multipliers) - 1)

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

    def to_json(self) -> str:
        """Serialise to compact JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> KlConfig:
        """Restore a configuration from :meth:`to_json`.

        Raises
        ------
        ValueError, TypeError
            If the text is not JSON or names unknown options.
        """
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, options: dict[str, Any]) -> KlConfig:
        """Build a configuration from options, lists standing for tuples."""
        tuples: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
        return cls(**tuples)
