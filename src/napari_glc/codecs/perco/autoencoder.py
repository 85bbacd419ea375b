"""The autoencoder a model paints for: told by its tensors, so that whatever else its file holds may change."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from torch import Tensor

from ...errors import MissingModelError, ModelError
from ...models import ModelFile, installed_models
from ...networks.kl import KlAutoencoder
from ...networks.kl_config import KlConfig
from ...networks.kl_network import kl_network
from ...networks.kl_published import PublishedKlAutoencoder

__all__ = ["autoencoder_digest", "load_autoencoder"]

_FUNCTION = "function."
"""Beginning of the keys of networks that fitted functions share: no part of the autoencoder."""


@lru_cache(maxsize=64)
def autoencoder_digest(model: ModelFile) -> str:
    """SHA-256 of names, shapes and float32 values of an autoencoder's tensors, hexadecimal.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    digest, tensors = hashlib.sha256(), _tensors(model)
    for name in sorted(tensors):
        values = tensors[name].contiguous().numpy()
        digest.update(f"{name} {values.shape}\n".encode())
        digest.update(values.astype("<f4").tobytes())
    return digest.hexdigest()


def load_autoencoder(wanted: str, channels: int) -> tuple[KlConfig, KlAutoencoder | PublishedKlAutoencoder]:
    """An installed autoencoder, ready to load onto a device.

    Parameters
    ----------
    wanted
        Beginning of its :func:`autoencoder_digest`.
    channels
        Of its latent.

    Raises
    ------
    MissingModelError
        If it is not installed.
    """
    for model in installed_models():
        try:
            config = model.network_config(KlConfig)
        except ModelError:  # a model of another kind
            continue
        if config.latent_channels == channels and autoencoder_digest(model).startswith(wanted):
            config = config.replaced(function=None)
            network = kl_network(config)
            network.load_state_dict(_tensors(model), strict=True)
            return config, network
    raise MissingModelError(f"the autoencoder {wanted} that the model paints for is not installed")


def _tensors(model: ModelFile) -> dict[str, Tensor]:
    return {name: value for name, value in model.load().items() if not name.startswith(_FUNCTION)}
