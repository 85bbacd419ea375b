"""Nothing in a checkpoint runs, and a damaged one is refused in one line."""

from __future__ import annotations

import collections
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

import fakes
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.errors import ModelError
from napari_glc.models.registry import FOLDER_VARIABLE


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    return tmp_path


class _Attack:
    """Restoring it calls a function of its choice."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def _refused(path: Path, reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught:
        import_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("old", [False, True])
def test_a_checkpoint_with_code_is_refused_and_the_code_does_not_run(folder, old):
    trace = folder / "trace"
    attack = _Attack(os.system, f"touch {trace}")
    content = {"state_dict": fakes.narrow_vqgan(), "x": attack}
    torch.save(content, folder / "a.ckpt", _use_new_zipfile_serialization=not old)
    _refused(folder / "a.ckpt", r"(posix|nt)\.system")
    assert not trace.exists()
    torch.load(folder / "a.ckpt", weights_only=False)
    assert trace.exists()  # the attack does work on whoever loads it carelessly


@pytest.mark.parametrize("function", [eval, exec, getattr, __import__, Path.touch, torch.hub.load, torch.load])
def test_no_other_function_is_called_either(folder, function):
    torch.save({"x": _Attack(function, "1")}, folder / "a.ckpt")
    _refused(folder / "a.ckpt", "asks for|damaged, or no checkpoint")


def test_a_framework_name_calls_nothing_of_the_framework(folder):
    """Names of the frameworks are answered by classes that do nothing, also when numpy is there."""
    with_numpy = {"state_dict": fakes.narrow_codeformer(), "x": _Attack(__import__("numpy").save, folder / "t.npy", 1)}
    torch.save(with_numpy, folder / "a.ckpt")
    import_checkpoint(folder / "a.ckpt")
    assert not (folder / "t.npy").exists()


def test_names_made_while_reading_are_refused(folder):
    path = folder / "a.ckpt"
    torch.save({"x": 1}, path)
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            code = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."
            archive.writestr(name, code if name.endswith("data.pkl") else data)
    _refused(path, "hides the names")


def test_plain_pickles_are_no_checkpoints(folder):
    trace = folder / "trace"
    (folder / "a.pkl").write_bytes(pickle.dumps(_Attack(os.system, f"touch {trace}")))
    _refused(folder / "a.pkl", "neither a file of PyTorch nor safetensors")
    assert not trace.exists()


def test_truncated_files_are_refused(folder):
    torch.save({"state_dict": fakes.narrow_codeformer()}, folder / "whole.ckpt")
    whole = (folder / "whole.ckpt").read_bytes()
    for size in (0, 3, 100, len(whole) // 2, len(whole) - 1000, len(whole) - 1):
        (folder / "a.ckpt").write_bytes(whole[:size])
        _refused(folder / "a.ckpt", "truncated|no checkpoint|damaged")


def test_damaged_structures_are_refused(folder):
    path = folder / "a.ckpt"
    torch.save(collections.OrderedDict(fakes.narrow_codeformer()), path)
    whole = bytearray(path.read_bytes())
    start = whole.index(b"encoder.blocks") - 20
    for offset in range(start, start + 400, 23):
        broken = bytearray(whole)
        broken[offset] ^= 0x41
        path.write_bytes(broken)
        _refused(path, "a.ckpt")


def test_safetensors_that_lie_are_refused(folder):
    lies = (b"\x08" + b"\0" * 7 + b"{}      ", b"\xff" + b"\0" * 7 + b"{" + b" " * 10, b"\0" * 5 + b"\1\0\0{}")
    for data in lies:
        (folder / "a.safetensors").write_bytes(data)
        _refused(folder / "a.safetensors", "a.safetensors")
