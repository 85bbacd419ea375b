"""The same symbols everywhere: threads, memory formats, batches, libraries and noise must not matter."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

import napari_glc
from napari_glc.codecs.glc.symbols import SymbolCoder
from napari_glc.container import parse, read_chunk
from napari_glc.networks.fixed_arithmetic import from_fixed, to_fixed
from napari_glc.networks.fixed_products import using

QUALITY = 60


@pytest.fixture(scope="module")
def payload(motocross: np.ndarray) -> bytes:
    data = napari_glc.encode(motocross[128:384, 200:584], quality=QUALITY, device="cpu")
    return read_chunk(io.BytesIO(data), parse(data), 0)


def _symbols(coder: SymbolCoder, payload: bytes) -> list[np.ndarray]:
    decoded = coder.read(payload, 16, 24, 2 * QUALITY)
    return [decoded.hyper_indices, *(a for part in decoded.parts for a in part), decoded.y_hat.numpy()]


def _assert_same(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_and_two_threads(codec, payload, two_threads):
    expected = _symbols(codec.coder, payload)
    with two_threads():
        _assert_same(_symbols(codec.coder, payload), expected)


def test_onednn_on_and_off(codec, payload, without_onednn):
    expected = _symbols(codec.coder, payload)
    with without_onednn():
        _assert_same(_symbols(codec.coder, payload), expected)


@pytest.mark.parametrize("kind", ["int8", "float32", "float64"])
def test_whatever_multiplies(codec, payload, kind):
    expected = _symbols(codec.coder, payload)
    with using(kind):
        _assert_same(_symbols(codec.coder, payload), expected)


def test_relative_noise_of_1e_10_on_every_layer(codec, payload, jitter):
    expected = _symbols(codec.coder, payload)
    with using("float64"), jitter(codec.coder.prior.twin, 1e-10):
        _assert_same(_symbols(codec.coder, payload), expected)


def test_much_more_noise_does_change_them(codec, payload, jitter):
    """The test above can fail: noise the arithmetic cannot absorb breaks the stream, and that is noticed."""
    with using("float64"), jitter(codec.coder.prior.twin, 1e-2), pytest.raises(napari_glc.GlcError):
        _symbols(codec.coder, payload)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("batch", [1, 4])
def test_memory_formats_and_batches(codec, layout, batch):
    prior = codec.coder.prior.twin
    x = to_fixed(torch.randn(1, codec.config.channels, 8, 12, generator=torch.Generator().manual_seed(1)))
    expected = prior.y_prior_fusion(prior.hyper_dec(x))
    stacked = x.repeat(batch, 1, 1, 1).contiguous(memory_format=layout)
    got = prior.y_prior_fusion(prior.hyper_dec(stacked))
    for one in got:
        assert torch.equal(one, expected[0])


def test_order_of_channels_does_not_matter(codec):
    """Sums of integers below 2**53 are exact, whatever the order of summation."""
    layer = codec.coder.prior.twin.y_spatial_prior_reduction
    channels = 3 * codec.config.channels
    x = to_fixed(100 * torch.randn(1, channels, 5, 7, generator=torch.Generator().manual_seed(2)))
    order = torch.randperm(channels, generator=torch.Generator().manual_seed(3))
    expected = torch.matmul(layer.weight, x.flatten(2))
    assert torch.equal(torch.matmul(layer.weight[:, order], x[:, order].flatten(2)), expected)
    assert float(expected.abs().max()) < 2**53


@torch.inference_mode()
def test_fixed_point_stays_close_to_floating_point(codec, payload):
    indices = codec.coder.read_hyper(payload, 16, 24)
    exact = codec.coder.parameters(indices, 2 * QUALITY)
    words = codec.net.z_vq.lookup(torch.from_numpy(indices).unsqueeze(0))
    floating = codec.net.prior(words, QUALITY / 100 * 3)
    for name in ("scale", "mean", "context"):
        a, b = from_fixed(getattr(exact, name), codec.coder.form), getattr(floating, name)
        assert float((a - b).abs().max()) < 0.02 * float(b.abs().max()) + 0.02, name
