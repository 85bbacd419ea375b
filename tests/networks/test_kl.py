"""The local KL autoencoder on real pictures: what reaches how far, tiles, scale, configurations of any kind."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from napari_glc.networks.kl import KlAutoencoder
from napari_glc.networks.kl_config import KlConfig

CONFIG = KlConfig(
    latent_channels=4,
    encoder_widths=(8, 16),
    encoder_depths=(1, 2),
    decoder_widths=(8, 16),
    decoder_depths=(2, 1),
    half_width=4,
)


@pytest.fixture(scope="module")
def network() -> KlAutoencoder:
    """Random weights; residual branches as strong as everything else, so that nothing far away is hidden."""
    torch.manual_seed(0)
    net = KlAutoencoder(CONFIG).double().requires_grad_(False).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_uniform_(module.weight)
    net.latent_mean.copy_(torch.tensor([0.1, -0.2, 0.3, 0.0]).view(1, 4, 1, 1))
    net.latent_deviation.fill_(1.7)
    return net


@pytest.fixture(scope="module")
def picture(motocross) -> Tensor:
    """A crop of 160 x 240 pixels, float64."""
    return torch.from_numpy(motocross[160:320, 240:480].transpose(2, 0, 1).copy()).double()[None] / 127.5 - 1


def test_a_tile_with_a_margin_of_the_reach_equals_the_whole(network, picture):
    """Encoder and generator, on a tile away from all borders and on one in a corner."""
    latent = network.analyse(picture)
    reach = CONFIG.encoder_reach
    assert reach == 1 + 2 * 2 + 2
    tile = network.analyse(picture[..., 8 * 2 : 8 * 20, 8 * 3 : 8 * 25])
    inner = (..., slice(reach, -reach), slice(reach, -reach))
    torch.testing.assert_close(tile[inner], latent[..., 2:20, 3:25][inner], rtol=0, atol=1e-10)

    whole = network.generate(latent)
    reach = CONFIG.generator_reach
    assert reach == 1 + 2 * 1 + 3
    tile = network.generate(latent[..., 1:18, 4:20])
    inner = (..., slice(8 * reach, -8 * reach), slice(8 * reach, -8 * reach))
    torch.testing.assert_close(tile[inner], whole[..., 8 : 8 * 18, 32 : 8 * 20][inner], rtol=0, atol=1e-10)
    corner = network.generate(latent[..., :12, :14])
    kept = (..., slice(8 * (12 - reach)), slice(8 * (14 - reach)))
    torch.testing.assert_close(corner[kept], whole[kept], rtol=0, atol=1e-10)


@pytest.mark.parametrize("depths", [((0, 0), (0, 0)), ((1, 2), (2, 1)), ((2, 1), (1, 3)), ((3, 0), (3, 0))])
def test_the_reach_is_where_changes_end(picture, depths):
    """By gradients, so that a reach too large would show as well."""
    torch.manual_seed(1)
    config = CONFIG.replaced(encoder_depths=depths[0], decoder_depths=depths[1])
    net = KlAutoencoder(config).double()
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_uniform_(module.weight)
    x = picture.clone().requires_grad_(True)
    latent = net.analyse(x)
    latent[0, :, 10, 15].sum().backward()
    assert _distance(x.grad, 8, (10, 15)) in (config.encoder_reach, config.encoder_reach - 1)

    z = latent.detach().clone().requires_grad_(True)
    net.generate(z)[0, :, 80:88, 120:128].abs().sum().backward()
    assert _distance(z.grad, 1, (10, 15)) in (config.generator_reach, config.generator_reach - 1)


def _distance(gradient: Tensor, side: int, position: tuple[int, int]) -> int:
    """How many latent positions away the farthest value with a gradient is."""
    _, rows, columns = gradient[0].nonzero(as_tuple=True)
    return max(
        int((rows // side - position[0]).abs().max()),
        int((columns // side - position[1]).abs().max()),
    )


def test_the_latent_is_the_scaled_mean_of_the_posterior(network, picture):
    mean, log_variance = network.moments(picture)
    assert mean.shape == log_variance.shape == (1, 4, 20, 30)
    latent = network.analyse(picture)
    torch.testing.assert_close(latent * network.latent_deviation + network.latent_mean, mean)
    assert network.generate(latent).shape == picture.shape
    torch.testing.assert_close(network.generate(latent), network.generator(mean))


def test_the_log_variance_stays_within_bounds(network):
    extreme = torch.full((1, 3, 32, 32), 1e6, dtype=torch.float64)
    for picture in (extreme, -extreme):
        _, log_variance = network.moments(picture)
        assert bool(log_variance.exp().isfinite().all())
        assert float(log_variance.abs().max()) <= 14


def test_the_default_fits_into_five_megabytes():
    with torch.device("meta"):
        net = KlAutoencoder(KlConfig())
    assert sum(value.numel() for value in net.state_dict().values()) < 4.9e6


def test_configurations_survive_json():
    for config in (CONFIG, KlConfig(), KlConfig(kind="published", latent_channels=4, scaling=0.13025)):
        assert KlConfig.from_json(config.to_json()) == config
        assert config.checked() == config
    assert KlConfig.from_dict({"decoder_widths": [16, 32]}).decoder_widths == (16, 32)


@pytest.mark.parametrize(
    "options",
    [
        {"latent_channels": -1},
        {"latent_channels": 1e9},
        {"decoder_depths": [1, 100_000]},
        {"encoder_depths": [300, 1]},
        {"blocks": 1000},
        {"multipliers": [1] * 65},
        {"encoder_widths": [1 << 20, 8]},
    ],
)
def test_a_configuration_beyond_any_network_is_refused(options):
    text = json.dumps(json.loads(CONFIG.to_json()) | options)
    with pytest.raises(ValueError, match=next(iter(options))):
        KlConfig.from_json(text)


@pytest.mark.parametrize("text", ["", "[]", "7", '{"unknown": 1}', '{"latent_channels": 4', "null"])
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises(msgspec.DecodeError):
        KlConfig.from_json(text)


def test_memory_formats_and_batches_agree(network, picture):
    single = network.float()
    try:
        x = picture.float()
        wanted = single.analyse(x)
        both = single.analyse(torch.cat((x, x.flip(3))).contiguous(memory_format=torch.channels_last))
        scale = float(wanted.abs().max())
        np.testing.assert_allclose(both[:1].numpy(), wanted.numpy(), rtol=0, atol=1e-5 * scale)
    finally:
        network.double()
