"""Published autoencoders that become models of ``clric``: Stable Diffusion, its inpainting variant, SDXL."""

from __future__ import annotations

import re
from functools import partial

from ...models.importing.kinds import Checkpoint, Checkpoints, Kind, Names
from ...models.published import PublishedModel
from ...networks.kl_checkpoints import (
    ASIDE,
    LASTING_OPTIONS,
    SIGNATURES,
    Layout,
    as_convolutions,
    kl_config,
    kl_names,
    scaling_told_by,
    their_key,
)
from ...networks.kl_config import SDXL_SCALING, KlConfig

__all__ = ["CHECKPOINTS"]


def _config(layout: Layout, checkpoint: Checkpoint) -> KlConfig:
    from ...models.importing.reading import config_beside

    keys = [*checkpoint.shapes, *checkpoint.aside]
    scaling = scaling_told_by(keys, config_beside(checkpoint.path).get("scaling_factor"))
    return kl_config(checkpoint.shapes, layout, scaling)


def _names(layout: Layout, config: KlConfig) -> Names:
    names = kl_names(config, layout)
    return lambda key: their_key(key, names, layout)


def _default_name(config: KlConfig, checkpoint: Checkpoint) -> str:
    return f"kl-{'sdxl' if config.scaling == SDXL_SCALING else 'sd'}-f{config.factor}"


def _kind(layout: Layout, signature: tuple[str, ...]) -> Kind:
    return Kind(
        title="KL autoencoder of latent diffusion",
        licence="see the page it is from",
        page="https://github.com/CompVis/latent-diffusion",
        signature=signature,
        aside=re.compile(ASIDE),
        configure=partial(_config, layout),
        network="napari_glc.networks.kl_published:PublishedKlAutoencoder",
        names=partial(_names, layout),
        default_name=_default_name,
        lasting={"": LASTING_OPTIONS},
        prepare=as_convolutions,
    )


CHECKPOINTS = Checkpoints(
    kinds=tuple(_kind(layout, signature) for layout, signature in SIGNATURES.items()),
    published=(
        PublishedModel(
            name="kl-sd-f8",
            title="KL autoencoder of Stable Diffusion 1 and 2, f = 8, four channels, fine-tuned decoder (MSE)",
            file="diffusion_pytorch_model.safetensors",
            page="https://huggingface.co/stabilityai/sd-vae-ft-mse",
            licence="MIT",
            megabytes=335,
            saved_as="sd-vae-ft-mse.safetensors",
        ),
        PublishedModel(
            name="kl-sdxl-f8",
            title="KL autoencoder of SDXL, f = 8, four channels",
            file="sdxl_vae.safetensors",
            page="https://huggingface.co/stabilityai/sdxl-vae",
            licence="MIT",
            megabytes=335,
        ),
    ),
)
