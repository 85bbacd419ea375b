"""Narrow integers against the definition in float64: every layer, both formats, whatever multiplies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from napari_glc._base import threads
from napari_glc.entropy.scales import level_thresholds
from napari_glc.networks import fixed_products
from napari_glc.networks.blocks import ConvFFN, DepthConv, ResidualBlockUpsample
from napari_glc.networks.config import SMALL
from napari_glc.networks.fixed_arithmetic import EIGHT_BITS, OUTPUT_LIMIT, SIXTEEN_BITS, FixedFormat, integer_rows
from napari_glc.networks.fixed_blocks import integer_blocks
from napari_glc.networks.fixed_integers import Depthwise, LeakyReLU, Spatial, product
from napari_glc.networks.fixed_point import (
    DENSE_SUM_LIMIT,
    DEPTHWISE_SUM_LIMIT,
    FixedConv2d,
    FixedLeakyReLU,
    to_fixed_point,
)
from napari_glc.networks.fixed_prior import FixedPrior
from napari_glc.networks.fixed_products import Digits, Linear, TooLargeError, best_products, using
from napari_glc.networks.glc import GlcNetwork
from napari_glc.networks.quadtree import (
    STEPS,
    merge_quarters,
    scatter_step,
    spread_quarters,
    step_mask,
    step_quarters,
)

WAYS = [(EIGHT_BITS, "int8"), (EIGHT_BITS, "float32"), (SIXTEEN_BITS, "int8")]
HEIGHT, WIDTH = 100, 100


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0].weight_bits}-bit weights by {way[1]}")
def form(request) -> Iterator[FixedFormat]:
    form, kind = request.param
    with using(kind):
        yield form


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def _activations(channels: int, generator: torch.Generator, spread: float = 1.0) -> torch.Tensor:
    """10,000 positions: most as in trained networks, some near the limits of both formats."""
    x = torch.randn(HEIGHT * WIDTH, channels, generator=generator) * 2000 * spread
    x[:50] *= 20
    x[50:60] = 40000 * torch.randn(10, channels, generator=generator).sign()
    return x.int()


def _plane(x: torch.Tensor) -> torch.Tensor:
    return x.double().view(1, HEIGHT, WIDTH, -1).permute(0, 3, 1, 2)


def _rows(plane: torch.Tensor) -> torch.Tensor:
    return plane[0].permute(1, 2, 0).flatten(0, 1)


def _conv(generator: torch.Generator, *sizes: int, **options: int) -> nn.Conv2d:
    conv = nn.Conv2d(*sizes, **options)
    with torch.no_grad():
        # rows of very different size, as training makes them
        conv.weight *= torch.rand(len(conv.weight), 1, 1, 1, generator=generator) * 4
    return conv


@torch.inference_mode()
def test_pointwise(form, generator):
    torch.manual_seed(1)
    for inputs, outputs in ((96, 192), (7, 5), (288, 33)):
        twin = FixedConv2d(_conv(generator, inputs, outputs, 1), form)
        x = _activations(inputs, generator)
        assert torch.equal(Linear(twin)(Digits(x, form), "out").double(), _rows(twin(_plane(x))))


@torch.inference_mode()
def test_dense_3x3(form, generator):
    torch.manual_seed(2)
    twin = FixedConv2d(_conv(generator, 96, 96, 3, padding=1), form)
    x = _activations(96, generator)
    assert torch.equal(Spatial(twin)(x, HEIGHT, WIDTH, "out").double(), _rows(twin(_plane(x))))


@torch.inference_mode()
@pytest.mark.parametrize("onednn", [True, False])
def test_depthwise(form, generator, onednn, without_onednn):
    torch.manual_seed(3)
    twin = FixedConv2d(_conv(generator, 192, 192, 3, padding=1, groups=192), form)
    x = _activations(192, generator)
    expected = _rows(twin(_plane(x)))
    depthwise = Depthwise(twin)
    plane = depthwise.plane(HEIGHT, WIDTH)
    largest = depthwise.lay(x, plane, 0)
    with contextlib.nullcontext() if onednn else without_onednn():
        for top, bottom in ((0, HEIGHT), (0, 1), (7, 60), (99, HEIGHT)):
            found = depthwise.rows(plane, top, bottom, largest).double()
            assert torch.equal(found, expected[WIDTH * top : WIDTH * bottom])


@torch.inference_mode()
@pytest.mark.parametrize("slope", [0.01, 0.1])
@pytest.mark.parametrize("spread", [1, 100, OUTPUT_LIMIT])
def test_leaky_relu(form, generator, slope, spread):
    twin = FixedLeakyReLU(nn.LeakyReLU(slope), form)
    x = _activations(10, generator, spread).clamp_(-OUTPUT_LIMIT, OUTPUT_LIMIT)
    expected = twin(x.double())
    assert torch.equal(LeakyReLU(twin)(x).double(), expected)


@torch.inference_mode()
@pytest.mark.parametrize("spread", [1, 10000])
def test_products_of_activations(form, generator, spread):
    a, b = (_activations(10, generator, spread).clamp(-form.limit, form.limit) for _ in range(2))
    scaled = a.double() * b.double() / form.one
    expected = (scaled + 0.5).floor().clamp(-OUTPUT_LIMIT, OUTPUT_LIMIT)
    assert torch.equal(product(a, b, form).double(), expected)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(DepthConv, (96, 96)), (DepthConv, (96, 192)), (ConvFFN, (96, 2)), (ResidualBlockUpsample, (96, 96))],
)
def test_blocks(form, generator, kind, arguments):
    torch.manual_seed(4)
    twin = to_fixed_point(nn.Sequential(kind(*arguments)), form)
    (block,) = integer_blocks(twin)
    x = _activations(96, generator)
    assert torch.equal(block(x.clone(), HEIGHT, WIDTH).double(), _rows(twin(_plane(x))))


def _prior(form: FixedFormat, seed: int = 5) -> FixedPrior:
    torch.manual_seed(seed)
    return FixedPrior(GlcNetwork(SMALL), form)


def _coded(prior: FixedPrior, height: int = 5) -> list[torch.Tensor]:
    """All a coder is told of a plane of random words and symbols, and the coefficients."""
    generator = torch.Generator().manual_seed(6)
    parameters = prior.parameters_of(torch.randint(256, (height, 7), generator=generator), 77, 200)
    told = [parameters.quant_step]

    def code(step: int, scale: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        told.extend((scale, mean))
        return torch.randint(-3, 4, mean.shape, generator=generator)

    y_hat = prior.code_steps(parameters, code)
    return [*told, y_hat]


def test_the_whole_prior(form):
    prior = _prior(form)
    assert prior.arithmetic != "float64"
    found = _coded(prior)
    with using("float64"):
        expected = _coded(prior)
    assert len(found) == 2 + 2 * STEPS
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_bands_side_by_side_are_the_whole(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 3)
    for form, kind, blocks in ((EIGHT_BITS, "int8", 2), (SIXTEEN_BITS, "int8", 3), (SIXTEEN_BITS, "float64", 2)):
        torch.manual_seed(8)
        prior = FixedPrior(GlcNetwork(SMALL.replaced(prior_blocks=blocks)), form)
        found = []
        for count in (1, 3):
            before = torch.get_num_threads()
            torch.set_num_threads(count)
            with using(kind):
                found.append(_coded(prior, height=13))
            torch.set_num_threads(before)
        assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_autocast_and_coarse_float32_change_nothing(form, monkeypatch):
    prior = _prior(form)
    expected = _coded(prior)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            found = _coded(prior)
    finally:
        torch.set_float32_matmul_precision(before)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@torch.inference_mode()
def test_numbers_beyond_int32_are_left_to_float64(generator):
    """Weights of 16 bits so large that int32 does not hold what they make of large activations."""
    torch.manual_seed(7)
    network = GlcNetwork(SMALL)
    network.y_prior_fusion[0].block[0].conv1[0].weight *= 700
    prior = FixedPrior(network, SIXTEEN_BITS)
    features = torch.randint(-(1 << 22), 1 << 22, (1, 96, 4, 8), generator=generator, dtype=torch.int32)
    features = features.contiguous(memory_format=torch.channels_last)
    assert prior.integers is not None
    with pytest.raises(TooLargeError), using("int8"):
        prior.integers.fuse(features)
    found = []
    for kind in ("int8", "float64"):
        with using(kind):
            found.append(prior._run("fuse", features)[-1])
    assert torch.equal(*found)


def test_a_machine_that_multiplies_wrong_is_found_out(monkeypatch):
    """As torch 2.4 did on processors without VNNI."""
    right = torch._int_mm

    def saturating(a, w, **options):
        return right(a, w, **options).clamp_(-(1 << 15), (1 << 15) - 1)

    monkeypatch.setattr(torch, "_int_mm", saturating)
    best_products.cache_clear()
    try:
        assert best_products().kind == "float32"
        assert "wrong" in best_products().reason
        # were it not, the prior's own trial would notice
        prior = _prior(EIGHT_BITS)
        with using("int8"):
            assert not prior.agrees
            found = _coded(prior)
        with using("float64"):
            assert all(torch.equal(a, b) for a, b in zip(found, _coded(prior), strict=True))
    finally:
        best_products.cache_clear()


def test_the_way_is_chosen_by_what_is_fast(monkeypatch):
    times = iter((1.0, 3.0, 1.0, 1.5))
    monkeypatch.setattr(fixed_products, "_seconds", lambda work: next(times))
    kinds = []
    for _ in range(2):
        best_products.cache_clear()
        kinds.append(best_products().kind)
    best_products.cache_clear()
    assert kinds == ["int8", "float32"]


@pytest.mark.parametrize("depthwise", [True, False])
def test_weights_of_8_bits(generator, depthwise):
    """As fine as 8 bits and the bound on sums allow, and the same integers from their own real values."""
    limit = DEPTHWISE_SUM_LIMIT if depthwise else DENSE_SUM_LIMIT
    weight = torch.randn(64, 1 if depthwise else 96, 3, 3, generator=generator)
    weight *= torch.logspace(-3, 1.5, 64).view(-1, 1, 1, 1)
    weight[0], weight[1] = 0, 50
    bias = torch.randn(64, generator=generator)
    found = integer_rows(weight, bias, EIGHT_BITS, sum_limit=limit)
    scale = 2.0 ** found.shift.double().view(-1, 1, 1, 1)
    clamped = (weight.double() * scale).abs().amax((1, 2, 3)) > 127.5
    assert not clamped[:50].any()
    error = (found.weight / scale - weight).abs() * scale
    assert float(error[~clamped].max()) <= 0.5
    largest = found.weight.flatten(1).abs().sum(1)
    sums = largest * EIGHT_BITS.limit + found.offset.abs() + scale.flatten() / 2
    assert float(sums.max()) < limit
    # one bit more would break a bound
    finer = (2 * scale * weight).round().flatten(1).abs()
    sums = finer.sum(1) * EIGHT_BITS.limit + 2 * found.offset.abs() + 4 * scale.flatten()
    possible = (finer.amax(1) <= 127) & (sums < limit)
    assert not (possible & (found.shift < 15) & (weight.flatten(1).abs().amax(1) > 0)).any()
    again = integer_rows((found.weight / scale).float(), bias, EIGHT_BITS, sum_limit=limit)
    torch.testing.assert_close(again.weight / 2.0 ** again.shift.double().view(-1, 1, 1, 1), found.weight / scale)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(4, 6), (5, 7), (1, 1)])
def test_what_a_step_codes(generator, layout, size):
    x = torch.randint(-9, 10, (1, 8, *size), generator=generator).contiguous(memory_format=layout)
    back = torch.zeros_like(x)
    for step in range(STEPS):
        mask = step_mask(step, *x.shape[1:])
        dense = step_quarters(x, step)
        assert torch.equal(dense, merge_quarters(x * mask))
        scatter_step(dense, step, back)
        assert torch.equal(back * mask, spread_quarters(dense, mask))
    assert torch.equal(back, x)


def test_levels_are_those_of_thresholds(codec):
    """The table of levels against a search among the thresholds."""
    coder = codec.coder
    thresholds = level_thresholds(coder.form.fraction_bits, logarithmic=True)
    scale = torch.arange(int(thresholds[0]) - 300, int(thresholds[-1]) + 300, dtype=torch.int32)
    found = coder._flat_levels(scale.view(1, 1, 1, -1))
    np.testing.assert_array_equal(found.numpy(), np.searchsorted(thresholds, scale.numpy(), side="right"))
