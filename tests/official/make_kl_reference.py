"""Makes tests/data/kl_published.npz and .keys.json: what diffusers computes under reproducible random weights.

python tests/official/make_kl_reference.py

Needs ``pip install diffusers``; the tests do not. Two configurations: Stable Diffusion's architecture with a quarter
of its channels, and one without 1x1 convolutions and with another depth. The names of the CompVis code are checked
against diffusers' own conversion.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from diffusers import AutoencoderKL
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

sys.path.insert(0, str(Path(__file__).parent))
from napari_glc.models.importing.kl_autoencoders import kl_config, kl_names, their_key

import fakes
from napari_glc.networks.kl_published import PublishedKlAutoencoder

VARIANTS = {
    "sd": {"block_out_channels": (32, 64, 128, 128), "layers_per_block": 2, "latent_channels": 4},
    "other": {
        "block_out_channels": (32, 64, 96),
        "layers_per_block": 1,
        "latent_channels": 6,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
    },
}


def compvis_names(shapes: dict[str, list[int]], model: AutoencoderKL) -> dict[str, str]:
    """CompVis' key for each key of diffusers, as diffusers itself converts them."""
    network = PublishedKlAutoencoder(kl_config({k: tuple(s) for k, s in shapes.items()}, "diffusers"))
    theirs, ours = kl_names(network.config, "diffusers"), kl_names(network.config, "compvis")
    names = {their_key(k, theirs, "diffusers"): their_key(k, ours, "compvis") for k in network.state_dict()}
    state = {f"first_stage_model.{names[key]}": fakes.reproducible(key, shape) for key, shape in shapes.items()}
    converted = convert_ldm_vae_checkpoint(state, dict(model.config))
    assert set(converted) == set(shapes), set(converted) ^ set(shapes)
    for key, shape in shapes.items():
        assert torch.equal(converted[key].flatten(), fakes.reproducible(key, shape).flatten()), key
    return names


@torch.inference_mode()
def main() -> None:
    picture = iio.imread(fakes.DATA / "kodim05.png")[200:264, 300:380]
    x = torch.from_numpy(picture.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    arrays: dict[str, np.ndarray] = {"x_u8": picture}
    keys = {}
    for name, options in VARIANTS.items():
        levels = len(options["block_out_channels"])
        model = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels, **options
        ).eval()
        shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
        model.load_state_dict({key: fakes.reproducible(key, shape) for key, shape in shapes.items()})
        posterior = model.encode(x).latent_dist
        arrays |= {
            f"{name}.mean": posterior.mean.numpy(),
            f"{name}.log_variance": posterior.logvar.numpy(),
            f"{name}.decoded": model.decode(posterior.mean).sample.numpy(),
        }
        keys[name] = {"diffusers": shapes, "compvis": compvis_names(shapes, model) if name == "sd" else {}}
    np.savez_compressed(fakes.DATA / "kl_published.npz", **arrays)
    (fakes.DATA / "kl_published.keys.json").write_text(json.dumps(keys, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
