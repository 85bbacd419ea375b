"""The perco codec with random weights: noise, windows, coding, painting, files. Both networks are narrow."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import napari_glc
from napari_glc import GlcFile
from napari_glc._base import onlooking
from napari_glc._base.interruption import interruptible
from napari_glc._napari.reader import read_layers
from napari_glc.cli import main
from napari_glc.codecs import registry
from napari_glc.codecs.base import PlaneCoding
from napari_glc.codecs.loading import loaded_codec
from napari_glc.codecs.perco.codec import PercoCodec
from napari_glc.codecs.perco.entry import ENTRY
from napari_glc.codecs.perco.index_coder import count_levels, level_bits, level_weights, read_levels, write_levels
from napari_glc.codecs.perco.noise import normal_noise
from napari_glc.codecs.perco.options import PercoDecoding, PercoOptions
from napari_glc.codecs.perco.sampling import noise_levels
from napari_glc.codecs.perco.windows import OVERLAP, SIDE, used, weights, windows
from napari_glc.container import Box, TileGrid
from napari_glc.errors import DamagedFileError, GlcError, OptionError, UnsupportedVersionError
from napari_glc.evaluation.coders import coders_named
from napari_glc.evaluation.running import evaluate
from napari_glc.files.damaging import DAMAGES, damage
from napari_glc.inspection.rate.curves import rate_curve
from napari_glc.inspection.rate.session import RateSession
from napari_glc.inspection.samples import spread
from napari_glc.interop.numcodecs_codec import GlcNumcodec
from napari_glc.models import find_model
from napari_glc.models.registry import FOLDER_VARIABLE
from napari_glc.networks.scalar_quantizer import ScalarQuantizer
from perco_models import write_perco_models


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory, motocross) -> Path:
    folder: Path = tmp_path_factory.mktemp("models")
    write_perco_models(folder, motocross)
    return folder


@pytest.fixture(autouse=True)
def known(monkeypatch, model_folder):
    """The narrow model is the default."""
    monkeypatch.setitem(registry._entries, ENTRY.name, replace(ENTRY, default_model="perco-narrow"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(model_folder))


@pytest.fixture
def codec() -> PercoCodec:
    found = loaded_codec(find_model("perco-narrow"), "cpu")
    assert isinstance(found, PercoCodec)
    return found


def _no(*_: int) -> None:
    pass


# -- parts ------------------------------------------------------------------------------------------------


def test_noise_depends_on_seed_and_position_alone():
    whole = normal_noise(7, 12, Box(0, 0, 40, 60))
    np.testing.assert_array_equal(normal_noise(7, 12, Box(9, 30, 21, 60)), whole[:, 9:21, 30:60])
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    assert not np.array_equal(normal_noise(8, 12, Box(0, 0, 40, 60)), whole)
    assert abs(whole.mean()) < 0.02
    assert abs(whole.std() - 1) < 0.02
    flat = whole.reshape(12, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(12)).max() < 0.1
    assert abs(np.corrcoef(whole[:, :, 1:].ravel(), whole[:, :, :-1].ravel())[0, 1]) < 0.02
    # the values themselves are part of the format: another machine has to paint the same picture
    np.testing.assert_allclose(normal_noise(1, 2, Box(3, 5, 4, 7)).ravel(), KNOWN_NOISE, rtol=1e-6)


KNOWN_NOISE = [-0.858058750629425, 0.6980060935020447, 0.6984569430351257, 1.458998680114746]


@pytest.mark.parametrize("length", [8, 120, 128, 136, 160, 168, 400, 1000])
def test_windows_cover_a_plane_and_their_weights_add_up(length):
    found = windows(64, length)
    total = np.zeros((64, length), np.float32)
    for window in found:
        assert window.width <= SIDE
        assert window.left % 8 == 0
        counted = weights(window, 64, length)
        total[window.slices] += counted
        part = used(window, 64, length).relative_to(window)
        outside = counted.copy()
        outside[part.slices] = 0
        assert not outside.any()
    np.testing.assert_allclose(total, 1, rtol=1e-6)
    assert len(found) == max(1, -(-(length - OVERLAP) // (SIDE - OVERLAP)))


def test_rounding_gives_the_values_that_levels_stand_for():
    quantizer = ScalarQuantizer((8, 5, 2))
    x = torch.randn(2, 3, 9, 11, generator=torch.Generator().manual_seed(1)).mul_(2).requires_grad_(True)
    values = quantizer(x)
    torch.testing.assert_close(values, quantizer.lookup(quantizer.numbers(x).long()))
    assert sorted(set(values[:, 2].flatten().tolist())) == [-1, 1]
    assert len(values[:, 0].unique()) == 8
    assert len(values[:, 1].unique()) == 5
    values.sum().backward()
    assert x.grad is not None
    assert (x.grad > 0).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 12), (3, 17), (9, 1)])
def test_levels_come_back_exactly(height, width):
    counts = (8, 5, 3)
    rng = np.random.default_rng(2)
    tables = rng.integers(0, 1024, (3, 9, 9, 8)).astype(np.float64)
    tables[..., 0] += 1
    levels = np.stack([rng.integers(0, count, (height, width)) for count in counts])
    data = write_levels(levels, tables, counts, lambda: None)
    np.testing.assert_array_equal(read_levels(data, tables, counts, height, width, lambda: None), levels)
    assert abs(level_bits(levels, tables, counts).sum() / 8 - len(data)) < 5


def test_what_was_counted_codes_better_than_equal_weights():
    counts = (8, 5)
    rng = np.random.default_rng(3)
    smooth = [
        np.clip(np.cumsum(np.cumsum(rng.normal(0, 0.3, (20, 30)), 0), 1) / 8 + 3, 0, count - 1).astype(np.int64)
        for count in counts
    ]
    levels = np.stack(smooth)
    counted = np.zeros((2, 9, 9, 8), np.int64)
    count_levels(levels, counted)
    assert counted.sum() == levels.size
    tables = level_weights(counted, counts).astype(np.float64)
    assert tables.max() <= 1024
    assert (tables == tables.astype(np.float16)).all()
    even = np.ones_like(tables)
    assert level_bits(levels, tables, counts).sum() < 0.6 * level_bits(levels, even, counts).sum()
    assert level_bits(levels, even, counts).sum() == pytest.approx(600 * np.log2(40), rel=0.02)


def test_a_short_stream_cannot_claim_a_huge_map():
    with pytest.raises(DamagedFileError, match="too short"):
        read_levels(b"\x01" * 20, np.ones((2, 9, 9, 8)), (8, 5), 10_000, 10_000, lambda: None)


def test_noise_falls_to_nothing():
    levels = noise_levels(5)
    assert len(levels) == 6
    assert levels[-1] == 0
    assert all(a > b for a, b in zip(levels, levels[1:], strict=False))


def test_the_seed_is_in_the_file():
    for seed in (0, 1, 255, 256, 1 << 31, (1 << 32) - 1):
        assert PercoOptions.unpack(PercoOptions(noise_seed=seed).pack(), 1).noise_seed == seed
    assert PercoOptions().pack() == b""
    for later in (b"\0", b"\1\0", b"12345"):
        with pytest.raises(UnsupportedVersionError):
            PercoOptions.unpack(later, 1)


# -- painting ---------------------------------------------------------------------------------------------


def test_a_perfect_denoiser_finds_the_latent_in_any_number_of_steps(codec):
    """Rotations by the true velocity end where the noise came from, so the schedule adds nothing of its own."""
    from napari_glc.codecs.perco.sampling import painted

    wanted = torch.randn(1, 4, 8, 8)
    conditions = codec.net.hyper_decoder(torch.zeros(1, 2, 1, 1), 0)
    deviation = codec.net.residual_deviation[0]
    residual = (wanted - conditions.mean) / deviation
    noise = torch.randn(1, 4, 8, 8)

    class Perfect(torch.nn.Module):
        hints = codec.net.denoiser.hints

        def forward(self, noisy, mean, hints, t, rates):
            sine, cosine = t[0].sin(), t[0].cos()
            return (cosine * noisy - residual) / sine

    told = type("Net", (), {"denoiser": Perfect(), "residual_deviation": codec.net.residual_deviation})()
    for steps in (1, 7):
        got = painted(told, conditions, torch.zeros(1, 8, 2, 2), noise, rate=0, steps=steps, guidance=1.0, progress=_no)
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)


def test_guidance_of_one_asks_only_what_is_known_and_more_goes_beyond(codec, motocross):
    plane = motocross[:128, :192]
    coding = PlaneCoding(TileGrid(128, 192, 0), 0, PercoOptions())
    chunks = codec.encode(plane, coding, _no).chunks
    asked = []
    handle = codec.net.denoiser.register_forward_pre_hook(lambda _, inputs: asked.append(len(inputs[0])))
    found = {
        guidance: codec.decode(
            chunks.__getitem__, coding, coding.grid.plane, _no, decoding=PercoDecoding(guidance=guidance)
        ).astype(int)
        for guidance in (0.0, 1.0, 2.0, 4.0)
    }
    handle.remove()
    assert asked == [2] * 3 + [1] * 3 + [2] * 6
    np.testing.assert_array_equal(found[0], found[2])
    assert np.abs(found[4] - found[1]).mean() > np.abs(found[2] - found[1]).mean() > 0.5


def test_same_bytes_same_picture_other_seed_other_picture(motocross):
    picture = motocross[:100, :150]
    data = napari_glc.encode(picture, codec="perco", quality=0)
    once = napari_glc.decode(data)
    assert once.shape == picture.shape
    np.testing.assert_array_equal(once, napari_glc.decode(data))
    file = GlcFile(data)
    other = file.read(sample=1)
    assert np.abs(other.astype(int) - once).mean() > 1
    seeded = napari_glc.encode(picture, codec="perco", quality=0, noise_seed=1)
    assert len(seeded) == len(data) + 1
    np.testing.assert_array_equal(napari_glc.decode(seeded), other)
    assert np.abs(file.read(preview=True).astype(int) - once).mean() > 1
    np.testing.assert_array_equal(file.read(preview=True), GlcFile(seeded).read(preview=True))
    few = napari_glc.decode(data, steps=1)
    assert np.abs(few.astype(int) - once).mean() > 0.1


def test_more_quality_more_bytes(motocross, codec):
    picture = motocross[:192, :256]
    sizes = [len(napari_glc.encode(picture, codec="perco", quality=quality)) for quality in codec.qualities()]
    assert sizes == sorted(set(sizes))
    assert codec.qualities() == [0, 50, 100]


def test_a_region_equals_that_part_of_the_whole(codec, motocross):
    plane = np.tile(motocross[:512, :768], (2, 2, 1))[:, :1416]
    grid = TileGrid(1024, 1416, 256)
    coding = PlaneCoding(grid, 50, PercoOptions(noise_seed=5))
    chunks = codec.encode(plane, coding, _no).chunks
    whole = codec.decode(chunks.__getitem__, coding, grid.plane, _no)
    read = []
    for box in (Box(300, 700, 420, 1000), Box(0, 0, 70, 50), Box(960, 1390, 1024, 1416)):
        part = codec.decode(lambda i: read.append(i) or chunks[i], coding, box, _no)
        np.testing.assert_array_equal(part, whole[box.slices])
    cache: dict[object, object] = {}
    first = codec.decode(chunks.__getitem__, coding, Box(0, 0, 70, 50), _no, cache=cache)
    begun = time.perf_counter()
    second = codec.decode(None, coding, Box(0, 0, 70, 50), _no, cache=cache)  # type: ignore[arg-type]
    assert time.perf_counter() - begun < 2
    np.testing.assert_array_equal(first, second)


def test_some_tiles_are_coded_as_all_are(codec, motocross):
    plane = motocross[:400, :700]
    grid = TileGrid(400, 700, 128)
    coding = PlaneCoding(grid, 100, PercoOptions())
    chunks = codec.encode(plane, coding, _no).chunks
    _boxes, tiles = grid.groups(256)[1]
    assert list(codec.encode(plane, coding, _no, tiles).chunks) == [chunks[tile] for tile in tiles]
    analysed = codec.analyse(plane, grid, _no)
    for quality in codec.qualities():
        other = replace(coding, quality=quality)
        assert codec.encode(plane, other, _no, None, analysed).chunks == codec.encode(plane, other, _no).chunks
    assert analysed.nbytes < plane.nbytes
    with pytest.raises(OptionError, match="multiples of 64"):
        codec.encode(plane, replace(coding, grid=TileGrid(400, 700, 100)), _no)


def test_no_seam_where_windows_meet(codec):
    """A plane of one colour: between windows the picture varies as it does within them."""
    plane = np.full((64, 2048, 3), 90, np.uint8)
    grid = TileGrid(64, 2048, 0)
    coding = PlaneCoding(grid, 0, PercoOptions())
    chunks = codec.encode(plane, coding, _no).chunks
    row = codec.decode(chunks.__getitem__, coding, grid.plane, _no).astype(float).mean((0, 2))
    steps = np.abs(np.diff(row.reshape(-1, 8).mean(1)))
    overlap = slice(768 // 8, 1024 // 8)
    assert steps[overlap].max() <= 1.5 * np.delete(steps, np.r_[overlap]).max()


def test_a_step_of_exploring_is_what_coding_gives(codec, motocross):
    plane = motocross[:130, :200]
    grid = TileGrid(130, 200, 64)
    coding = PlaneCoding(grid, 100, PercoOptions())
    analysed = codec.analyse(plane, grid, _no)
    step = codec.step(plane, coding, analysed, _no)
    assert step.encoded.chunks == codec.encode(plane, coding, _no).chunks
    np.testing.assert_array_equal(step.pixels, codec.decode(step.encoded.chunks.__getitem__, coding, grid.plane, _no))
    bits = step.bits()
    assert bits.shape == (24, 32)
    assert bits.sum() / 8 == pytest.approx(sum(map(len, step.encoded.chunks)), abs=4 * len(grid))


# -- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 65), (130, 64), (200, 300)])
def test_any_size_and_stacks(height, width, motocross):
    stack = np.stack([motocross[:height, :width], motocross[50 : 50 + height, 60 : 60 + width]])[..., 0]
    data = napari_glc.encode(stack, codec="perco", axes="TYX", quality=50, tile=128)
    file = GlcFile(data)
    file.verify()
    assert file.read().shape == stack.shape
    assert sum(file.streams().values()) == len(data)


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_noticed(motocross, kind):
    data = napari_glc.encode(motocross[:130, :200], codec="perco", quality=50, tile=64)
    for seed in range(3):
        broken = damage(data, 0.2, kind, seed=seed)
        assert broken != data
        with pytest.raises(GlcError):
            GlcFile(broken).read()


def test_bytes_of_any_kind_decode_or_are_refused(codec, motocross):
    grid = TileGrid(64, 64, 512)
    coding = PlaneCoding(grid, 100, PercoOptions())
    (payload,) = codec.encode(motocross[:64, :64], coding, _no).chunks
    rng = np.random.default_rng(1)
    for _ in range(40):
        broken = bytearray(payload)
        for place in rng.integers(0, len(broken), 3):
            broken[place] = rng.integers(256)
        try:
            pixels = codec.decode([bytes(broken)].__getitem__, coding, grid.plane, _no)
        except DamagedFileError:
            continue
        assert pixels.shape == (64, 64, 3)
    with pytest.raises(DamagedFileError, match="shorter than its description"):
        list(codec.symbols([payload[:1]].__getitem__, coding, 0, _no))


def test_cancel_stops_within_a_layer(codec, motocross):
    grid = TileGrid(512, 768, 0)
    coding = PlaneCoding(grid, 0, PercoOptions())
    chunks = codec.encode(motocross[:512, :768], coding, _no).chunks

    class Stopped(Exception):
        pass

    seen = []

    def stop() -> None:
        seen.append(time.perf_counter())
        if len(seen) > 40:
            raise Stopped

    with pytest.raises(Stopped), interruptible(stop):
        codec.decode(chunks.__getitem__, coding, grid.plane, _no, decoding=PercoDecoding(steps=100))
    assert time.perf_counter() - seen[-1] < 0.5
    assert np.diff(seen).max() < 0.5


def test_progress_rises_to_its_end(codec, motocross):
    grid = TileGrid(128, 1100, 256)
    coding = PlaneCoding(grid, 50, PercoOptions())
    plane = np.tile(motocross[:128, :600], (1, 2, 1))[:, :1100]
    for work in ("encode", "decode"):
        told: list[tuple[int, int]] = []

        def report(done: int, total: int, told: list[tuple[int, int]] = told) -> None:
            told.append((done, total))

        if work == "encode":
            chunks = codec.encode(plane, coding, report).chunks
        else:
            codec.decode(chunks.__getitem__, coding, grid.plane, report)
        assert told == sorted(told)
        assert len({total for _, total in told}) == 1
        assert told[-1][0] == told[-1][1]


# -- samples ----------------------------------------------------------------------------------------------


def test_samples_are_pictures_of_their_own(motocross, tmp_path, capsys):
    picture = motocross[:80, :120]
    path = tmp_path / "a.glc"
    napari_glc.imwrite(path, picture, codec="perco", quality=0)
    file = napari_glc.open(path)
    pictures = file.samples(3)
    assert pictures.shape == (3, 80, 120, 3)
    for number in range(3):
        np.testing.assert_array_equal(pictures[number], file.read(sample=number))
    np.testing.assert_array_equal(napari_glc.decode(path.read_bytes(), samples=2), pictures[:2])
    found = spread(pictures, rgb=True)
    np.testing.assert_allclose(found.mean, pictures.astype(float).mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.deviation, np.sqrt(pictures.astype(float).var(0).mean(-1)), rtol=1e-4)
    assert main(["decode", str(path), str(tmp_path / "b.png"), "--samples", "3"]) == 0
    for number in range(3):
        np.testing.assert_array_equal(iio.imread(tmp_path / f"b-{number}.png"), pictures[number])
    np.testing.assert_array_equal(iio.imread(tmp_path / "b-deviation.png"), np.round(found.deviation))
    assert iio.imread(tmp_path / "b-mean.png").shape == (80, 120, 3)
    with pytest.raises(OptionError, match="at least 1"):
        file.samples(0)
    with pytest.raises(OptionError, match="one preview"):
        napari_glc.decode(path.read_bytes(), samples=2, preview=True)
    assert main(["decode", str(path), str(tmp_path / "b.png"), "--samples", "2", "--preview"]) == 2
    glc = napari_glc.encode(picture, quality=0)
    with pytest.raises(OptionError, match="have no other samples"):
        napari_glc.decode(glc, samples=2)


def test_layers_say_that_they_are_painted(motocross, tmp_path):
    path = tmp_path / "bike.glc"
    napari_glc.imwrite(path, motocross[:64, :64], codec="perco", quality=0)
    ((_, options, _),) = read_layers(str(path))
    assert options["name"] == "bike (invented)"
    assert "all detail is invented" in options["metadata"]["glc"]["warning"]
    napari_glc.imwrite(path, motocross[:64, :64], quality=0)
    ((_, options, _),) = read_layers(str(path))
    assert options["name"] == "bike"
    assert "not for measurements" in options["metadata"]["glc"]["warning"]


def test_states_of_the_picture_are_shown_while_it_is_painted(motocross, monkeypatch):
    monkeypatch.setattr(onlooking, "_SECONDS", 0.0)
    data = napari_glc.encode(motocross[:80, :120, 0], codec="perco", quality=0)
    seen: list[np.ndarray] = []
    final = GlcFile(data).read(shown=seen.append)
    assert len(seen) == 3
    assert {each.shape for each in seen} == {final.shape}
    distances = [np.abs(each.astype(float) - final).mean() for each in seen]
    assert distances[-1] < distances[0]
    np.testing.assert_array_equal(final, GlcFile(data).read())
    assert len(seen) == 3


def test_pictures_agree_on_any_number_of_threads(motocross, two_threads, without_onednn):
    data = napari_glc.encode(motocross[:160, :200], codec="perco", quality=50)
    alone = napari_glc.decode(data).astype(int)
    for elsewhere in (two_threads, without_onednn):
        with elsewhere():
            assert np.abs(napari_glc.decode(data) - alone).max() <= 2
            assert napari_glc.encode(motocross[:160, :200], codec="perco", quality=50) == data


# -- everywhere -------------------------------------------------------------------------------------------


def test_it_is_explored_evaluated_and_has_a_curve(motocross, tmp_path):
    picture = motocross[:192, :192]
    iio.imwrite(tmp_path / "a.png", picture)
    rows = evaluate(tmp_path, coders_named(["perco"]), qualities=[0, 100]).results
    assert [row.quality for row in rows] == [0, 100]
    assert rows[0].size < rows[1].size
    session = RateSession(picture, codec="perco")
    points = list(rate_curve(session, session.qualities))
    assert [point.quality for point in points] == [0, 50, 100]
    step = session.at(50)
    assert step.data == napari_glc.encode(picture, codec="perco", quality=50)
    np.testing.assert_array_equal(step.pixels, napari_glc.decode(step.data))


def test_it_is_an_array_codec(motocross):
    codec = GlcNumcodec(codec="perco", quality=50, noise_seed=3)
    chunk = np.ascontiguousarray(motocross[:64, :96, 0])
    assert codec.get_config()["noise_seed"] == 3
    found = np.frombuffer(codec.decode(codec.encode(chunk)), np.uint8).reshape(chunk.shape)
    np.testing.assert_array_equal(
        found, napari_glc.decode(napari_glc.encode(chunk, codec="perco", quality=50, noise_seed=3))
    )


def test_a_model_without_words_takes_no_caption():
    with pytest.raises(OptionError, match="understands no words"):
        napari_glc.encode(np.zeros((64, 64, 3), np.uint8), codec="perco", caption="a boat")
