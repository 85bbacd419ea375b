"""The architectures of autoencoders, chosen by configuration."""

from __future__ import annotations

from torch import nn

from .compact import CompactEncoder, CompactGenerator
from .config import AutoencoderConfig
from .vqgan import VqganEncoder, VqganGenerator

__all__ = ["build_encoder", "build_generator"]

_ENCODERS = {"compact": CompactEncoder, "vqgan": VqganEncoder}
_GENERATORS = {"compact": CompactGenerator, "vqgan": VqganGenerator}


def build_encoder(config: AutoencoderConfig) -> nn.Module:
    """From pictures ``(B, 3, H, W)`` in [-1, 1] to latents ``(B, latent_channels, H/f, W/f)``."""
    return _ENCODERS[config.kind](config)


def build_generator(config: AutoencoderConfig) -> nn.Module:
    """From latents ``(B, latent_channels, h, w)`` to pictures ``(B, 3, h*f, w*f)``, nominally in [-1, 1]."""
    return _GENERATORS[config.kind](config)
