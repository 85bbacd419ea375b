"""Our GLC network computes what the official one computes, given the same weights."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_glc.networks.config import OFFICIAL_IMAGE, GlcConfig, TransformerConfig
from napari_glc.networks.glc import GlcNetwork
from napari_glc.networks.index_transformer import IndexTransformer, Vocabulary

DATA = Path(__file__).parents[1] / "data"


def _reproducible(key: str, shape: list[int]) -> torch.Tensor:
    """Weights seeded by the name of the key, as the reference was made with."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))
    a = rng.standard_normal(shape, dtype=np.float32)
    leaf = key.rsplit(".", 1)[-1]
    if leaf in ("q_enc", "q_dec"):
        a = 1 + 0.1 * a
    elif leaf == "bias":
        a = 0.02 * a
    elif a.ndim == 1:
        a = 1 + 0.1 * a
    elif "embedding" in key:
        a = 0.5 * a
    elif "tok_emb" in key or "pos_emb" in key:
        a = 0.02 * a
    else:
        a = 0.5 * a / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(a.astype(np.float32))


@pytest.fixture(scope="module")
def network() -> GlcNetwork:
    keys = json.loads((DATA / "glc_image.keys.json").read_text())
    state = {k: _reproducible(k, shape) for k, shape in keys.items() if not k.startswith("code_pred")}
    with torch.device("meta"):
        net = GlcNetwork(OFFICIAL_IMAGE)
    net.load_state_dict(state, strict=True, assign=True)
    return net.eval()


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    return dict(np.load(DATA / "glc_image.npz", allow_pickle=False))


def _assert_close(got: torch.Tensor, wanted: np.ndarray) -> None:
    a, b = got.numpy(), wanted.reshape(got.shape)
    assert np.abs(a - b).max() <= 1e-4 * np.abs(b).max()


@torch.inference_mode()
def test_every_stage_of_the_official_network(network, reference):
    q = float(reference["q_index"])
    picture = torch.from_numpy(reference["x_u8"]).float().reshape(1, 3, *reference["x_u8"].shape[-2:]) / 127.5 - 1

    latent = network.analyse(picture)
    _assert_close(latent, reference["latent"])
    y = network.transform(latent, q)
    _assert_close(y, reference["y"])
    z = network.hyper_analyse(y)
    _assert_close(z, reference["z"])
    indices = network.z_vq.indices(z)
    np.testing.assert_array_equal(indices.numpy().ravel(), reference["z_index"].ravel())

    prior = network.prior(network.z_vq.lookup(indices), q)
    _assert_close(torch.cat((prior.quant_step, prior.scale, prior.mean), 1), reference["params"])
    quant_step = prior.quant_step.clamp_min(0.5)
    seen: dict[str, list[torch.Tensor]] = {"symbol": [], "scale": []}

    def visit(step, mask, scale, mean):
        symbol = ((y / quant_step - mean) * mask).round()
        seen["symbol"].append(symbol)
        seen["scale"].append(scale * mask)
        return symbol + mean * mask

    y_hat = network.code_steps(prior, visit) * quant_step
    symbols = sum(seen["symbol"])
    np.testing.assert_array_equal(symbols.numpy().ravel(), reference["y_symbol"].ravel())
    _assert_close(sum(seen["scale"]), reference["scale"])
    _assert_close(y_hat, reference["y_hat"])
    latent_hat = network.synthesise_latent(y_hat, q)
    _assert_close(latent_hat, reference["latent_hat"])
    _assert_close(network.generate(latent_hat), reference["x_hat"])


@torch.inference_mode()
def test_decoding_from_the_hyper_prior_alone(network, reference):
    q = float(reference["q_index"])
    indices = torch.from_numpy(reference["z_index"].reshape(1, 2, 3)).long()
    prior = network.prior(network.z_vq.lookup(indices), q)
    predicted = network.code_steps(prior, lambda step, mask, scale, mean: mean * mask)
    preview = network.synthesise_latent(predicted * prior.quant_step.clamp_min(0.5), q)
    _assert_close(network.generate(preview), reference["x_hat_from_z"])


def test_a_configuration_survives_its_json():
    assert GlcConfig.from_json(OFFICIAL_IMAGE.to_json()) == OFFICIAL_IMAGE


@torch.inference_mode()
def test_the_index_transformer_is_mingpt():
    """All keys of the second stage of taming-transformers, and its logits."""
    keys: dict[str, list[int]] = json.loads((DATA / "mingpt_small.keys.json").read_text())
    config = TransformerConfig(width=128, layers=3, heads=4, block=256, reaches=(), tied=False)
    transformer = IndexTransformer(config, Vocabulary((1024,), special=False)).eval()
    weights = {k: _reproducible(k, shape) for k, shape in keys.items() if not k.endswith("attn.mask")}
    transformer.load_state_dict(weights, strict=True)
    reference = np.load(DATA / "mingpt_small.npz")
    logits = transformer(torch.from_numpy(reference["index"]).long()).numpy()
    assert np.abs(logits - reference["logits"]).max() <= 1e-4 * np.abs(reference["logits"]).max()
