"""Published checkpoints that become models of ``glc``. No torch at import."""

from __future__ import annotations

import re

from ...models.importing.kinds import Checkpoint, Checkpoints, Kind, any_of, same_names
from ...models.published import PublishedModel
from ...networks.config import GlcConfig
from ...networks.vqgan_checkpoints import LASTING_OPTIONS, block_list_config

__all__ = ["CHECKPOINTS"]

_WINDOW = 32
"""Side of the attention windows GLC is evaluated with, in latent positions."""


def _config(checkpoint: Checkpoint) -> GlcConfig:
    shapes = checkpoint.shapes
    rate_points, channels = shapes["q_enc"][:2]
    blocks = {m[1] for key in shapes if (m := re.match(r"y_spatial_prior\.(\d{1,3})\.", key))}
    return GlcConfig(
        autoencoder=block_list_config(shapes, "vqgan.", _WINDOW),
        hyper_codewords=shapes["z_vq.embedding.weight"][0],
        rate_points=rate_points,
        expansion=shapes["enc.enc_1.0.block.1.conv.weight"][0] // channels,
        prior_blocks=len(blocks),
        log_scale=False,
        rate_conditioned_prior=False,
    )


def _default_name(config: GlcConfig, checkpoint: Checkpoint) -> str:
    return "glc-image" if config.factor == 16 else f"glc-f{config.factor}"


_IMAGE = Kind(
    title="GLC image model",
    licence="Apache-2.0",
    page="https://github.com/jzyustc/GLC",
    signature=("q_enc", "vqgan.encoder.blocks.0.weight"),
    aside=any_of(r"code_pred(_pix)?_loss\.", r"loss\.", r"discriminator\.", r"perceptual_loss\."),
    configure=_config,
    network="napari_glc.networks.glc:GlcNetwork",
    names=same_names,
    default_name=_default_name,
    lasting={
        "": frozenset(
            ("expansion", "hyper_codewords", "log_scale", "prior_blocks", "rate_conditioned_prior", "rate_points")
        ),
        "autoencoder": LASTING_OPTIONS,
    },
)

CHECKPOINTS = Checkpoints(
    kinds=(_IMAGE,),
    published=(
        PublishedModel(
            name="glc-image",
            title="GLC for natural images, f = 16, N = 256, 16384 codes, four rate points",
            file="GLC_image",
            page="https://github.com/jzyustc/GLC/releases",
            licence="Apache-2.0",
        ),
    ),
)
