"""Imported networks compute what the official ones compute, given the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import fakes
import plain
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.codecs.loading import loaded_codec, release_models
from napari_glc.codecs.registry import load_codec
from napari_glc.networks.config import OFFICIAL_IMAGE, GlcConfig
from napari_glc.networks.fixed_arithmetic import from_fixed

TOLERANCE = 1e-4
"""Of the largest value; also how near to a border a value may lie that is rounded to either side."""


glc = pytest.mark.parametrize("official", ["glc_image"], indirect=True)


@pytest.fixture(scope="module", autouse=True)
def _give_memory_back() -> Iterator[None]:
    yield
    release_models()


def _reference(name: str) -> dict[str, np.ndarray]:
    return dict(np.load(fakes.DATA / f"{name}.npz", allow_pickle=False))


def _picture(reference: dict[str, np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(reference["x_u8"]).float().unsqueeze(0) / 127.5 - 1


def _assert_close(got: torch.Tensor, wanted: Any) -> None:
    a, b = np.asarray(got), np.asarray(wanted).reshape(got.shape)
    assert np.abs(a - b).max() <= TOLERANCE * np.abs(b).max()


def _assert_rounded(got: torch.Tensor, wanted: Any, before: Any) -> None:
    """Equal, except where the value before rounding is a border within the tolerance."""
    a, b = np.asarray(got), np.asarray(wanted).reshape(got.shape)
    value = np.asarray(before).reshape(got.shape)
    near = np.abs(value - np.floor(value) - 0.5) < TOLERANCE
    np.testing.assert_array_equal(a[~near], b[~near])


@glc
@torch.inference_mode()
def test_every_stage_of_glc(official):
    network = loaded_codec(official, "cpu").net
    reference = _reference("glc_image")
    q = float(reference["q_index"])

    latent = network.analyse(_picture(reference))
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
    symbols, scales = sum(seen["symbol"]), sum(seen["scale"])
    _assert_rounded(symbols, reference["y_symbol"], reference["y_residual"])
    _assert_close(scales, reference["scale"])
    _assert_close(y_hat, reference["y_hat"])
    latent_hat = network.synthesise_latent(y_hat, q)
    _assert_close(latent_hat, reference["latent_hat"])
    _assert_close(network.generate(latent_hat), reference["x_hat"])

    # the official estimate of the rate
    sigma = scales.double().clamp(1e-5, 1e10)
    normal = torch.distributions.Normal(0, sigma)
    probability = normal.cdf(symbols.double() + 0.5) - normal.cdf(symbols.double() - 0.5)
    bits = (-torch.log2(probability + 1e-5)).clamp_min(0).sum()
    assert float(bits) == pytest.approx(float(reference["bits_y"]), rel=TOLERANCE)
    assert indices.numel() * 14 == float(reference["bits_z"])


@glc
def test_probabilities_in_fixed_point_are_near_the_official_ones(official):
    """What streams are coded with: 12 binary digits after the point."""
    coder, reference = loaded_codec(official, "cpu").coder, _reference("glc_image")
    found = coder.parameters(reference["z_index"].astype(np.int64).reshape(2, 3), 0)
    step, scale, mean = torch.from_numpy(reference["params"]).reshape(1, 768, 8, 12).chunk(3, 1)
    for fixed, wanted in ((found.quant_step, step.clamp_min(0.5)), (found.scale, scale), (found.mean, mean)):
        assert (from_fixed(fixed) - wanted).abs().max() < 4 / 4096


@glc
@torch.inference_mode()
def test_glc_from_the_hyper_prior_alone(official):
    network, reference = loaded_codec(official, "cpu").net, _reference("glc_image")
    q = float(reference["q_index"])
    indices = torch.from_numpy(reference["z_index"].reshape(1, 2, 3)).long()
    prior = network.prior(network.z_vq.lookup(indices), q)
    predicted = network.code_steps(prior, lambda step, mask, scale, mean: mean * mask)
    preview = network.synthesise_latent(predicted * prior.quant_step.clamp_min(0.5), q)
    _assert_close(network.generate(preview), reference["x_hat_from_z"])


@torch.inference_mode()
@pytest.mark.parametrize("official", ["vqgan_f16_1024", "vqgan_f16_16384", "codeformer_f32_1024"], indirect=True)
def test_vqgans(official):
    network, reference = loaded_codec(official, "cpu").net, _reference(official.name.replace("-", "_"))
    latent = network.analyse(_picture(reference))
    _assert_close(latent, reference["latent"])
    indices = network.codebook(0).indices(latent)
    np.testing.assert_array_equal(indices.numpy().ravel(), reference["index"].ravel())
    _assert_close(network.generate(network.codebook(0).lookup(indices), 0), reference["x_hat"])
    if "x_hat_continuous" in reference:
        _assert_close(network.generate(latent, 0), reference["x_hat_continuous"])


@torch.inference_mode()
def test_mingpt(tmp_path):
    """Behind a VQGAN with as many codes, as it is published."""
    whole = fakes.prefixed("transformer.", fakes.state_of("mingpt_small"))
    first = fakes.narrow("vqgan_f16_1024", s128=32, s256=64, s512=96)
    fakes.save_lightning(tmp_path / "last.ckpt", whole | fakes.prefixed("first_stage_model.", first))
    codec = load_codec(import_checkpoint(tmp_path / "last.ckpt", "gpt-parity", heads=4, replace=True), "cpu")
    reference = _reference("mingpt_small")
    _assert_close(codec.transformer(torch.from_numpy(reference["index"]).long()), reference["logits"])


@torch.inference_mode()
def test_glc_on_windows_with_ragged_borders(tmp_path, motocross):
    """A latent of 40 x 36 positions: windows of 32 x 32, 32 x 4, 8 x 32 and 8 x 4."""
    state = fakes.narrow_glc()
    torch.save({"net_g": state}, tmp_path / "a.pth")
    codec = load_codec(import_checkpoint(tmp_path / "a.pth", "narrow-parity", replace=True), "cpu")
    picture = np.pad(motocross[:, :576], ((0, 128), (0, 0), (0, 0)), mode="reflect")
    x = torch.from_numpy(picture.transpose(2, 0, 1).copy()).float().unsqueeze(0) / 127.5 - 1
    wanted = plain.glc(state, x, 2)
    assert wanted["latent"].shape[-2:] == (40, 36)
    latent = codec.net.analyse(x)
    _assert_close(latent, wanted["latent"])
    y = codec.net.transform(latent, 2.0)
    _assert_close(y, wanted["y"])
    z = codec.net.hyper_analyse(y)
    _assert_close(z, wanted["z"])
    found = codec.net.z_vq.indices(z)[0]
    assert torch.equal(found, wanted["z_index"])
    # what the decoder paints from the plain implementation's coefficients
    latent_hat = codec.net.synthesise_latent(wanted["y_hat"], 2.0)
    _assert_close(latent_hat, wanted["latent_hat"])
    _assert_close(codec.net.generate(latent_hat), wanted["x_hat"])
    # and windows matter: seen at once, the same latent would be another
    at_once = plain.block_list(state, "vqgan.encoder", x, sampling="down", window=0, last=22)
    other = plain.conv(state, "vqgan.encoder.quant_conv", at_once)
    assert (other - latent).abs().max() > 10 * TOLERANCE * latent.abs().max()


@torch.inference_mode()
def test_a_vqgan_on_odd_sizes(tmp_path, motocross):
    """A picture of 139 x 195 pixels through the codec: padded to 9 x 13 positions by repeating its borders."""
    state = fakes.narrow_vqgan()
    torch.save({"state_dict": state}, tmp_path / "a.ckpt")
    codec = load_codec(import_checkpoint(tmp_path / "a.ckpt", "odd-parity", replace=True), "cpu")
    picture = motocross[:139, :195]
    padded = np.pad(picture, ((0, 5), (0, 13), (0, 0)), mode="edge")
    x = torch.from_numpy(padded.transpose(2, 0, 1).copy()).float().unsqueeze(0) / 127.5 - 1
    latent = plain.taming_encoder(state, x)
    assert latent.shape[-2:] == (9, 13)
    _assert_close(codec.walk.analyse(picture, codec.net.analyse, lambda done, total: None), latent)
    indices = codec.index_map(picture, 50, lambda done, total: None)
    np.testing.assert_array_equal(indices, plain.nearest(state, "quantize", latent).numpy())
    words = plain.words_of(state, "quantize", torch.from_numpy(indices))
    _assert_close(codec.net.generate(words, 0), plain.taming_decoder(state, words))


def test_sixty_four_rate_points_as_the_official_code_makes_them(tmp_path):
    """Linear between the four, the first and the last aligned."""
    state = fakes.narrow_glc()
    torch.save(state, tmp_path / "a.pth")
    net = load_codec(import_checkpoint(tmp_path / "a.pth", "rates", replace=True), "cpu").net
    for name in ("q_enc", "q_dec"):
        table = state[name].flatten(1).t().unsqueeze(0)
        wanted = F.interpolate(table, size=64, mode="linear", align_corners=True)[0].t()
        positions = torch.arange(64) * 3 / 63
        got = net.interpolate(getattr(net, name), positions)
        torch.testing.assert_close(got.flatten(1), wanted, rtol=1e-5, atol=1e-6)


def test_a_configuration_survives_its_json():
    assert GlcConfig.from_json(OFFICIAL_IMAGE.to_json()) == OFFICIAL_IMAGE
