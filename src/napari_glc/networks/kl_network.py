"""From a configuration to its KL-regularised autoencoder."""

from __future__ import annotations

from .kl import KlAutoencoder
from .kl_config import KlConfig
from .kl_published import PublishedKlAutoencoder

__all__ = ["kl_network"]


def kl_network(config: KlConfig) -> KlAutoencoder | PublishedKlAutoencoder:
    """The network of a configuration, with random weights; both kinds have ``moments``, ``analyse``, ``generate``."""
    return KlAutoencoder(config) if config.kind == "local" else PublishedKlAutoencoder(config)
