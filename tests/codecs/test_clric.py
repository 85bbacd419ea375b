"""The clric codec: exact coding of grids, what fitting gains, files of all kinds."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import napari_glc
from napari_glc import GlcFile
from napari_glc.batch import encode_item
from napari_glc.codecs.base import PlaneCoding
from napari_glc.codecs.clric import budget, published
from napari_glc.codecs.clric import picture as picture_of_tile
from napari_glc.codecs.clric.budget import keep_to
from napari_glc.codecs.clric.codec import ClricCodec
from napari_glc.codecs.clric.descent import Descent
from napari_glc.codecs.clric.encoding import Encoding
from napari_glc.codecs.clric.entry import ENTRY
from napari_glc.codecs.clric.exploring import _spread
from napari_glc.codecs.clric.fit import ITERATIONS
from napari_glc.codecs.clric.function import laplace_bits
from napari_glc.codecs.clric.grid_coder import _Order, read_grids, write_grids
from napari_glc.codecs.clric.layout import (
    CONTEXTS,
    GRIDS,
    LEAST_LOG_SCALE,
    grid_sizes,
    macs_per_position,
    parts,
    start_parameters,
    trade_off,
)
from napari_glc.codecs.clric.looking import Glance, look_at
from napari_glc.codecs.clric.picture import TilePicture
from napari_glc.codecs.clric.shared_coder import SharedModel
from napari_glc.codecs.clric.stated import FINEST, Stated, read_parameters
from napari_glc.codecs.clric.streams import check_size
from napari_glc.codecs.goals import Goal
from napari_glc.codecs.loading import loaded_codec
from napari_glc.container import Box, TileGrid
from napari_glc.errors import Cancelled, DamagedFileError, GlcError, OptionError, SymbolMismatchError
from napari_glc.files.damaging import DAMAGES, damage
from napari_glc.inspection.rate.session import RateSession
from napari_glc.metrics.feature_distance import FeatureDistance, distance_of_arrays
from napari_glc.metrics.fidelity import psnr
from napari_glc.metrics.views import AS_IT_IS
from napari_glc.models import find_model

DATA = Path(__file__).parents[1] / "data"
MODES = ("shared", "published")


@pytest.fixture(scope="module")
def codec() -> ClricCodec:
    found = loaded_codec(find_model("kl-small"), "cpu")
    assert isinstance(found, ClricCodec)
    assert found.shared is not None
    return found


@pytest.fixture(scope="module")
def latent(codec, motocross) -> np.ndarray:
    """``(8, 14, 19)``: sides that no grid but the first one's halves."""
    return codec.latents(motocross[:112, 200:352], TileGrid(112, 152, 512), lambda *_: None)[0]


def _some_stated(channels: int) -> Stated:
    rng = np.random.default_rng(5)
    return Stated(
        {part.name: 4 + i % 4 for i, part in enumerate(parts(channels))},
        {part.name: rng.integers(-9, 10, part.size) for part in parts(channels)},
    )


def _some_grids(channels: int, height: int, width: int) -> list[np.ndarray]:
    rng = np.random.default_rng(6)
    return [
        np.clip(np.round(rng.laplace(0, 3, (channels, *size))), -128, 127).astype(np.int16)
        for size in grid_sizes(height, width)
    ]


# -- streams ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 1, 1), (4, 19, 25), (3, 2, 70), (8, 65, 1), (1, 65, 1)])
def test_grids_come_back_exactly(channels, height, width):
    grids = _some_grids(channels, height, width)
    parameters = _some_stated(channels).parameters(channels, 30)
    data = write_grids(grids, parameters)
    for grid, same in zip(grids, read_grids(data, parameters, channels, height, width), strict=True):
        np.testing.assert_array_equal(grid, same)
    broken = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(SymbolMismatchError):
        read_grids(broken, parameters, channels, height, width)


def test_extreme_values_are_coded_too():
    grids = _some_grids(2, 9, 9)
    grids[0][:] = 127
    grids[1][:] = -128
    parameters = start_parameters(2, 0)
    for grid, same in zip(grids, read_grids(write_grids(grids, parameters), parameters, 2, 9, 9), strict=True):
        np.testing.assert_array_equal(grid, same)


def test_contexts_of_a_wave_are_decoded_before_it():
    order = _Order(3, 6, 5)
    when = np.full(np.prod(order.padded), -1)
    for wave, (begin, end) in enumerate(zip(order.bounds[:-1], order.bounds[1:], strict=True)):
        when[order.places[begin:end]] = wave
    assert order.contexts.shape == (3 * 6 * 5, CONTEXTS - 1)
    assert bool((when[order.contexts] < when[order.places][:, None]).all())
    assert sorted(order.values) == list(range(3 * 6 * 5))


def test_parameters_come_back_exactly():
    stated = _some_stated(4)
    data = stated.pack(4)
    same, size = read_parameters(data + b"more", 4)
    assert size == len(data)
    assert same.digits == stated.digits
    for name, values in stated.values.items():
        np.testing.assert_array_equal(same.values[name], values)


def test_parameters_at_their_beginning_cost_a_bit_each():
    start = start_parameters(4, 50)
    stated = Stated.rounded(start, dict.fromkeys(start, 0), 4, 50)
    sizes = [part.size for part in parts(4)]
    assert sum(stated.bits(name) for name in start) == sum(sizes) + 7 * len(sizes)
    for name, values in stated.parameters(4, 50).items():
        np.testing.assert_array_equal(values, start[name])


def test_no_parameters_break_the_decoder():
    """Whatever bytes stand there, they are parameters or an error; the largest leave the arithmetic exact."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(300):
        data = rng.integers(0, 256, 400, np.uint8).tobytes()
        try:
            stated, size = read_parameters(data, 2)
            read_grids(data[size:], stated.parameters(2, 50), 2, 3, 4)
            found += 1
        except DamagedFileError:
            pass
    assert found < 30
    far = {part.name: np.full(part.size, 1 << 15) for part in parts(2)}
    parameters = Stated(dict.fromkeys(far, FINEST), far).parameters(2, 50)
    grids = _some_grids(2, 9, 9)
    for grid, same in zip(grids, read_grids(write_grids(grids, parameters), parameters, 2, 9, 9), strict=True):
        np.testing.assert_array_equal(grid, same)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (19, 25), (2, 70), (65, 1)])
@pytest.mark.parametrize("quality", [0, 33.5, 100])
def test_grids_under_shared_networks_come_back_exactly(codec, height, width, quality):
    grids = _some_grids(8, height, width)
    grids[0][0] = 127
    data = codec.shared._model(quality).write(grids)
    for grid, same in zip(grids, codec.shared.read(data, quality, height, width), strict=True):
        np.testing.assert_array_equal(grid, same)
    broken = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(SymbolMismatchError):
        codec.shared.read(broken, quality, height, width)


def test_the_largest_weights_and_values_leave_the_arithmetic_exact(codec):
    """Sums in another order and in exact integers are the same."""
    model = SharedModel(codec.shared.net.model, 100_000)
    top = float(32 * 1024)
    model._causal = np.full_like(model._causal, top * 1024)
    model._inherited = np.full_like(model._inherited, top)
    contexts = np.full((8, 1, model._causal.shape[1]), 127.0)
    features = np.full((1, model._inherited.shape[1]), float(1 << 20))
    hidden = contexts[0] @ model._causal[0] + features @ model._inherited[0]
    exact = 127 * int(top) * 1024 * contexts.shape[2] + (1 << 20) * int(top) * features.shape[1]
    assert exact < 2**53
    assert int(hidden[0, 0]) == exact


@pytest.mark.parametrize("mode", MODES)
def test_the_estimate_is_what_the_coder_writes(codec, latent, mode):
    if mode == "shared":
        fit = codec.shared.begin(latent, 60)
        bits = codec.shared.bits(fit.symbols, 60)
    else:
        networks, _ = codec.published.fit_networks([latent], 60, 20, lambda *_: None)
        fit = codec.published.begin(latent, 60, networks)
        bits = codec.published.bits(fit.symbols, networks, 60)
    estimated = sum(float(each.sum()) for each in bits) / 8
    assert abs(len(fit.payload) - estimated) < 0.02 * estimated + 8


def test_a_zero_takes_the_least_of_bits_a_value_can():
    least = float(laplace_bits(torch.zeros(()), torch.tensor(2.0**-LEAST_LOG_SCALE)))
    assert 4.8e-4 < least < 4.9e-4


def test_few_bytes_do_not_make_a_huge_plane(codec):
    with pytest.raises(DamagedFileError, match="cannot hold"):
        check_size(codec.config, bytes(100), 4000, 4000)
    check_size(codec.config, bytes(100), 64, 96)
    blank = napari_glc.encode(np.full((512, 512), 9, np.uint8), codec="clric", quality=0, effort=0)
    assert napari_glc.decode(blank).shape == (512, 512)


@pytest.mark.parametrize("channels", [4, 8])
@pytest.mark.parametrize(("height", "width"), [(512, 768), (1363, 2048)])
def test_decoding_a_latent_costs_what_the_published_system_costs(channels, height, width):
    macs = macs_per_position(channels, -(-height // 8), -(-width // 8)) / 64
    assert macs <= 26


# -- fitting ------------------------------------------------------------------------------------------------


def _loss(codec, latent, fit, quality, networks=None) -> float:
    """What is decoded from true bytes."""
    if networks is None:
        made = codec.shared.latent(codec.shared.read(fit.payload, quality, *latent.shape[1:]), quality)
    else:
        made = codec.published.latent(fit.symbols, networks, quality)
    size = len(fit.payload) + len(networks or b"")
    return float(np.square(made.numpy() - latent).sum() + trade_off(quality) * 8 * size)


@pytest.mark.parametrize("quality", [0, 50, 100])
def test_fitting_pays_and_more_of_it_is_never_worse(codec, latent, quality):
    losses = []
    for iterations in (0, 8, 24):
        fit = codec.shared.begin(latent, quality)
        fit.run(iterations, lambda *_: None)
        losses.append(_loss(codec, latent, fit, quality))
    assert losses[1] < losses[0]
    # what is kept is decided by estimated bits: they say the bytes to within two
    assert losses[2] <= losses[1] + 16 * trade_off(quality)


@pytest.mark.parametrize("quality", [5, 60])
def test_fitting_networks_pays(codec, latent, quality):
    losses = []
    for iterations in (0, 8, 16):
        networks, (grids,) = codec.published.fit_networks([latent], quality, iterations, lambda *_: None)
        fit = codec.published.begin(latent, quality, networks, start=grids)
        losses.append(_loss(codec, latent, fit, quality, networks))
    assert losses[1] < losses[0]
    assert losses[2] < 1.01 * losses[1]


def test_longer_fits_of_networks_are_never_worse(codec, latent, monkeypatch):
    """At the least quality, what networks gain may be lost when they are rounded: the best that was stated counts."""
    monkeypatch.setattr(published, "_STATED_AFTER", (8,))
    losses = []
    for iterations in (8, 32):
        networks, (grids,) = codec.published.fit_networks([latent], 0, iterations, lambda *_: None)
        fit = codec.published.begin(latent, 0, networks, start=grids)
        losses.append(_loss(codec, latent, fit, 0, networks))
    # an arithmetic coder may take a byte or two more than was estimated
    assert losses[1] <= losses[0] + 16 * trade_off(0)


def test_shared_networks_take_fewer_bytes_than_sent_ones(codec, latent):
    """At the same price of a bit both the bytes and the error are lower."""
    networks, (grids,) = codec.published.fit_networks([latent], 30, 40, lambda *_: None)
    sent = codec.published.begin(latent, 30, networks, start=grids)
    shared = codec.shared.begin(latent, 30)
    shared.run(20, lambda *_: None)
    assert _loss(codec, latent, shared, 30) < 0.9 * _loss(codec, latent, sent, 30, networks)


def test_what_counts_more_is_closer(codec, latent):
    weights = np.ones(latent.shape[1:], np.float32)
    weights[:, :9] = 4
    errors = []
    for given in (None, weights):
        fit = codec.shared.begin(latent, 40, given)
        fit.run(30, lambda *_: None)
        made = codec.shared.latent(fit.symbols, 40).numpy()
        errors.append(np.square(made - latent)[:, :, :9].mean())
    assert errors[1] < 0.95 * errors[0]


def test_the_same_bytes_in_two_threads(codec, latent, two_threads):
    def payload() -> bytes:
        fit = codec.shared.begin(latent, 50)
        fit.run(8, lambda *_: None)
        return fit.payload

    alone = payload()
    with two_threads():
        assert payload() == alone


def test_fitting_can_be_cancelled(codec, latent):
    class Enough(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise Enough

    with pytest.raises(Enough):
        codec.shared.begin(latent, 50).run(100, stop)
    with pytest.raises(Enough):
        codec.published.fit_networks([latent], 50, 100, stop)


def test_a_better_offer_is_taken():
    target = torch.tensor([[3.0, -2.0]])
    told = [(torch.zeros(1, 2), torch.ones(1, 2))]
    descent = Descent(
        [torch.zeros(1, 2)], lambda: [torch.ones(1, 1)], lambda grids: ((grids[0] - target).square().sum(), told), 0.1
    )
    descent.offer([torch.full((1, 2), 100.0)])
    assert descent.grids[0].tolist() == [[0, 0]]
    descent.offer([torch.tensor([[3.0, 0.0]])])
    assert descent.grids[0].tolist() == [[3, 0]]
    descent.run(12, lambda *_: None)
    assert descent.grids[0].tolist() == [[3, -2]]


# -- looks at the picture -----------------------------------------------------------------------------------


def test_looks_at_the_picture_bring_it_nearer(motocross):
    """By true bytes and pixels, and the measures that are reported everywhere agree; nothing in the file is new."""
    picture = motocross[:64, 200:264]
    data = [_file(picture, quality=40, effort=3, distortion=of) for of in ("latent", "picture")]
    shown = [napari_glc.decode(each) for each in data]
    latent, seen = (distance_of_arrays(FeatureDistance("squeezenet"))(picture, each) for each in shown)
    assert seen < 0.95 * latent
    assert psnr(picture, shown[1]) > psnr(picture, shown[0])
    assert abs(len(data[1]) / len(data[0]) - 1) < 0.12
    assert GlcFile(data[1]).facts().keys() == GlcFile(data[0]).facts().keys()
    np.testing.assert_array_equal(GlcFile(data[1]).read((slice(8, 60), slice(9, 50))), shown[1][8:60, 9:50])


def _picture_of(codec, plane: np.ndarray, tile: Box) -> TilePicture:
    whole = codec.area(Box(0, 0, *plane.shape[:2]))
    return TilePicture(codec, plane, codec.area(tile), whole, codec.around(plane, Box(0, 0, *plane.shape[:2])), None)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_not_better_is_not_taken(codec, motocross, mode):
    plane = motocross[:64, 200:264]
    (latent,) = codec.latents(plane, TileGrid(64, 64, 512), lambda *_: None)
    if mode == "shared":
        fit = codec.shared.begin(latent, 40)
        fit.run(12, lambda *_: None)
    else:
        networks, (grids,) = codec.published.fit_networks([latent], 40, 12, lambda *_: None)
        fit = codec.published.begin(latent, 40, networks, start=grids)
    picture = _picture_of(codec, plane, Box(0, 0, 64, 64))
    before, told = picture.judged(fit.made)[0], []

    def glance(each: Glance) -> bool:
        told.append(each)
        return False

    look_at(fit, picture, 8, None, glance)
    assert len(told) == 9
    best = [each.best_distance for each in told]
    assert best[0] == pytest.approx(before)
    assert best[-1] == pytest.approx(picture.judged(fit.made)[0])
    assert {best[i] != best[i - 1] for i in range(1, 9) if not told[i].improved} == {False}
    # a size that is there already is not overdrawn
    size = len(fit.payload)
    look_at(fit, picture, 6, size, lambda each: False)
    assert len(fit.payload) <= size


def test_a_large_tile_is_painted_in_blocks(codec, motocross, monkeypatch):
    """Its gradient is that of the whole, but for what structure is at the borders of blocks."""
    plane = motocross[:192, 200:328]
    latent = codec.around(plane, Box(0, 0, 192, 128)).round()
    whole, look, gradient = _picture_of(codec, plane, Box(0, 0, 192, 128)).with_gradient(latent, AS_IT_IS)
    monkeypatch.setattr(picture_of_tile, "_LARGEST", 12)
    monkeypatch.setattr(picture_of_tile, "_BLOCK", 12)
    tile = _picture_of(codec, plane, Box(0, 0, 192, 128))
    parts, look_of_parts, gradient_of_parts = tile.with_gradient(latent, AS_IT_IS)
    assert parts == pytest.approx(whole, rel=0.05)
    assert look_of_parts == pytest.approx(look, rel=0.05)
    assert torch.cosine_similarity(gradient.flatten(), gradient_of_parts.flatten(), 0) > 0.9
    # and it leads downhill
    downhill = latent - 0.2 * gradient_of_parts / gradient_of_parts.square().mean().sqrt()
    assert tile.judged(downhill)[0] < tile.judged(latent)[0]


def test_looks_give_the_same_bytes_in_two_threads_and_see_the_neighbours(motocross, two_threads):
    picture, chosen = motocross[:48, 200:331], {"tile": 64, "quality": 40, "effort": 1, "distortion": "picture"}
    alone = _file(picture, **chosen)
    with two_threads():
        assert _file(picture, **chosen) == alone
    assert napari_glc.decode(alone).shape == picture.shape


def test_whoever_watches_looks_can_end_them_and_keeps_a_size(motocross):
    picture, seen = motocross[:64, 200:264], []

    def watch(standing) -> bool:
        seen.append(standing)
        return standing.iteration == ITERATIONS[1] + 3

    data = _file(picture, quality=40, effort=1, distortion="picture", watch=watch)
    assert seen[-1].iteration == ITERATIONS[1] + 3 < seen[-1].total
    np.testing.assert_array_less(np.abs(seen[-1].picture().astype(int) - napari_glc.decode(data)), 2)
    assert seen[-1].best_distance <= seen[ITERATIONS[1]].best_distance

    def enough(done: int, total: int) -> None:
        if 2 * done > total:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        _file(picture, quality=40, effort=1, distortion="picture", progress=enough)
    data = napari_glc.encode_to_bytes(picture, 200, codec="clric", effort=1, distortion="picture").data
    assert min(0.98 * 200, 200 - 4) <= len(data) <= 200


# -- whoever watches ----------------------------------------------------------------------------------------


def test_whoever_watches_can_end_it_and_gets_what_was_told(motocross):
    seen = []

    def watch(standing) -> bool:
        seen.append(standing)
        return standing.iteration == 7

    data = napari_glc.encode(motocross[:96, :128], codec="clric", quality=30, watch=watch)
    assert [s.iteration for s in seen] == list(range(8))
    assert seen[-1].total == ITERATIONS[5]
    assert seen[-1].best_distance < seen[0].best_distance + 1e-9
    assert any(s.improved for s in seen) == (seen[-1].best_bytes != seen[0].best_bytes)
    whole = GlcFile(data).read()
    difference = np.abs(seen[-1].picture().astype(int) - whole)
    assert difference.max() <= 1


def test_a_wanted_size_is_kept_to(motocross):
    picture = motocross[:96, :128]
    found = napari_glc.encode_to_bpp(picture, 0.1, codec="clric", effort=1)
    assert 0.9 * 0.1 < found.bpp <= 1.02 * 0.1


@pytest.mark.parametrize(("tile", "parts"), [(512, (0.5, 0.85, 0.99, 1.05)), (64, (0.6, 0.95))])
def test_a_budget_is_used_up(codec, motocross, tile, parts):
    """At most so many bytes and at least 98 % of them, or all but a last word, whatever the networks."""
    picture, grid = motocross[:64, :96], TileGrid(64, 96, tile)

    def coded(goal: Goal) -> tuple[int, float]:
        coding = PlaneCoding(grid, 40, ENTRY.options(mode="shared", effort=1), goal=goal)
        fits = Encoding(codec, picture, coding, lambda *_: None, None, None).run()
        for fit, tile in zip(fits, grid, strict=True):
            for grid_read, own in zip(codec.read(fit.payload, coding, codec.area(tile)), fit.symbols, strict=True):
                np.testing.assert_array_equal(grid_read, own)
        return sum(len(fit.payload) for fit in fits), sum(fit.error for fit in fits)

    free = coded(Goal())[0]
    errors = []
    for most in (part * free for part in parts):
        size, error = coded(Goal(most_bytes=most))
        assert min(0.98 * most, most - 4) <= size <= most
        errors.append(error)
    assert errors == sorted(errors, reverse=True)


def test_a_budget_that_no_price_meets_is_used_up_as_well(codec, latent, monkeypatch):
    """Where prices find one fit within the size and one beyond, values of both fill it."""
    monkeypatch.setattr(budget, "_PRICES", 1)
    fit = codec.shared.begin(latent, 40)
    least, most = len(fit.payload) // 2, len(fit.payload) - 1
    for size in np.linspace(least, most - 1, 7).astype(int).tolist():
        fit = codec.shared.begin(latent, 40)
        keep_to([fit], size, trade_off(40), 1)
        assert min(0.98 * size, size - 4) <= len(fit.payload) <= size


def test_too_few_bytes_leave_grids_of_zeros(codec, latent, monkeypatch):
    monkeypatch.setattr(budget, "_PRICES", 1)
    fit = codec.shared.begin(latent, 40)
    keep_to([fit], 1, trade_off(40), 1)
    assert not any(grid.any() for grid in fit.symbols)
    assert len(codec.shared.read(fit.payload, 40, *latent.shape[1:])) == GRIDS


@pytest.mark.parametrize(("mode", "wanted"), [("shared", 170), ("published", 250)])
def test_a_file_of_a_wanted_size_uses_it_up(motocross, tmp_path, mode, wanted):
    """Networks that are sent take more bytes the longer they are fitted; that is part of the size."""
    picture = motocross[:64, :64]
    data = napari_glc.encode_to_bytes(picture, wanted, codec="clric", mode=mode, effort=1).data
    assert 0.98 * wanted <= len(data) <= wanted
    assert napari_glc.decode(data).shape == picture.shape


# -- exploring the rate -------------------------------------------------------------------------------------


def _session(picture: np.ndarray, **options: object) -> RateSession:
    return RateSession(picture, codec="clric", device="cpu", **options)


@pytest.mark.parametrize(("mode", "tile"), [("shared", 64), ("published", 512)])
def test_a_step_is_a_file_and_its_pixels(motocross, mode, tile):
    picture = motocross[:61, :128]
    session = _session(picture, mode=mode, effort=1, tile=tile)
    first, higher, again = (session.at(quality) for quality in (40, 55, 40))
    assert first.size < higher.size
    assert first.psnr < higher.psnr
    assert again.data == first.data
    for step in (first, higher):
        np.testing.assert_array_equal(napari_glc.decode(step.data), step.pixels)
        file = GlcFile(step.data)
        assert file.facts()["mode"] == mode
        bits = step.bits()
        assert bits.shape == (8, 16)
        grids = sum(len(file.chunk(i)) for i in range(file.container.chunks - len(session.grid), file.container.chunks))
        assert abs(bits.sum() / 8 - grids) < 0.02 * grids + 8 * len(session.grid)
    assert session.qualities == (0, 25, 50, 75, 100)


def test_bits_of_coarse_values_lie_where_they_serve():
    spread = _spread(np.array([[[8.0, 3.0], [4.0, 1.0]]]), 4, 6, 7)
    assert spread.shape == (6, 7)
    assert spread[:4, :4].sum() == 8
    assert (spread[:4, 4:] == 0.25).all()
    assert (spread[4:, :4] == 0.5).all()
    assert spread.sum() == pytest.approx(16)


def test_networks_of_a_quality_are_a_start_at_another(codec, latent):
    networks, grids = codec.published.fit_networks([latent], 55, 12, lambda *_: None)
    start = codec.published.moved(networks, grids, 55, 60)
    losses = []
    for begun in (None, start):
        found, (own,) = codec.published.fit_networks([latent], 60, 4, lambda *_: None, begun)
        losses.append(_loss(codec, latent, codec.published.begin(latent, 60, found, start=own), 60, found))
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("mode", "qualities", "effort"), [("shared", (10, 11, 12), 3), ("shared", (58, 60), 2), ("published", (28, 30), 2)]
)
def test_a_step_is_never_worse_for_those_before_it(codec, motocross, mode, qualities, effort):
    """A fit of a near quality is a second start; what costs less, by true bytes, is taken. Far ones are left aside."""
    picture, grid = motocross[:64, 200:264], TileGrid(64, 64, 512)
    (latent,) = codec.latents(picture, grid, lambda *_: None)

    def losses(*qualities: float) -> list[float]:
        found, analysed = [], codec.analyse(picture, grid, lambda *_: None)
        for quality in qualities:
            coding = PlaneCoding(grid, quality, ENTRY.options(mode=mode, effort=effort))
            step = codec.step(picture, coding, analysed, lambda *_: None)
            (payload,) = step.encoded.chunks
            coding = dataclasses.replace(coding, plane_stream=step.plane_stream)
            made = codec.tile_latent(codec.read(payload, coding, codec.area(grid.plane)), coding).numpy()
            size = len(payload) + len(step.plane_stream)
            found.append(float(np.square(made - latent).sum() + trade_off(quality) * 8 * size))
        return found

    alone = [losses(quality)[0] for quality in qualities]
    after = losses(*qualities)
    assert all(one <= other * 1.00001 for one, other in zip(after, alone, strict=True))
    if mode == "shared" and len(qualities) > 2:
        assert after[1:] < alone[1:]
    assert losses(qualities[0] + 30, qualities[0])[1] == pytest.approx(alone[0], rel=1e-5)


def test_a_step_stops_when_its_progress_says_so_and_leaves_nothing_half_done(motocross):
    session = _session(motocross[:64, :96], effort=3)

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        session.at(50, stop)
    assert session.at(50).data == _session(session.picture, effort=3).at(50).data


# -- files --------------------------------------------------------------------------------------------------


def _file(picture: np.ndarray, **options: object) -> bytes:
    return napari_glc.encode(picture, codec="clric", **({"effort": 1} | options))


def test_what_a_file_holds_follows_from_the_model(motocross, tmp_path):
    picture = motocross[:64, :64]
    auto, shared, published = (GlcFile(_file(picture, mode=mode)) for mode in ("auto", *MODES))
    assert auto.facts()["mode"] == shared.facts()["mode"] == "shared"
    assert published.facts()["mode"] == "published"
    assert "effort" not in shared.facts()
    with pytest.raises(GlcError, match="effort must lie within 0 to 9"):
        _file(picture, effort=10)


def test_models_without_shared_networks_send_theirs(motocross, tmp_path):
    from napari_glc.models import write_model
    from napari_glc.networks.kl import KlAutoencoder
    from napari_glc.networks.kl_config import KlConfig

    config = KlConfig(encoder_widths=(8, 16), encoder_depths=(1, 1), decoder_widths=(8, 16), decoder_depths=(1, 1))
    torch.manual_seed(3)
    path = tmp_path / "plain.safetensors"
    tensors = KlAutoencoder(config).state_dict()
    write_model(path, tensors, name="plain", codec="clric", config=config.to_json(), description="random weights")
    data = _file(motocross[:64, :64], model=path)
    assert GlcFile(data, model=find_model(path)).facts()["mode"] == "published"
    with pytest.raises(OptionError, match="no networks that functions share"):
        _file(motocross[:64, :64], model=path, mode="shared")


@pytest.mark.parametrize("mode", MODES)
def test_bytes_rise_with_quality_and_error_falls(codec, motocross, mode):
    picture = motocross[:64, :64]
    sizes, errors = [], []
    wanted = codec.latents(picture, TileGrid(64, 64, 512), lambda *_: None)[0]
    for quality in (0, 50, 100):
        file = GlcFile(_file(picture, quality=quality, mode=mode))
        coding = file.coding()
        payload = file.chunk(file.container.chunks - 1)
        sizes.append(file.container.size)
        made = codec.tile_latent(codec.read(payload, coding, codec.area(coding.grid[0])), coding).numpy()
        errors.append(float(np.square(made - wanted).mean()))
    assert sizes == sorted(set(sizes))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.02


@pytest.mark.parametrize("mode", MODES)
def test_a_region_is_that_part_of_the_whole_and_reads_its_tiles_only(motocross, mode):
    picture = motocross[:256, :128]
    data = _file(picture, tile=64, quality=40, effort=0, mode=mode)
    file = GlcFile(data)
    whole = file.read()
    np.testing.assert_array_equal(file.read((slice(90, 131), slice(7, 120))), whole[90:131, 7:120])
    file.verify()
    assert sum(file.streams().values()) == len(data)
    # the last tile is out of the reach of the first one
    broken = bytearray(data)
    broken[-4] ^= 1
    np.testing.assert_array_equal(GlcFile(bytes(broken)).read((slice(0, 64), slice(0, 64))), whole[:64, :64])
    with pytest.raises(GlcError):
        GlcFile(bytes(broken)).read()


@pytest.mark.parametrize("shape", [(1, 1), (7, 200, 3), (101, 65)])
def test_odd_sizes(motocross, shape):
    picture = motocross if len(shape) == 3 else motocross[..., 1]
    picture = picture[: shape[0], : shape[1]]
    for mode in MODES:
        assert napari_glc.decode(_file(picture, mode=mode, effort=0)).shape == picture.shape


def test_sixteen_bits_and_stacks():
    worms = iio.imread(DATA / "worms_crop_uint16.tif")
    stack = worms[:, :64, :80]
    assert (stack.ndim, stack.dtype) == (3, np.uint16)
    data = _file(stack, axes="CYX")
    decoded = napari_glc.decode(data)
    assert (decoded.shape, decoded.dtype) == (stack.shape, stack.dtype)


def test_what_a_batch_makes_of_a_picture(motocross, tmp_path):
    """What its processes do, in this one: the bytes that encoding makes."""
    picture = motocross[:64, :64]
    iio.imwrite(tmp_path / "a.png", picture)
    chosen = {"codec": "clric", "effort": 0, "device": "cpu"}
    assert encode_item(str(tmp_path / "a.png"), str(tmp_path / "a.png.glc"), chosen) is None
    alone = napari_glc.encode(picture, **chosen)
    assert np.array_equal(napari_glc.imread(tmp_path / "a.png.glc"), napari_glc.decode(alone))


def test_a_process_killed_while_it_fits_leaves_the_old_file(motocross, tmp_path):
    picture, target = tmp_path / "picture.png", tmp_path / "picture.glc"
    iio.imwrite(picture, motocross[:64, :64])
    target.write_bytes(b"what was there")
    told = "import sys, imageio.v3 as iio, napari_glc as g; " + (
        "g.imwrite(sys.argv[2], iio.imread(sys.argv[1]), codec='clric', effort=9, device='cpu', "
        "watch=lambda standing: print(standing.iteration, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", told, picture, target], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 3:
                break
        process.kill()
    assert process.returncode < 0 or os.name == "nt"
    assert target.read_bytes() == b"what was there"
    assert list(tmp_path.glob("*.glc")) == [target]


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_noticed(motocross, kind):
    data = _file(motocross[:128, :128], tile=64, effort=0)
    for seed in range(3):
        broken = damage(data, 0.2, kind, seed=seed)
        if broken == data:
            continue
        with pytest.raises(GlcError):
            napari_glc.decode(broken)


@pytest.mark.parametrize("mode", MODES)
def test_a_payload_of_anything_is_an_error_or_pixels(codec, motocross, mode):
    file = GlcFile(_file(motocross[:64, :64], mode=mode, effort=0))
    coding = file.coding()
    payload = file.chunk(file.container.chunks - 1)
    rng = np.random.default_rng(1)
    for _ in range(25):
        broken = bytearray(payload)
        for place in rng.integers(0, len(broken), 3):
            broken[place] = rng.integers(256)
        try:
            pixels = codec.decode([bytes(broken)].__getitem__, coding, coding.grid.plane, lambda *_: None)
        except DamagedFileError:
            continue
        assert pixels.shape == (64, 64, 3)
    for length in range(0, len(payload), 7):
        with pytest.raises(DamagedFileError):
            list(codec.symbols([payload[:length]].__getitem__, coding, 0, lambda *_: None))


def test_there_are_seven_grids():
    assert len(grid_sizes(64, 96)) == GRIDS == 7
    assert grid_sizes(171, 256)[-1] == (3, 4)
