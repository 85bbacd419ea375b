"""Attention weights, against what the modules themselves compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_glc.codecs.glc.codec import GlcCodec
from napari_glc.container import Box
from napari_glc.errors import OptionError
from napari_glc.inspection.latent.attention import (
    encoder_attention,
    encoder_attention_input,
    index_attention,
    patch_attention,
    window_of,
)
from napari_glc.models import read_model, write_model
from napari_glc.networks.config import AutoencoderConfig, GlcConfig, TransformerConfig
from napari_glc.networks.glc import GlcNetwork
from napari_glc.networks.index_transformer import IndexTransformer, Vocabulary


@pytest.fixture(scope="module")
def tiny_official(tmp_path_factory) -> GlcCodec:
    """The published architecture with few channels, windows of 4 x 4 positions and random weights."""
    inner = AutoencoderConfig(
        kind="vqgan", latent_channels=32, codewords=16, channels=32, multipliers=(1, 1, 1, 1, 1), window=4
    )
    config = GlcConfig(autoencoder=inner, hyper_codewords=16, prior_blocks=1)
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    state = GlcNetwork(config).state_dict()
    write_model(path, state, name="tiny", codec="glc", config=config.to_json(), description="random")
    return GlcCodec(read_model(path))


def test_windows_begin_at_the_corner_of_what_is_seen():
    area = Box(8, 0, 28, 30)
    assert window_of(8, 0, area, 16) == Box(8, 0, 24, 16)
    assert window_of(25, 17, area, 16) == Box(24, 16, 28, 30)
    assert window_of(25, 17, area, 0) == area
    assert window_of(9, 9, area, 32) == area


@torch.inference_mode()
def test_weights_of_a_window_reproduce_the_module(tiny_official, parrots):
    plane = np.ascontiguousarray(parrots[:128, :192])
    modules = encoder_attention(tiny_official)
    assert len(modules) == 3
    entering = encoder_attention_input(tiny_official, plane, modules[0], 5, 9)
    assert entering.area == Box(0, 0, 8, 12)
    found = patch_attention(modules[0], entering, 5, 9)
    assert found.area == Box(4, 8, 8, 12)
    assert found.weights.shape == (4, 4)
    assert found.weights.sum() == pytest.approx(1, abs=1e-5)
    assert found.weights.min() >= 0
    # attention is a weighted mean of values: with these weights the module's own output comes out
    x, module = entering.features, modules[0]
    values = module.v(module.norm(x))[0, :, 4:8, 8:12].flatten(1)
    mixed = values @ torch.from_numpy(found.weights).flatten()
    wanted = module(x)[0, :, 5, 9]
    got = x[0, :, 5, 9] + module.proj_out(mixed.view(1, -1, 1, 1)).flatten()
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4)


def test_no_hook_stays_behind(tiny_official, parrots):
    module = encoder_attention(tiny_official)[1]
    encoder_attention_input(tiny_official, np.ascontiguousarray(parrots[:64, :64]), module, 0, 0)
    assert not module._forward_pre_hooks


def test_the_compact_autoencoder_has_no_attention(codec):
    assert encoder_attention(codec) == []


@pytest.mark.parametrize(("row", "column"), [(5, 6), (0, 0), (0, 4), (7, 11), (7, 0)])
def test_the_transformer_looks_at_earlier_indices_only(vqgan, row, column):
    transformer = vqgan.transformer
    indices = np.random.default_rng(3).integers(0, 8, (8, 12))
    for layer, reach in enumerate(transformer.config.reaches):
        found = index_attention(transformer, indices, 0, layer, row, column)
        assert found.weights.shape == (found.area.height, found.area.width)
        assert found.weights.sum() + found.elsewhere == pytest.approx(1, abs=1e-4)
        assert found.area.top >= max(0, row - reach)
        assert found.area.bottom == row + 1
        columns = np.arange(found.area.left, found.area.right)
        assert not found.weights[-1, columns >= column].any()
        outside = (columns < column - 1 - reach) | (columns > column - 1 + reach)
        assert not found.weights[:, outside].any()


def test_the_probability_is_the_transformers(vqgan):
    transformer = vqgan.transformer
    indices = np.random.default_rng(4).integers(0, 8, (12, 9))
    found = index_attention(transformer, indices, 0, 0, 11, 4)
    features = transformer.map_features(torch.from_numpy(indices)[None], 0)
    wanted = transformer.logits(features[0, 11, 4], 0).softmax(-1)[indices[11, 4]]
    assert found.probability == pytest.approx(float(wanted), rel=1e-3)
    indices[11, 4] = -1
    assert index_attention(transformer, indices, 0, 0, 11, 4).probability is None


def test_a_changed_index_outside_the_neighbourhood_changes_no_weight_of_the_first_layer(vqgan):
    indices = np.random.default_rng(5).integers(0, 8, (9, 9))
    before = index_attention(vqgan.transformer, indices, 0, 0, 6, 4)
    other = indices.copy()
    other[2, 4] = (other[2, 4] + 1) % 8
    other[6, 4] = (other[6, 4] + 1) % 8
    np.testing.assert_allclose(before.weights, index_attention(vqgan.transformer, other, 0, 0, 6, 4).weights, atol=1e-6)
    other[5, 4] = (other[5, 4] + 1) % 8
    assert np.abs(before.weights - index_attention(vqgan.transformer, other, 0, 0, 6, 4).weights).max() > 1e-6


def test_dense_transformers_are_refused():
    config = TransformerConfig(width=32, layers=1, heads=2, reaches=(), block=16)
    transformer = IndexTransformer(config, Vocabulary((8,), special=False))
    with pytest.raises(OptionError, match="neighbourhoods"):
        index_attention(transformer, np.zeros((2, 2), np.int64), 0, 0, 1, 1)
