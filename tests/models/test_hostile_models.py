"""A model file may come from anywhere: it is what it claims to be, or it is refused in one line."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from napari_glc.codecs.registry import load_codec
from napari_glc.errors import GlcError, MissingModelError, ModelError
from napari_glc.models import embedded_models, find_model, find_model_by_hash, installed_models, read_model, write_model
from napari_glc.models.registry import FOLDER_VARIABLE

SMALL = embedded_models()[0]


class _Attack:
    """What a malicious pickle is made of: restoring it calls a function of its choice."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


def _safetensors(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def _described(**changes: str) -> dict[str, str]:
    return {"name": "m", "codec": SMALL.codec, "config": SMALL.config, "description": ""} | changes


def _no_tensors(**changes: str) -> bytes:
    return _safetensors(json.dumps({"__metadata__": _described(**changes)}).encode())


def test_a_pickle_in_the_model_folder_runs_nothing(tmp_path, monkeypatch):
    trace = tmp_path / "trace"
    attack = pickle.dumps(_Attack(trace))
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("evil.safetensors", "evil.ckpt", "evil.pt"):
        (folder / name).write_bytes(attack)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    assert [model.path.parent for model in installed_models()] == [SMALL.path.parent] * len(embedded_models())
    for name in ("evil.safetensors", "evil.ckpt", "evil.pt"):
        with pytest.raises(GlcError):
            find_model(folder / name)
    assert not trace.exists()
    pickle.loads(attack)  # the attack does work on whoever unpickles
    assert trace.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x10",
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 1 << 23) + b" " * 100,
        _safetensors(b"{}"),
        _safetensors(b"[]"),
        _safetensors(b"[" * 100_000),
        _safetensors(b'{"__metadata__": []}'),
        _safetensors(b'{"__metadata__": {"name": "x"}}'),
        _safetensors(b"\xff\xfe"),
        _safetensors(b'{"a": ' + b"1" * 10_000 + b"}"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, data):
    path = tmp_path / "m.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"m\.safetensors"):
        read_model(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}},
        {"w": {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 16]}},
        {"w": {"dtype": "F32", "shape": [4], "data_offsets": [8, 0]}},
        {"w": {"dtype": "F99", "shape": [4], "data_offsets": [0, 16]}},
        {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}},
    ],
)
def test_tensors_that_are_not_there_are_refused_before_they_are_allocated(tmp_path, tensors):
    path = tmp_path / "m.safetensors"
    path.write_bytes(_safetensors(json.dumps({"__metadata__": _described(), **tensors}).encode(), bytes(16)))
    with pytest.raises(ModelError):
        load_codec(read_model(path), "cpu")


@pytest.mark.parametrize(
    "config",
    [
        "",
        "[]",
        "{" * 50_000,
        '{"autoencoder": 3}',
        '{"autoencoder": {"widths": [1000000000, 2, 3]}}',
        '{"autoencoder": {"encoder_depths": [100000000, 2, 2]}}',
        '{"autoencoder": {"widths": [-1, -1, -1]}}',
        '{"autoencoder": {"widths": [3.5, "a", null]}}',
        '{"autoencoder": {"widths": []}}',
        '{"prior_blocks": 99999999}',
        '{"rate_points": NaN}',
        '{"rate_points": 0}',
        '{"description": "' + "x" * 70_000 + '"}',
    ],
)
def test_a_configuration_of_no_network_is_refused(tmp_path, config):
    path = tmp_path / "m.safetensors"
    path.write_bytes(_no_tensors(config=config))
    with pytest.raises(ModelError, match=r"m\.safetensors|configuration"):
        load_codec(read_model(path), "cpu")


def test_a_model_of_other_tensors_than_its_configuration_says_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    tensors = SMALL.load()
    tensors.pop(next(iter(tensors)))
    write_model(path, tensors, name="m", codec=SMALL.codec, config=SMALL.config, description="")
    with pytest.raises(ModelError, match="make no network of"):
        load_codec(read_model(path), "cpu")


def test_a_name_that_promises_another_hash_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    true_name = f"m-{SMALL.sha256[:16]}.safetensors"
    wrong_name = f"m-{SMALL.sha256[8:24]}.safetensors"
    for name in (true_name, wrong_name, "model-20261121.safetensors", "m-facade-decade.safetensors"):
        shutil.copyfile(SMALL.path, tmp_path / name)
    with pytest.raises(ModelError, match="not what its name says"):
        read_model(tmp_path / wrong_name)
    names = {model.path.name for model in installed_models()}
    assert true_name in names
    assert wrong_name not in names
    assert {"model-20261121.safetensors", "m-facade-decade.safetensors"} <= names


def test_a_model_that_changed_after_it_was_hashed_is_refused(tmp_path, monkeypatch):
    """As long and as old as before, so that nothing but the hash can tell."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    path = tmp_path / "mine.safetensors"
    write_model(path, SMALL.load(), name="mine", codec=SMALL.codec, config=SMALL.config, description="")
    model, status = find_model("mine"), path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ModelError, match="has changed"):
        model.load()
    with pytest.raises(ModelError, match="has changed"):
        find_model("mine").load()


def test_a_foreign_model_of_an_embedded_name_does_not_take_its_place(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    other = replace(SMALL, path=tmp_path / "a.safetensors")
    write_model(other.path, SMALL.load(), name=SMALL.name, codec=SMALL.codec, config=SMALL.config, description="")
    assert find_model(SMALL.name).sha256 == SMALL.sha256
    # a file asks for a hash, so a name, even one like a hash, is never mistaken for it
    write_model(other.path, SMALL.load(), name="abcdef", codec=SMALL.codec, config=SMALL.config, description="")
    with pytest.raises(MissingModelError):
        find_model_by_hash("abcdef")
