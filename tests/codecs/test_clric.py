"""The clric codec: exact coding of grids, what fitting gains, files of all kinds. Its autoencoder is a random one."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import napari_glc
from napari_glc import GlcFile
from napari_glc.codecs import registry
from napari_glc.codecs.base import PlaneCoding
from napari_glc.codecs.clric import fitting
from napari_glc.codecs.clric.codec import ClricCodec
from napari_glc.codecs.clric.entry import ENTRY
from napari_glc.codecs.clric.function import as_tensors, grid_bits, latent_of
from napari_glc.codecs.clric.grid_coder import _Order, read_grids, write_grids
from napari_glc.codecs.clric.layout import (
    CONTEXTS,
    GRIDS,
    grid_sizes,
    macs_per_position,
    parts,
    start_parameters,
    trade_off,
)
from napari_glc.codecs.clric.stated import FINEST, Stated, read_parameters
from napari_glc.codecs.loading import loaded_codec
from napari_glc.container import TileGrid
from napari_glc.errors import DamagedFileError, GlcError, SymbolMismatchError
from napari_glc.files.damaging import DAMAGES, damage
from napari_glc.models import find_model, write_model
from napari_glc.models.registry import FOLDER_VARIABLE
from napari_glc.networks.kl import KlAutoencoder
from napari_glc.networks.kl_config import KlConfig

DATA = Path(__file__).parents[1] / "data"
CONFIG = KlConfig(
    latent_channels=4,
    encoder_widths=(8, 16),
    encoder_depths=(1, 1),
    decoder_widths=(8, 16),
    decoder_depths=(1, 1),
    half_width=4,
)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory, motocross) -> Path:
    """A folder with a narrow autoencoder, its latent of zero mean and unit variance on a picture."""
    torch.manual_seed(3)
    net = KlAutoencoder(CONFIG).requires_grad_(False)
    picture = torch.from_numpy(motocross.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    mean, _ = net.moments(picture)
    net.latent_mean.copy_(mean.mean((0, 2, 3), keepdim=True))
    net.latent_deviation.copy_((mean - net.latent_mean).square().mean().sqrt())
    folder: Path = tmp_path_factory.mktemp("models")
    write_model(
        folder / "kl-small.safetensors",
        net.state_dict(),
        name="kl-small",
        codec="clric",
        config=CONFIG.to_json(),
        description="random weights",
    )
    return folder


@pytest.fixture(autouse=True)
def known(monkeypatch, model_folder):
    """Codec and model are known, as they will be once the model ships."""
    monkeypatch.setitem(registry._entries, ENTRY.name, ENTRY)
    monkeypatch.setenv(FOLDER_VARIABLE, str(model_folder))


@pytest.fixture
def codec() -> ClricCodec:
    found = loaded_codec(find_model("kl-small"), "cpu")
    assert isinstance(found, ClricCodec)
    return found


@pytest.fixture
def latent(codec, motocross) -> np.ndarray:
    """``(4, 19, 25)``: sides that no grid but the first one's halves."""
    plane = motocross[:152, 200:400]
    found = codec.walk.analyse(plane, codec.net.analyse, lambda *_: None)
    return np.ascontiguousarray(found[0].numpy())


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


def test_the_estimate_is_what_the_coder_writes(latent):
    fitted = fitting.fit(latent, 60, 30, lambda *_: None)
    parameters = as_tensors(fitted.stated.parameters(4, 60))
    grids = [torch.from_numpy(grid.astype(np.float32)) for grid in fitted.symbols]
    estimated = float(grid_bits(grids, parameters)) / 8
    assert abs(len(fitted.stream) - estimated) < 0.02 * estimated + 8


@pytest.mark.parametrize("channels", [4, 8])
@pytest.mark.parametrize(("height", "width"), [(512, 768), (1363, 2048)])
def test_decoding_a_latent_costs_what_the_published_system_costs(channels, height, width):
    macs = macs_per_position(channels, -(-height // 8), -(-width // 8)) / 64
    assert macs <= 26


# -- fitting ------------------------------------------------------------------------------------------------


def _loss(latent: np.ndarray, fitted: fitting.Fitted, quality: float) -> float:
    channels = len(latent)
    grids = [torch.from_numpy(grid.astype(np.float32)) for grid in fitted.symbols]
    made = latent_of(grids, as_tensors(fitted.stated.parameters(channels, quality))).numpy()
    size = len(fitted.stream) + len(fitted.stated.pack(channels))
    return float(np.square(made - latent).sum() + trade_off(quality) * 8 * size)


@pytest.mark.parametrize("quality", [50, 80])
def test_fitting_pays(latent, quality):
    losses = [_loss(latent, fitting.fit(latent, quality, n, lambda *_: None), quality) for n in (0, 40, 150)]
    assert losses[1] < losses[0]
    assert losses[2] < 1.02 * losses[1]


def test_the_same_bytes_in_two_threads(latent, two_threads):
    alone = fitting.fit(latent, 50, 12, lambda *_: None)
    with two_threads():
        both = fitting.fit(latent, 50, 12, lambda *_: None)
    assert (both.stream, both.stated.pack(4)) == (alone.stream, alone.stated.pack(4))


def test_fitting_can_be_cancelled(latent):
    class Enough(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise Enough

    with pytest.raises(Enough):
        fitting.fit(latent, 50, 100, stop)
    assert torch.is_grad_enabled()


# -- files --------------------------------------------------------------------------------------------------


def _file(picture: np.ndarray, **options: object) -> bytes:
    return napari_glc.encode(picture, codec="clric", **({"effort": 1} | options))


def test_bytes_rise_with_quality_and_error_falls(codec, motocross):
    picture = motocross[:128, :192]
    sizes, errors = [], []
    wanted = codec.walk.analyse(picture, codec.net.analyse, lambda *_: None)[0]
    for quality in (0, 40, 70, 100):
        coding = PlaneCoding(TileGrid(128, 192, 512), quality, ENTRY.options(effort=1))
        (payload,) = codec.encode(picture, coding, lambda *_: None).chunks
        sizes.append(len(payload))
        made = codec._tile_latent(payload, codec.area(coding.grid[0]), quality)
        errors.append(float((made - wanted).square().mean()))
    assert sizes == sorted(set(sizes))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.02


def test_a_region_is_that_part_of_the_whole_and_reads_its_tiles_only(codec, motocross):
    picture = motocross[:256, :192]
    data = _file(picture, tile=64, quality=40, effort=0)
    file = GlcFile(data)
    whole = file.read()
    np.testing.assert_array_equal(file.read((slice(90, 131), slice(7, 150))), whole[90:131, 7:150])
    file.verify()
    assert sum(file.streams().values()) == len(data)
    grid = TileGrid(256, 192, 64)
    asked: list[int] = []

    def read(chunk: int) -> bytes:
        asked.append(chunk)
        return file.chunk(chunk)

    codec.decode(read, PlaneCoding(grid, 40, ENTRY.options(effort=0)), grid[0], lambda *_: None)
    assert asked
    assert max(asked) < len(grid) - 1


@pytest.mark.parametrize("shape", [(1, 1), (7, 300, 3), (101, 65)])
def test_odd_sizes(motocross, shape):
    picture = motocross if len(shape) == 3 else motocross[..., 1]
    picture = picture[: shape[0], : shape[1]]
    assert napari_glc.decode(_file(picture)).shape == picture.shape


def test_sixteen_bits_and_stacks():
    worms = iio.imread(DATA / "worms_crop_uint16.tif")
    stack = worms[:, :64, :80]
    assert (stack.ndim, stack.dtype) == (3, np.uint16)
    data = _file(stack, axes="CYX")
    decoded = napari_glc.decode(data)
    assert (decoded.shape, decoded.dtype) == (stack.shape, stack.dtype)


def test_effort_is_no_part_of_the_file(motocross):
    picture = motocross[:64, :64]
    files = [_file(picture, effort=effort) for effort in (0, 1)]
    assert files[0][:11] == files[1][:11]
    assert "effort" not in GlcFile(files[1]).facts()
    with pytest.raises(GlcError, match="effort must lie within 0 to 9"):
        _file(picture, effort=10)


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_noticed(motocross, kind):
    data = _file(motocross[:128, :128], tile=64, effort=0)
    for seed in range(3):
        broken = damage(data, 0.2, kind, seed=seed)
        if broken == data:
            continue
        with pytest.raises(GlcError):
            napari_glc.decode(broken)


def test_a_payload_of_anything_is_an_error_or_pixels(codec, motocross):
    grid = TileGrid(64, 64, 512)
    coding = PlaneCoding(grid, 50, ENTRY.options(effort=1))
    (payload,) = codec.encode(motocross[:64, :64], coding, lambda *_: None).chunks
    rng = np.random.default_rng(1)
    for _ in range(40):
        broken = bytearray(payload)
        for place in rng.integers(0, len(broken), 3):
            broken[place] = rng.integers(256)
        try:
            pixels = codec.decode([bytes(broken)].__getitem__, coding, grid.plane, lambda *_: None)
        except DamagedFileError:
            continue
        assert pixels.shape == (64, 64, 3)
    for length in range(0, len(payload), 7):
        with pytest.raises(DamagedFileError):
            list(codec.symbols([payload[:length]].__getitem__, coding, 0, lambda *_: None))


def test_there_are_seven_grids():
    assert len(grid_sizes(64, 96)) == GRIDS == 7
    assert grid_sizes(171, 256)[-1] == (3, 4)
