"""Published KL autoencoders compute what diffusers computes, under the names of either library."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import fakes
from napari_glc.codecs import registry
from napari_glc.codecs.clric.entry import ENTRY
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.models.registry import FOLDER_VARIABLE
from napari_glc.networks.kl_checkpoints import (
    ASIDE,
    SIGNATURES,
    Layout,
    as_convolutions,
    kl_config,
    kl_names,
    scaling_told_by,
    their_key,
)
from napari_glc.networks.kl_config import SD_SCALING, SDXL_SCALING, KlConfig
from napari_glc.networks.kl_network import kl_network
from napari_glc.networks.kl_published import PublishedKlAutoencoder

KEYS = json.loads((fakes.DATA / "kl_published.keys.json").read_text())
TOLERANCE = 1e-4
HASH = "5396f7b02e29a5fb629bf1751f8e3a9ca025ca5697214ee5b584dff4980a0f5a"
"""Of the model the fake checkpoint becomes: files ask for models by their hash, so it never changes."""


def _published(variant: str, layout: Layout = "diffusers") -> dict[str, Tensor]:
    """The state dict of a published file; every layout holds the same numbers."""
    shapes = KEYS[variant]["diffusers"]
    state = {key: fakes.reproducible(key, shape) for key, shape in shapes.items()}
    if layout == "compvis":
        convolutions = as_convolutions(state)
        return {compvis: convolutions[key] for key, compvis in KEYS[variant]["compvis"].items()}
    if layout == "diffusers-old":
        old = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
        for new, name in old.items():
            state = {key.replace(new, name): value for key, value in state.items()}
    return state


def _network(state: Mapping[str, Tensor], layout: Layout, scaling: float = SD_SCALING) -> PublishedKlAutoencoder:
    state = as_convolutions(state)
    network = PublishedKlAutoencoder(kl_config({k: tuple(v.shape) for k, v in state.items()}, layout, scaling))
    names = kl_names(network.config, layout)
    theirs = {key: their_key(key, names, layout) for key in network.state_dict()}
    assert sorted(theirs.values()) == sorted(state)
    network.load_state_dict({ours: state[key] for ours, key in theirs.items()})
    return network.eval()


def _assert_close(got: Tensor, wanted: np.ndarray) -> None:
    assert np.abs(got.numpy() - wanted).max() <= TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("variant", "layout"),
    [("sd", "diffusers"), ("sd", "diffusers-old"), ("sd", "compvis"), ("other", "diffusers")],
)
@torch.inference_mode()
def test_the_same_numbers_as_diffusers(variant, layout):
    reference = np.load(fakes.DATA / "kl_published.npz")
    network = _network(_published(variant, layout), layout)
    picture = torch.from_numpy(reference["x_u8"].transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    mean, log_variance = network.moments(picture)
    _assert_close(mean, reference[f"{variant}.mean"])
    _assert_close(log_variance, reference[f"{variant}.log_variance"])
    _assert_close(network.generate(mean * SD_SCALING), reference[f"{variant}.decoded"])
    channels_last = network.to(memory_format=torch.channels_last)
    _assert_close(channels_last.analyse(picture) / SD_SCALING, reference[f"{variant}.mean"])


def test_the_published_shape_is_read_off_the_tensors():
    shapes = {key: tuple(value.shape) for key, value in _published("sd").items()}
    config = kl_config(shapes, "diffusers")
    assert config == KlConfig(kind="published", latent_channels=4, channels=32)
    assert config.factor == 8
    assert config.generator_reach is None
    assert kl_config({KEYS["sd"]["compvis"][key]: shape for key, shape in shapes.items()}, "compvis") == config
    assert KlConfig.from_json(config.to_json()) == config


def test_full_width_is_the_published_network():
    with torch.device("meta"):
        network = PublishedKlAutoencoder(KlConfig(kind="published", latent_channels=4))
    assert len(network.state_dict()) == 248
    assert sum(value.numel() for value in network.state_dict().values()) == 83_653_863


def test_layouts_are_told_apart():
    for layout in ("compvis", "diffusers", "diffusers-old"):
        state = _published("sd", layout)
        fitting = [name for name, signature in SIGNATURES.items() if all(key in state for key in signature)]
        assert fitting == [layout]


@pytest.mark.parametrize(
    ("keys", "published", "factor"),
    [
        (["first_stage_model.encoder.conv_in.weight", "cond_stage_model.x"], None, SD_SCALING),
        (["first_stage_model.encoder.conv_in.weight", "conditioner.embedders.0.x"], None, SDXL_SCALING),
        (["encoder.conv_in.weight"], 0.13025, SDXL_SCALING),
        (["encoder.conv_in.weight"], "0.5", SD_SCALING),
        (["encoder.conv_in.weight"], float("nan"), SD_SCALING),
        (["encoder.conv_in.weight"], True, SD_SCALING),
    ],
)
def test_the_scaling_factor_is_what_was_published(keys, published, factor):
    assert scaling_told_by(keys, published) == factor


def test_what_lies_beside_the_autoencoder_is_left_out():
    import re

    aside = re.compile(ASIDE)
    assert not [key for layout in SIGNATURES for key in _published("sd", layout) if aside.match(key)]
    for key in ("model.diffusion_model.input_blocks.0.0.weight", "cond_stage_model.x", "conditioner.x", "loss.logvar"):
        assert aside.match(key)


@pytest.mark.parametrize("missing", ["encoder.conv_in.weight", "decoder.conv_in.weight", "encoder.down_blocks"])
def test_a_checkpoint_without_its_ends_is_refused(missing):
    shapes = {k: tuple(v.shape) for k, v in _published("other").items() if not k.startswith(missing)}
    with pytest.raises((LookupError, ValueError)):
        kl_config(shapes, "diffusers")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model folder of its own; the codec is known, as it will be once it codes."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    monkeypatch.setitem(registry._entries, ENTRY.name, ENTRY)
    return tmp_path


@pytest.mark.parametrize("layout", ["diffusers", "diffusers-old", "compvis"])
def test_a_published_file_becomes_a_model(folder, layout):
    """Whatever the layout, and in a full checkpoint as well, it is the same model by its hash."""
    state = {key: value.contiguous() for key, value in _published("sd", layout).items()}
    if layout == "compvis":
        state = {f"first_stage_model.{key}": value for key, value in state.items()}
        state |= {"model.diffusion_model.time_embed.0.weight": torch.zeros(4, 4), "betas": torch.zeros(7)}
    save_file(state, folder / "vae.safetensors")
    model = import_checkpoint(folder / "vae.safetensors")
    assert (model.name, model.codec) == ("kl-sd-f8", "clric")
    config = model.network_config(KlConfig)
    assert config == KlConfig(kind="published", latent_channels=4, channels=32)
    kl_network(config).load_state_dict(model.load(), strict=True)
    assert model.sha256 == HASH


def test_the_scaling_factor_is_read_beside_the_file(folder):
    save_file({key: value.contiguous() for key, value in _published("sd").items()}, folder / "vae.safetensors")
    (folder / "config.json").write_text(json.dumps({"scaling_factor": SDXL_SCALING}))
    model = import_checkpoint(folder / "vae.safetensors")
    assert (model.name, model.network_config(KlConfig).scaling) == ("kl-sdxl-f8", SDXL_SCALING)
    for text in ("[]", "{", '{"scaling_factor": "much"}', "[" * 100_000):
        (folder / "config.json").write_text(text)
        model = import_checkpoint(folder / "vae.safetensors", "other", replace=True)
        assert model.network_config(KlConfig).scaling == SD_SCALING


def test_a_whole_checkpoint_of_sdxl_has_its_own_factor(folder):
    state = {f"first_stage_model.{key}": value.contiguous() for key, value in _published("sd", "compvis").items()}
    save_file(state | {"conditioner.embedders.0.weight": torch.zeros(4)}, folder / "xl.safetensors")
    assert import_checkpoint(folder / "xl.safetensors").network_config(KlConfig).scaling == SDXL_SCALING
