"""Everything works with imported models: files, regions, recovery, what the widgets show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

import fakes
import napari_glc
import plain
from napari_glc import Limits, set_limits
from napari_glc.cli import main
from napari_glc.codecs.base import PlaneCoding
from napari_glc.codecs.glc.codec import GlcCodec
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.codecs.loading import loaded_codec, release_models
from napari_glc.codecs.vqgan.codec import VqganCodec
from napari_glc.container import Box, TileGrid
from napari_glc.entropy.gaussian import symbol_bits
from napari_glc.errors import GlcError, LimitError, MissingModelError, ModelError, OptionError
from napari_glc.inspection.index_map.codewords import codeword_patches
from napari_glc.inspection.index_map.maps import picture_map, position_bits
from napari_glc.inspection.latent.attention import encoder_attention, encoder_attention_input, patch_attention
from napari_glc.inspection.latent.attention_kinds import attention_kind
from napari_glc.inspection.latent.latents import coded_latent, indexed_latent
from napari_glc.inspection.rate.session import RateSession
from napari_glc.models import ModelFile, find_model, remove_model
from napari_glc.networks.config import OFFICIAL_FACE, GlcConfig
from napari_glc.networks.fixed_products import using
from napari_glc.networks.glc import GlcNetwork
from napari_glc.networks.narrow_floats import bfloat16_is_fast


@pytest.fixture(scope="module", autouse=True)
def _give_memory_back() -> Iterator[None]:
    yield
    release_models()


@pytest.fixture
def narrow(tmp_path) -> Callable[[str], ModelFile]:
    """Imports a small network of a kind, once."""

    def imported(kind: str) -> ModelFile:
        try:
            return find_model(f"narrow-{kind}")
        except MissingModelError:
            state = {"glc": fakes.narrow_glc, "vqgan": fakes.narrow_vqgan, "codeformer": fakes.narrow_codeformer}
            if kind == "gpt":
                imported("vqgan")
                torch.save(fakes.narrow_transformer(), tmp_path / "gpt.pth")
                return import_checkpoint(tmp_path / "gpt.pth", "narrow-gpt", attach_to="narrow-vqgan", heads=4)
            torch.save(state[kind](), tmp_path / "a.pth")
            return import_checkpoint(tmp_path / "a.pth", f"narrow-{kind}")

    return imported


@pytest.fixture
def crop(parrots) -> np.ndarray:
    """127 x 190 pixels: no multiple of anything."""
    return np.ascontiguousarray(parrots[200:327, 300:490])


@pytest.mark.parametrize(
    ("official", "codec"),
    [("glc_image", "glc"), ("vqgan_f16_1024", "vqgan"), ("vqgan_f16_16384", "vqgan"), ("codeformer_f32_1024", "vqgan")],
    indirect=["official"],
)
def test_kodak_through_the_command_with_every_official_network(official, codec, crop, tmp_path, capsys):
    model = official
    iio.imwrite(tmp_path / "in.png", crop)
    file, out = tmp_path / "a.glc", tmp_path / "out.png"
    words = ["encode", str(tmp_path / "in.png"), str(file), "--codec", codec, "--model", model.name]
    assert main([*words, "--quality", "33.5"]) == 0
    assert main(["verify", str(file)]) == 0
    assert main(["decode", str(file), str(out)]) == 0
    decoded = iio.imread(out)
    assert decoded.shape == crop.shape
    assert decoded.std() > 5
    capsys.readouterr()
    assert main(["info", str(file)]) == 0
    assert f"model {model.name} ({model.sha256[:6]})" in capsys.readouterr().out
    if codec == "vqgan":
        # what was coded are the official indices, so the picture is the official picture of them
        loaded = loaded_codec(model, "cpu")
        indices = loaded.index_map(crop, 33.5, lambda done, total: None)
        with torch.inference_mode():
            book = loaded.net.codebook(0)
            whole = loaded.net.generate(book.lookup(torch.from_numpy(indices)[None]), 0)
        pixels = whole[0].permute(1, 2, 0).add(1).mul(127.5).round().clamp(0, 255).numpy()[:127, :190]
        assert np.abs(pixels - decoded).max() <= 1


def test_files_of_glc_hold_what_the_network_says(narrow, motocross, two_threads, jitter):
    """Any size, ragged windows, several tiles; the same symbols with other threads and under noise."""
    model = narrow("glc")
    picture = np.pad(motocross[:, :575], ((0, 90), (0, 0), (0, 0)), mode="reflect")
    data = napari_glc.encode(picture, model=model.name, quality=50, tile=320, device="cpu")
    codec = loaded_codec(model, "cpu")
    assert isinstance(codec, GlcCodec)
    grid = TileGrid(*picture.shape[:2], 320)
    assert len(grid) == 4
    y = codec.coefficients(picture, 50, lambda done, total: None)
    # the plane was analysed as a whole, padded as the official code pads it
    padded = np.pad(picture, ((0, 38), (0, 1), (0, 0)), mode="edge")
    x = torch.from_numpy(padded.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    state = fakes.narrow_glc()
    latent = plain.block_list(state, "vqgan.encoder", x, sampling="down", window=32, last=22)
    latent = plain.conv(state, "vqgan.encoder.quant_conv", latent)
    rate = (state["q_enc"][1] + state["q_enc"][2]) / 2
    wanted = plain.latent_transform(state, "enc.enc", latent, rate)
    assert (y - wanted).abs().max() <= 1e-4 * wanted.abs().max()
    coded = codec.write_tiles(y, PlaneCoding(grid, 50), lambda done, total: None)
    assert sum(int((symbols != 0).sum()) for _, tile in coded for symbols, _ in tile.parts) > 1000

    payload, told = coded[3]
    area = codec.area(grid[3])
    with using("float64"), two_threads(), jitter(codec.coder.prior.twin, 1e-10):
        read = codec.coder.read(payload, area.height, area.width, 100)
    for (a, b), (c, d) in zip(read.parts, told.parts, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)

    file = napari_glc.GlcFile(data, device="cpu")
    decoded = file.read()
    assert decoded.shape == picture.shape
    # a region is the whole plane's, to the last bit
    np.testing.assert_array_equal(file.read((slice(300, 350), slice(290, 340))), decoded[300:350, 290:340])
    assert file.read(preview=True).shape == picture.shape
    assert file.dask().chunks == ((602,), (575,), (3,))


def test_rate_rises_with_quality(narrow, crop):
    """Rate points lie between; quality is continuous."""
    model = narrow("glc").name
    distinct = {napari_glc.encode(crop, model=model, quality=q, device="cpu") for q in (0, 33, 33.5, 34, 100)}
    assert len(distinct) == 5


@pytest.mark.parametrize("kind", ["glc", "vqgan", "codeformer"])
def test_half_the_digits_on_request(narrow, crop, kind):
    model = narrow(kind)
    asked = {"model": model.name, "codec": model.codec, "device": "cpu"}
    data = napari_glc.encode(crop, **asked)
    exact, quick = (napari_glc.decode(data, device="cpu", fast=fast).astype(int) for fast in (False, True))
    # another arithmetic, where the processor has it; the same picture
    assert bool((exact != quick).any()) == bfloat16_is_fast()
    assert np.abs(exact - quick).mean() < exact.std() / 10
    hasty = napari_glc.encode(crop, **asked, fast=True)
    assert napari_glc.encode(crop, **asked, fast=True) == hasty
    assert 0.9 < len(hasty) / len(data) < 1.1
    shown = RateSession(crop, **asked, fast=True).at(50)
    assert shown.data == napari_glc.encode(crop, **asked, fast=True, quality=50)


def test_a_file_asks_for_the_model_that_made_it(narrow, crop, tmp_path):
    model = narrow("vqgan")
    data = napari_glc.encode(crop, codec="vqgan", model=model.name, device="cpu")
    with pytest.raises(OptionError, match="belongs to codec 'vqgan'"):
        napari_glc.encode(crop, codec="glc", model=model.name)
    state = fakes.narrow_vqgan()
    state["quant_conv.bias"] = state["quant_conv.bias"] + 1e-6
    torch.save(state, tmp_path / "other.pth")
    other = import_checkpoint(tmp_path / "other.pth", "narrow-other")
    assert other.config == model.config
    kept = model.path.read_bytes()
    remove_model(model)
    with pytest.raises(MissingModelError, match=rf"'{model.sha256[:6]}' is not installed.*narrow-other"):
        napari_glc.decode(data)
    model.path.write_bytes(kept)
    assert napari_glc.decode(data).shape == crop.shape


@pytest.mark.parametrize("coder", ["fixed", "zip", "adaptive", "auto"])
@pytest.mark.parametrize("kind", ["vqgan", "codeformer"])
def test_index_coders_of_a_single_codebook(narrow, crop, kind, coder):
    model = narrow(kind)
    data = napari_glc.encode(crop, codec="vqgan", model=model.name, index_coder=coder, packets=3, device="cpu")
    codec = loaded_codec(model, "cpu")
    assert isinstance(codec, VqganCodec)
    file = napari_glc.GlcFile(data, device="cpu")
    found = codec.read_map(
        file.chunk,
        file.coding(),
        file.container.grid.plane,
        lambda *_: None,
        strict=True,
    )
    np.testing.assert_array_equal(found.indices, codec.index_map(crop, 50, lambda *_: None))
    with pytest.raises(ModelError, match="no transformer that can code"):
        napari_glc.encode(crop, codec="vqgan", model=model.name, index_coder="transformer")


def test_a_second_stage_fills_lost_indices(narrow, crop, tmp_path, capsys):
    model = narrow("gpt")
    file, bad, out = (tmp_path / name for name in ("a.glc", "bad.glc", "out.png"))
    napari_glc.imwrite(file, crop, codec="vqgan", model=model.name, packets=4, device="cpu")
    assert main(["damage", str(file), str(bad), "--seed", "2"]) == 0
    assert main(["decode", str(bad), str(out), "--recover", "transformer"]) == 0
    assert "filled by transformer" in capsys.readouterr().err
    opened = napari_glc.open(bad, device="cpu")
    recovered = opened.recover("transformer")
    np.testing.assert_array_equal(iio.imread(out), recovered.pixels)
    with pytest.raises(ModelError, match="one direction"):
        opened.recover("both-sides")
    # the prediction of the last lost index is minGPT's, given what precedes it in its window
    codec = loaded_codec(model, "cpu")
    found = codec.read_map(opened.chunk, opened.coding(), Box(0, 0, *crop.shape[:2]), lambda *_: None, strict=False)
    from napari_glc.codecs.vqgan.filling import fill_map

    filled = fill_map(codec, found, 50, "transformer").indices
    row, column = np.argwhere(found.lost)[-1]
    with torch.inference_mode():
        before = torch.from_numpy(filled.ravel()[: row * filled.shape[1] + column])[None]
        assert int(codec.transformer(before)[0, -1].argmax()) == filled[row, column]


def test_damaged_files_of_models_without_a_transformer_open_in_napari(narrow, crop, tmp_path):
    from napari_glc._napari.reader import get_reader

    file, bad = tmp_path / "a.glc", tmp_path / "bad.glc"
    napari_glc.imwrite(file, crop, codec="vqgan", model=narrow("vqgan").name, packets=4, device="cpu")
    assert main(["damage", str(file), str(bad)]) == 0
    with pytest.warns(UserWarning, match="1 of 4 packets are lost"):
        layers = get_reader(str(bad))(str(bad))
    assert [kind for _, _, kind in layers] == ["image", "labels"]
    assert napari_glc.open(bad, device="cpu").recover().method == "nearest"
    with pytest.raises(ModelError, match="recover with 'nearest'"):
        napari_glc.open(bad, device="cpu").recover("transformer")


def test_the_face_variant_of_glc(crop, tmp_path):
    """Hyper-latents of 128 pixels, so tiles are multiples of that."""
    inner = OFFICIAL_FACE.autoencoder.replaced(
        latent_channels=32, codewords=64, channels=32, multipliers=(1, 2, 2, 3, 3, 4)
    )
    config = OFFICIAL_FACE.replaced(hyper_codewords=64, autoencoder=inner)
    torch.manual_seed(4)
    torch.save({"net_g": GlcNetwork(config).state_dict()}, tmp_path / "face.pth")
    model = import_checkpoint(tmp_path / "face.pth")
    assert model.name == "glc-f32"
    assert model.network_config(GlcConfig) == config
    picture = np.pad(crop, ((0, 140), (0, 100), (0, 0)), mode="reflect")
    data = napari_glc.encode(picture, model="glc-f32", tile=128, device="cpu")
    assert napari_glc.decode(data).shape == picture.shape
    with pytest.raises(OptionError, match="multiples of 128, not 64"):
        napari_glc.encode(picture, model="glc-f32", tile=64, device="cpu")


def test_planes_too_large_to_be_seen_at_once_are_refused(narrow, crop):
    data = napari_glc.encode(crop, model=narrow("glc").name, device="cpu")
    before = set_limits(Limits(whole_plane=128 * 128))
    try:
        for act in (lambda: napari_glc.encode(crop, model="narrow-glc"), lambda: napari_glc.decode(data)):
            with pytest.raises(LimitError, match=r"at most 128 x 128 pixels.*whole_plane=NUMBER"):
                act()
        assert napari_glc.encode(crop[:100, :100], model="narrow-glc", device="cpu")
        assert napari_glc.encode(crop, device="cpu")
    finally:
        set_limits(before)


def test_latent_and_attention_of_an_imported_glc(narrow, motocross):
    codec = loaded_codec(narrow("glc"), "cpu")
    assert isinstance(codec, GlcCodec)
    picture = np.ascontiguousarray(motocross[:, :576])
    picture = np.pad(picture, ((0, 64), (0, 0), (0, 0)), mode="reflect")
    found = coded_latent(codec, picture[:128, :128], 50)
    assert found.latent.shape == (32, 8, 8)
    assert found.hyper_indices.shape == (2, 2)
    spent = symbol_bits(found.symbols, found.levels).sum() / 8
    assert spent == pytest.approx(found.payload_bytes[0] - 1 - 4 * 6 / 8, rel=0.03)

    kind = attention_kind(narrow("glc"))
    assert (kind.where, len(kind.layers)) == ("encoder", 3)
    module = encoder_attention(codec)[0]
    entering = encoder_attention_input(codec, picture, module, 35, 33)
    seen = patch_attention(module, entering, 35, 33)
    # the ragged window in the corner
    assert seen.area == Box(32, 32, 36, 36)
    assert seen.weights.sum() == pytest.approx(1, abs=1e-4)


def test_index_map_and_codewords_of_an_imported_vqgan(narrow, crop):
    codec = loaded_codec(narrow("vqgan"), "cpu")
    assert isinstance(codec, VqganCodec)
    found = picture_map(codec, crop, 0, lambda *_: None)
    assert (found.size, found.indices.shape) == (64, (8, 12))
    bits = position_bits(codec, found, lambda *_: None)
    assert bits.coder == "adaptive"
    data = napari_glc.encode(crop, codec="vqgan", model="narrow-vqgan", index_coder="adaptive", device="cpu")
    # the range coder works in words of four bytes
    assert bits.total / 8 == pytest.approx(sum(map(len, _payloads(data))), abs=4)
    latent = indexed_latent(codec, crop, 50)
    np.testing.assert_array_equal(latent.indices, found.indices)
    patches = codeword_patches(codec, 0, [0, 5, 63], lambda *_: None)
    assert patches.shape == (3, 16, 16, 3)
    assert attention_kind(narrow("vqgan")).where == "encoder"
    seen = patch_attention(
        encoder_attention(codec)[1], encoder_attention_input(codec, crop, encoder_attention(codec)[1], 3, 3), 3, 3
    )
    assert seen.area == Box(0, 0, 8, 12)


def _payloads(data: bytes) -> list[bytes]:
    file = napari_glc.GlcFile(data)
    return [file.chunk(i) for i in range(file.container.chunks)]


def test_an_imported_model_can_be_given_by_path(narrow, crop, tmp_path: Path):
    """And a hostile configuration of the published architecture is refused before anything is built."""
    model = narrow("codeformer")
    data = napari_glc.encode(crop, codec="vqgan", model=model.path, device="cpu")
    assert napari_glc.GlcFile(data).model_tag == model.sha256[:6]
    broken = tmp_path / "b.safetensors"
    broken.write_bytes(model.path.read_bytes().replace(b'multipliers\\":[1,', b'multipliers\\":[9,'))
    with pytest.raises(GlcError, match=r"b\.safetensors"):
        napari_glc.encode(crop, codec="vqgan", model=broken)
