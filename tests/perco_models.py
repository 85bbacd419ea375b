"""Narrow networks of codec perco with random weights, for tests of everything but what training gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_glc.codecs.perco.autoencoder import autoencoder_digest
from napari_glc.models import find_model, write_model
from napari_glc.networks.kl import KlAutoencoder
from napari_glc.networks.kl_config import KlConfig
from napari_glc.networks.perco import PercoNetwork
from napari_glc.networks.perco_config import PercoConfig, Rate

KL = KlConfig(
    latent_channels=4,
    encoder_widths=(8, 16),
    encoder_depths=(0, 1),
    decoder_widths=(8, 16),
    decoder_depths=(0, 1),
    half_width=4,
)
CONFIG = PercoConfig(
    latent_channels=4,
    rates=(
        Rate(stride=8, levels=(8, 5), steps=3),
        Rate(stride=4, levels=(4, 4, 4), steps=3),
        Rate(stride=2, levels=(5, 5), steps=2),
    ),
    describers=8,
    encoder_widths=(8, 8, 16, 16),
    encoder_depths=(0, 1, 1, 0),
    decoder_widths=(8, 8, 16, 16),
    decoder_depths=(0, 0, 1, 0),
    denoiser_widths=(8, 8, 16),
    denoiser_depths=(1, 0, 1),
    embedding=8,
    guidance=2.0,
)


def write_perco_models(folder: Path, picture: NDArray[np.uint8]) -> None:
    """Write both models; painted residuals are as large as the mean, and all parts of the denoiser count."""
    torch.manual_seed(3)
    kl = KlAutoencoder(KL).requires_grad_(False)
    scaled = torch.from_numpy(picture.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    mean, _ = kl.moments(scaled[..., :512, :768])
    kl.latent_mean.copy_(mean.mean((0, 2, 3), keepdim=True))
    kl.latent_deviation.copy_((mean - kl.latent_mean).square().mean().sqrt())
    kl.generator.blocks[0].weight.mul_(1 / kl.latent_deviation.flatten())
    path = folder / "kl.safetensors"
    write_model(path, kl.state_dict(), name="kl", codec="clric", config=KL.to_json(), description="random weights")
    config = CONFIG.replaced(autoencoder=autoencoder_digest(find_model(path))[:16])
    net = PercoNetwork(config).requires_grad_(False)
    for name, weight in net.denoiser.named_parameters():
        if weight.ndim > 1 and not weight.any():
            weight.normal_(std=0.1)
        elif name == "unknown":
            weight.normal_()
    for head in net.hyper_encoder.heads:
        head.weight.mul_(8)
    net.level_weights.copy_(torch.randint_like(net.level_weights, 1, 1024))
    write_model(
        folder / "perco-narrow.safetensors",
        net.state_dict(),
        name="perco-narrow",
        codec="perco",
        config=config.to_json(),
        description="random weights",
    )
