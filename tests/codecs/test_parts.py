"""Encoders and decoders in files of their own: what they may do, and what hostile ones come to."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_glc
from napari_glc import GlcFile
from napari_glc.codecs.glc.parts import DECODER, ENCODER
from napari_glc.codecs.loading import release_models
from napari_glc.codecs.parts import parts_of
from napari_glc.errors import Cancelled, ModelError, OptionError
from napari_glc.models import find_model, installed_parts, read_model, write_model, write_part
from napari_glc.models.part import read_part
from napari_glc.models.registry import FOLDER_VARIABLE

BASE = find_model("glc-small")


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    return BASE.load()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    yield tmp_path
    release_models()


def _write(path: Path, tensors: dict[str, torch.Tensor], **facts: str) -> Path:
    told = {"kind": "encoder", "name": path.stem, "codec": "glc", "base": BASE.sha256, "description": "", "effect": "x"}
    write_part(path, tensors, **(told | facts))
    return path


def _encoder(tensors: dict[str, torch.Tensor], change: float) -> dict[str, torch.Tensor]:
    """The model's encoder, its last layer moved."""
    found = {key: value.half() for key, value in tensors.items() if key.startswith(ENCODER)}
    found["enc.enc_2.1.block.1.conv_out.bias"] = found["enc.enc_2.1.block.1.conv_out.bias"] + change
    return found


def _painter(tensors: dict[str, torch.Tensor], brighter: float) -> dict[str, torch.Tensor]:
    """The model's generator, all pixels brighter."""
    last = max((key for key in tensors if key.startswith(DECODER)), key=lambda key: int(key.split(".")[3]))
    key = last.rsplit(".", 1)[0] + ".bias"
    return {key: tensors[key] + brighter}


def test_an_encoder_makes_other_files_that_every_decoder_reads(folder, tensors, parrots):
    picture = parrots[:128, :192]
    _write(folder / "moved.safetensors", _encoder(tensors, 0.4), effect="what moves")
    plain, other = (napari_glc.encode(picture, restore=name) for name in ("none", "moved"))
    assert plain == napari_glc.encode(picture)
    assert GlcFile(other).container.offsets != GlcFile(plain).container.offsets
    file = GlcFile(other)
    assert file.model == BASE
    assert file.removed == "what moves (moved)"
    assert file.facts()["removed"] == file.removed
    file.verify()
    here = file.read()
    (folder / "moved.safetensors").unlink()
    release_models()
    np.testing.assert_array_equal(napari_glc.decode(other), here)


def test_the_same_encoder_as_a_part_changes_nothing_but_the_metadata(folder, tensors, parrots):
    _write(folder / "same.safetensors", {k: v for k, v in tensors.items() if k.startswith(ENCODER)})
    picture = parrots[:128, :128]
    plain, other = GlcFile(napari_glc.encode(picture)), GlcFile(napari_glc.encode(picture, restore="same"))
    assert plain.chunk(0) == other.chunk(0)


def test_a_style_mixes_with_the_plain_decoder_and_is_never_there_unasked(folder, tensors, parrots):
    _write(folder / "bright.safetensors", _painter(tensors, 0.2), kind="decoder")
    data = napari_glc.encode(parrots[:128, :128], quality=70)
    plain = napari_glc.decode(data).astype(int)
    full, half, none = (napari_glc.decode(data, style="bright", strength=s).astype(int) for s in (1, 0.5, 0))
    np.testing.assert_array_equal(none, plain)
    inner = (plain > 40) & (plain < 200)
    assert abs((full - plain)[inner].mean() - 0.2 * 127.5) < 1
    assert abs((half - plain)[inner].mean() - 0.1 * 127.5) < 1
    file = GlcFile(data)
    painted = file.decoded_with(style="bright")
    np.testing.assert_array_equal(painted.read(), full)
    assert painted.decoded_tiles == file.decoded_tiles == 1
    painted.verify()
    np.testing.assert_array_equal(file.read(), plain)


@pytest.mark.parametrize("work", ["restore", "paint"])
def test_it_can_be_stopped(folder, tensors, parrots, work):
    _write(folder / "moved.safetensors", _encoder(tensors, 0.1))
    _write(folder / "bright.safetensors", _painter(tensors, 0.1), kind="decoder")
    data = napari_glc.encode(parrots, quality=0)
    calls = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        raise Cancelled("enough")

    restore = partial(napari_glc.encode, parrots, restore="moved")
    paint = partial(napari_glc.decode, data, style="bright")
    with pytest.raises(Cancelled):
        (restore if work == "restore" else paint)(progress=stop)
    assert len(calls) == 1


def test_threads_may_paint_in_different_styles_at_once(folder, tensors, parrots):
    for name, change in (("one", 0.1), ("two", -0.1), ("three", 0.3)):
        _write(folder / f"{name}.safetensors", _painter(tensors, change), kind="decoder")
    data = napari_glc.encode(parrots[:64, :128])
    styles = ["one", "two", "three", "none"] * 3
    alone = {style: napari_glc.decode(data, style=style) for style in set(styles)}
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda style: napari_glc.decode(data, style=style), styles))
    for style, pixels in zip(styles, found, strict=True):
        np.testing.assert_array_equal(pixels, alone[style])


def test_a_style_leaves_no_seams_between_blocks(folder, tensors, parrots):

    _write(folder / "bright.safetensors", _painter(tensors, 0.1), kind="decoder")
    data = napari_glc.encode(np.tile(parrots[:256, :256], (2, 3, 1)), tile=256)
    whole = napari_glc.decode(data, style="bright")
    region = GlcFile(data, style="bright").read((slice(200, 330), slice(190, 600)))
    assert np.abs(region.astype(int) - whole[200:330, 190:600]).max() <= 1


def test_sixteen_bit_stacks_keep_their_type(folder, tensors):
    import tifffile

    worms = tifffile.imread(Path(__file__).parents[1] / "data" / "worms_crop_uint16.tif")
    stack = np.stack([worms, worms[::-1]])[:, :128, :128] if worms.ndim == 2 else worms[:, :128, :128]
    _write(folder / "moved.safetensors", _encoder(tensors, 0.1))
    file = GlcFile(napari_glc.encode(stack, restore="moved"))
    assert file.removed
    back = file.read()
    assert (back.dtype, back.shape) == (stack.dtype, stack.shape)
    assert np.corrcoef(back.ravel(), stack.ravel())[0, 1] > 0.7


def test_parts_are_listed_below_their_model(folder, tensors, capsys):
    from napari_glc.cli import main

    _write(folder / "moved.safetensors", _encoder(tensors, 0.1))
    _write(folder / "stray.safetensors", _encoder(tensors, 0.1), base="ab" * 32)
    (folder / "junk.safetensors").write_bytes(b"junk")
    assert {"moved", "stray"} <= {part.name for part in installed_parts()}
    assert "stray" not in {part.name for part in parts_of(BASE, "encoder")}
    main(["models", "list"])
    lines = capsys.readouterr().out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("glc-small"))
    assert any(line.startswith("  moved") for line in lines[place + 1 :])
    assert any("stray" in line and "not installed" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"restore": "nobody"}, "no encoder 'nobody' for model 'glc-small'"),
        ({"restore": 3}, "of type str"),
        ({"restore": "stray"}, "was made for model ababab"),
        ({"restore": "prior"}, "'hyper_dec.*' is not part of the encoder"),
        ({"restore": "shape"}, "no tensor 'q_enc' of shape"),
        ({"restore": "nan"}, "hold.* no numbers"),
        ({"restore": "painter"}, "no encoder 'painter'"),
    ],
)
def test_parts_that_do_not_fit_end_in_one_line(folder, tensors, options, message):
    own = _encoder(tensors, 0.0)
    _write(folder / "stray.safetensors", own, base="ab" * 32)
    _write(folder / "prior.safetensors", {key: v for key, v in tensors.items() if key.startswith("hyper_dec.0")})
    _write(folder / "shape.safetensors", {"q_enc": torch.zeros(5)})
    _write(folder / "nan.safetensors", own | {"q_enc": own["q_enc"] * float("nan")})
    _write(folder / "painter.safetensors", _painter(tensors, 0.1), kind="decoder")
    with pytest.raises((OptionError, ModelError), match=message) as caught:
        napari_glc.encode(np.zeros((64, 64), np.uint8), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), "much"])
def test_a_strength_lies_between_none_and_all(strength):
    data = napari_glc.encode(np.zeros((64, 64), np.uint8))
    with pytest.raises(OptionError, match="strength"):
        napari_glc.decode(data, strength=strength)


@pytest.mark.parametrize(
    "metadata",
    [
        {"part": "encoder"},
        {"part": "engine", "codec": "glc", "base": BASE.sha256, "name": "x"},
        {"part": "encoder", "codec": "glc", "base": "zz", "name": "x"},
        {"part": "encoder", "codec": "glc", "base": BASE.sha256},
    ],
)
def test_what_is_no_part_is_refused(tmp_path, metadata):
    head = json.dumps({"__metadata__": metadata}).encode()
    path = tmp_path / "p.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head)
    with pytest.raises(ModelError, match=r"p\.safetensors"):
        read_part(path)
    with pytest.raises(ModelError, match=r"p\.safetensors"):
        read_model(path)


def test_a_part_that_changed_after_it_was_listed_is_refused(folder, tensors):
    path = _write(folder / "moved.safetensors", _encoder(tensors, 0.1))
    model = BASE.with_part(installed_parts()[-1])
    assert model.parts[0].name == "moved"
    _write(path, _encoder(tensors, 0.2))
    with pytest.raises(ModelError, match="has changed"):
        model.load()


def test_an_encoder_may_change_without_changing_what_files_name(tmp_path, tensors):
    def written(name: str, **changes: torch.Tensor) -> str:
        path = tmp_path / f"{name}.safetensors"
        write_model(
            path,
            tensors | changes,
            name=name,
            codec="glc",
            config=BASE.config,
            description=name,
            encoder=ENCODER,
        )
        return read_model(path).sha256

    same = written("one")
    assert written("two", q_enc=tensors["q_enc"] * 2) == same
    assert written("three", q_dec=tensors["q_dec"] * 2) != same
    assert written("four", **{"hyper_dec.2.block.1.conv_out.bias": torch.ones(96)}) != same
    bare = tmp_path / "bare.safetensors"
    write_model(bare, tensors, name="bare", codec="glc", config=BASE.config, description="")
    assert read_model(bare).sha256 == read_model(bare).digest


def test_a_part_is_imported_and_removed_by_command(tmp_path, tensors, monkeypatch, capsys):
    from napari_glc.cli import main

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    path = _write(tmp_path / "moved.safetensors", _encoder(tensors, 0.1))
    assert main(["models", "import", str(path)]) == 0
    assert "moved" in {part.name for part in installed_parts()}
    assert main(["models", "import", str(path)]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["models", "remove", "moved"]) == 0
    assert "moved" not in {part.name for part in installed_parts()}
    assert main(["models", "remove", "denoise"]) == 2
    assert "ships with the package" in capsys.readouterr().err
