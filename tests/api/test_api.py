"""The five verbs, files, models and errors."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_glc
from napari_glc.codecs.loading import loaded_codec
from napari_glc.codecs.registry import model_of
from napari_glc.errors import (
    DamagedFileError,
    EmptyFileError,
    LimitError,
    MissingModelError,
    ModelError,
    NotAGlcFileError,
    OptionError,
    TruncatedFileError,
    UnsupportedArrayError,
)
from napari_glc.models import find_model, installed_models, read_model


def test_importing_pulls_in_nothing_heavy():
    code = (
        "import sys, napari_glc, napari_glc.api, napari_glc._napari.reader, napari_glc._napari.writer;"
        "import napari_glc._napari.samples;"
        "print([m for m in ('torch', 'numpy', 'skimage', 'napari', 'qtpy', 'PyQt6', 'imageio') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_write_and_read_a_file(tmp_path, parrots, encoded_parrots):
    path = tmp_path / "parrots ü.glc"
    assert napari_glc.imwrite(path, parrots) == path.stat().st_size == len(encoded_parrots)
    np.testing.assert_array_equal(napari_glc.imread(path), napari_glc.decode(encoded_parrots))


def test_an_opened_file_describes_itself(tmp_path, embryo):
    path = tmp_path / "embryo.glc"
    napari_glc.imwrite(path, embryo, quality=33.3, metadata={"scale": [0.65, 0.65]})
    file = napari_glc.open(path)
    assert file.shape == embryo.shape == (264, 542)
    assert (file.axes, file.dtype, file.codec) == ("YX", np.uint8, "glc")
    assert file.quality == 33.5
    assert file.metadata == {"scale": [0.65, 0.65]}
    assert file.bpp == 8 * path.stat().st_size / embryo.size
    assert file.model.name == "glc-small"
    assert "33.5" in repr(file)


def test_an_opened_file_holds_no_handle(tmp_path, parrots):
    path = tmp_path / "a.glc"
    napari_glc.imwrite(path, parrots[:64, :64])
    file = napari_glc.open(path)
    path.rename(tmp_path / "b.glc")
    (tmp_path / "b.glc").rename(path)
    assert file.read().shape == (64, 64, 3)


@pytest.mark.parametrize(
    "options",
    [
        {"quality": -1},
        {"quality": 100.5},
        {"quality": float("nan")},
        {"quality": "high"},
        {"tile": 100},
        {"tile": -64},
        {"device": "abacus"},
        {"metadata": {"a": object()}},
        {"metadata": {"a": float("nan")}},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError):
        napari_glc.encode(np.zeros((8, 8), np.uint8), **options)


def test_errors_name_the_file(tmp_path, encoded_parrots):
    cases = {
        "empty.glc": (b"", EmptyFileError),
        "png.glc": (b"\x89PNG\r\n\x1a\n", NotAGlcFileError),
        "cut.glc": (encoded_parrots[:-7], TruncatedFileError),
    }
    for name, (data, error) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(error, match=name):
            napari_glc.open(tmp_path / name)


def test_a_picture_the_bytes_cannot_back_is_refused_before_it_is_allocated():
    from napari_glc.container import ArrayKind, Header, pack

    tag = find_model("glc-small").tag
    for side, error in ((1 << 14, DamagedFileError), (1 << 20, LimitError)):
        header = Header(codec=0, kind=ArrayKind.RGB8, model=tag, quality=50, height=side, width=side, tile=0)
        file = napari_glc.GlcFile(pack(header, [bytes(50)]))
        with pytest.raises(error):
            file.read()
        with pytest.raises(DamagedFileError):
            file.streams()


def test_a_missing_model_is_named_with_what_to_do(encoded_parrots):
    foreign = bytearray(encoded_parrots)
    foreign[5:8] = b"\xab\xcd\xef"
    from napari_glc.container.bytesio import check16

    head = 15
    foreign[head : head + 2] = check16(bytes(foreign[:head]))
    file = napari_glc.GlcFile(bytes(foreign))
    assert file.shape == (512, 768, 3)
    assert file.model_tag == "abcdef"
    with pytest.raises(MissingModelError, match=r"abcdef.*not installed.*glc-small.*NAPARI_GLC_MODELS"):
        file.read()


def test_a_file_is_not_decoded_by_what_is_only_called_like_its_model(tmp_path, monkeypatch, encoded_parrots):
    from napari_glc.models import write_model

    tag, model = encoded_parrots[5:8].hex(), find_model("glc-small")
    impostor = tmp_path / tag
    write_model(impostor, model.load(), name=tag, codec="glc", config=model.config, description="")
    impostor.with_suffix(".safetensors").write_bytes(impostor.read_bytes())
    monkeypatch.setenv("NAPARI_GLC_MODELS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert find_model(tag).sha256 != model.sha256
    assert napari_glc.GlcFile(encoded_parrots).model == model


def test_models_are_found_by_name_hash_and_path(tmp_path, monkeypatch):
    model = find_model("glc-small")
    assert find_model("glc-small") == find_model(model.sha256[:6]) == find_model(model.sha256) == model
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(model.path.read_bytes())
    assert read_model(copy).sha256 == model.sha256
    monkeypatch.setenv("NAPARI_GLC_MODELS", str(tmp_path))
    assert copy in [m.path for m in installed_models()]


def test_broken_model_files_are_refused(tmp_path):
    for name, data in {"empty": b"", "text": b"hello world, no tensors", "huge": b"\xff" * 64}.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(data)
        with pytest.raises(ModelError, match=name):
            read_model(path)
    whole = find_model("glc-small").path.read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="cut"):
        napari_glc.encode(np.zeros((8, 8), np.uint8), model=cut)


def test_a_failed_write_leaves_the_old_file_whole(tmp_path, parrots, monkeypatch):
    path = tmp_path / "a.glc"
    napari_glc.imwrite(path, parrots[:64, :64])
    before = path.read_bytes()
    with pytest.raises(UnsupportedArrayError):
        napari_glc.imwrite(path, np.zeros((4, 4), np.float64))

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        napari_glc.imwrite(path, parrots[:64, :128])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.glc"]


def test_overwriting_keeps_the_permissions(tmp_path, parrots):
    path = tmp_path / "a.glc"
    napari_glc.imwrite(path, parrots[:64, :64])
    path.chmod(0o600)
    napari_glc.imwrite(path, parrots[:64, :128])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_vanished_folder_is_an_os_error(tmp_path, parrots):
    with pytest.raises(FileNotFoundError):
        napari_glc.imwrite(tmp_path / "gone" / "a.glc", parrots[:64, :64])
    with pytest.raises(OptionError, match="does not end in"):
        napari_glc.imwrite(tmp_path / "a.png", parrots[:64, :64])


def test_imageio_reads_and_writes(tmp_path, embryo):
    import napari_glc.interop.imageio_plugin

    path = tmp_path / "embryo.glc"
    iio.imwrite(path, embryo, quality=20)
    assert path.read_bytes() == napari_glc.encode(embryo, quality=20)
    np.testing.assert_array_equal(iio.imread(path), napari_glc.imread(path))
    assert iio.improps(path).shape == embryo.shape
    assert iio.immeta(path)["quality"] == 20
    data = iio.imwrite("<bytes>", embryo, extension=".glc", quality=20)
    assert data == path.read_bytes()
    np.testing.assert_array_equal(iio.imread(data, extension=".glc"), napari_glc.imread(path))
    with pytest.raises(UnsupportedArrayError):
        iio.imwrite(path, embryo.astype(np.float64))
    assert path.read_bytes() == data
    assert iio.imread(Path(napari_glc.__file__).parent / "samples" / "kodim23.png").shape == (512, 768, 3)


def test_the_model_page_names_the_embedded_model():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "models.md").read_text()
    model = find_model("glc-small")
    assert f"`{model.sha256}`" in page
    assert f"{model.size / 1e6:.1f} MB" in page


@pytest.fixture
def runs():
    """How often encoders and generators run, of the codecs that are in memory now."""
    counts = {"encoder": 0, "generator": 0}
    codec, vqgan = (loaded_codec(model_of(name, None), "cpu") for name in ("glc", "vqgan"))
    parts = {
        "encoder": (codec.net.vqgan.encoder, vqgan.net.encoder),
        "generator": (codec.net.vqgan.generator, vqgan.net.generator),
    }

    def counting(name: str):
        def count(*_: object) -> None:
            counts[name] += 1

        return count

    hooks = [module.register_forward_hook(counting(name)) for name, modules in parts.items() for module in modules]
    yield counts
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize(("name", "bpp"), [("glc", 0.05), ("vqgan", 0.025)])
def test_a_search_for_a_rate_analyses_once(runs, parrots, name, bpp):
    picture = parrots[:128, :192]
    result = napari_glc.encode_to_bpp(picture, bpp, codec=name, device="cpu")
    assert runs == {"encoder": 1, "generator": 0}
    assert result.data == napari_glc.encode(picture, codec=name, quality=result.quality, device="cpu")
    assert abs(result.bpp - bpp) < 0.1 * bpp


@pytest.mark.parametrize("name", ["glc", "vqgan"])
def test_verifying_checks_symbols_and_renders_nothing(runs, parrots, name):
    file = napari_glc.GlcFile(napari_glc.encode(parrots[:128, :192], codec=name, tile=64), device="cpu")
    runs["encoder"] = runs["generator"] = 0
    seen: list[tuple[int, int]] = []
    file.verify(lambda done, total: seen.append((done, total)))
    assert runs == {"encoder": 0, "generator": 0}
    assert seen[-1][0] == seen[-1][1] >= 6


def test_defaults_of_encode_are_those_of_the_work_behind_it():
    from inspect import signature

    from napari_glc.files.encoding import prepared_array

    behind = signature(prepared_array).parameters
    told = signature(napari_glc.encode).parameters
    assert {n: told[n].default for n in behind if n not in ("image", "options")} == {
        n: p.default for n, p in behind.items() if n not in ("image", "options")
    }
