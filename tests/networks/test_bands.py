"""Bands of rows change nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_glc._base import threads
from napari_glc.networks.bands import BandLayer, in_bands


@pytest.fixture(autouse=True)
def _many_cores(monkeypatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 4)
    monkeypatch.setattr(threads, "_workers", None)


@pytest.fixture(params=[2, 3, 4])
def several(request):
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(1)


def _alone(work):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    found = work()
    torch.set_num_threads(before)
    return found


@torch.inference_mode()
@pytest.mark.parametrize("size", [(512, 96), (192, 64), (64, 128), (320, 48), (16, 16)])
def test_the_autoencoder(several, codec, size):
    """Sizes that are cut evenly, unevenly and not at all."""
    picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    picture = picture.contiguous(memory_format=torch.channels_last)
    net = codec.net
    latent = _alone(lambda: net.analyse(picture))
    torch.testing.assert_close(net.analyse(picture), latent, rtol=1e-5, atol=1e-5)
    y = _alone(lambda: net.transform(latent, 1.3))
    torch.testing.assert_close(net.transform(latent, 1.3), y, rtol=1e-5, atol=1e-5)
    restored = _alone(lambda: net.generate(latent))
    torch.testing.assert_close(net.generate(latent), restored, rtol=1e-5, atol=1e-5)
    bias = torch.randn(1, net.vqgan.generator.coarse_blocks, 192, generator=torch.Generator().manual_seed(2))
    told = _alone(lambda: net.vqgan.generator(latent, bias))
    assert not torch.allclose(told, restored, atol=1e-2)
    torch.testing.assert_close(net.vqgan.generator(latent, bias), told, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_what_a_band_sees_is_what_influences_it(several):
    """Integers, so that nothing may differ: wide kernels, sampling up and down, odd heights."""
    generator = torch.Generator().manual_seed(3)
    modules = [
        nn.Conv2d(2, 3, 5, padding=2),
        nn.PixelUnshuffle(3),
        nn.Conv2d(27, 8, 3, padding=1),
        nn.Conv2d(8, 8, 1),
        nn.PixelShuffle(2),
        nn.Conv2d(2, 2, 7, padding=3),
    ]
    for module in modules:
        for parameter in module.double().parameters():
            parameter.copy_(torch.randint(-2, 3, parameter.shape, generator=generator))
    layers = [BandLayer.of(module) for module in modules]
    layers.insert(3, BandLayer(lambda x: x * 2))
    for height in (33, 129, 300):
        x = torch.randint(-3, 4, (2, 2, height, 12), generator=generator).double()
        expected = nn.Sequential(*modules[3:])(nn.Sequential(*modules[:3])(x) * 2)
        assert torch.equal(in_bands(layers, x), expected)


def test_gradients_flow(several, codec):
    """Training computes as ever."""
    encoder = codec.net.vqgan.encoder
    picture = torch.rand(1, 3, 64, 64, requires_grad=True)
    encoder(picture).sum().backward()
    assert picture.grad is not None
    assert float(picture.grad.abs().sum()) > 0


def test_a_layer_of_unknown_reach_is_refused():
    with pytest.raises(TypeError, match="BatchNorm2d"):
        BandLayer.of(nn.BatchNorm2d(3))
