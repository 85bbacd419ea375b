"""Checkpoint files of strangers, read without running anything in them.

A checkpoint is a pickle, and an unpickled pickle calls whatever functions it names. Here

* files are read by ``torch.load(weights_only=True)`` and nothing else, which knows tensors, numbers, texts and
  containers of them;
* before that the pickle's instructions are looked through, without being followed, for the names of classes and
  functions. Training frameworks leave some of their own in a checkpoint (callbacks, options). For those, and only if
  their package is on the list below, an inert class takes the place of the true one: it accepts anything and does
  nothing. Neither is the framework imported nor need it be installed;
* any other name, ``os.system`` for one, ends the reading with an error that says it.
"""

from __future__ import annotations

import json
import os
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ...errors import ModelError

__all__ = ["config_beside", "read_checkpoint", "read_folder", "weights_of_folder"]

_OLD_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of ``torch.save`` before version 1.6 begin."""
_MAX_PICKLE = 1 << 24
"""Longest structure of a checkpoint in bytes; the tensors are beside it."""
_MAX_HEADER = 1 << 24
_MAX_CONFIG = 1 << 20
_BY_TORCH = {"torch", "collections"}
"""Packages of which ``weights_only`` itself knows what is harmless."""
_FRAMEWORKS = {"pytorch_lightning", "lightning", "lightning_fabric", "torchmetrics", "omegaconf"}
_VALUES = {"argparse", "numpy", "typing", "pathlib", "_codecs"}
_TYPES = {"bool", "bytearray", "bytes", "complex", "dict", "float", "int", "list", "object", "set", "str", "tuple"}
_ADVICE = ("Weights only load failed", "Check the documentation", "Please file", "(1)", "(2)")
_WHOLE = {"diffusion_pytorch_model.safetensors", "model.safetensors"}
_PICKLES = {".bin", ".ckpt", ".pkl", ".pt", ".pth"}
_FAILURES = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, ArithmeticError, AssertionError, AttributeError),
    *(EOFError, LookupError, MemoryError, NotImplementedError, RecursionError, RuntimeError, TypeError, ValueError),
)


class _Inert:
    """Stands where a checkpoint names a class of values: nothing can be done with it."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return object.__new__(cls)

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _InertOptions:
    """Stands where a checkpoint names a class of its training framework: some are dictionaries and get items."""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return OrderedDict()


def read_checkpoint(path: Path) -> Any:
    """The content of a checkpoint: nested dictionaries with tensors in them, mapped from the file where possible.

    Parameters
    ----------
    path
        A file of ``torch.save`` in either form, or safetensors.

    Raises
    ------
    ModelError
        If it is none of these, damaged, or names code.
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as stream:
        start = stream.read(max(16, len(_OLD_MAGIC)))
    try:
        if zipfile.is_zipfile(path):
            with _inert(_foreign_names(path)):
                return torch.load(os.fspath(path), map_location="cpu", weights_only=True, mmap=True)
        if start.startswith(_OLD_MAGIC):
            return torch.load(path, map_location="cpu", weights_only=True)
        if len(start) > 8 and start[8:9] == b"{" and struct.unpack("<Q", start[:8])[0] <= _MAX_HEADER:
            return _read_safetensors(path)
    except _FAILURES as error:
        raise ModelError(f"{path} is damaged, or no checkpoint of weights: {_reason(error)}") from error
    if start.startswith(b"PK"):
        raise ModelError(f"{path} is truncated: it begins like a checkpoint and has no end")
    raise ModelError(f"{path} is no checkpoint: neither a file of PyTorch nor safetensors")


def _reason(error: Exception) -> str:
    """One line of an error; PyTorch's own advice is to do without safety."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(_ADVICE)]
    return told[0].removeprefix("WeightsUnpickler error: ") if told else type(error).__name__


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{path} is damaged: {error}") from error


def _foreign_names(path: Path) -> set[str]:
    """Names of framework classes in a checkpoint's structure.

    Raises
    ------
    ModelError
        If there are others that ``weights_only`` would not know.
    """
    with zipfile.ZipFile(path) as archive:
        inside = [info for info in archive.infolist() if info.filename.rpartition("/")[2] == "data.pkl"]
        if len(inside) != 1:
            raise ModelError(f"{path} is no checkpoint: a file of PyTorch holds one data.pkl and this {len(inside)}")
        if inside[0].file_size > _MAX_PICKLE:
            raise ModelError(f"{path}: a structure of {inside[0].file_size} bytes is beyond the limit of {_MAX_PICKLE}")
        structure = archive.read(inside[0])
    foreign = set()
    for opcode, argument, _ in pickletools.genops(structure):
        if opcode.name == "STACK_GLOBAL":
            raise ModelError(f"{path} hides the names of what it asks for; nothing of it was run")
        if opcode.name in ("GLOBAL", "INST"):
            module, _, name = str(argument).partition(" ")
            package = module.partition(".")[0]
            harmless = package in _FRAMEWORKS | _VALUES or (module in ("builtins", "__builtin__") and name in _TYPES)
            if harmless:
                foreign.add(f"{module} {name}")
            elif package not in _BY_TORCH:
                raise ModelError(
                    f"{path} asks for {module}.{name}, which no checkpoint of weights needs; nothing of it was run"
                )
    return foreign


@contextmanager
def _inert(names: set[str]) -> Iterator[None]:
    """Let ``weights_only`` take inert classes for these names."""
    if not names:
        yield
        return
    if not hasattr(torch.serialization, "safe_globals"):
        raise ModelError("PyTorch 2.5 or later is needed to read checkpoints of PyTorch Lightning")
    stubs: list[Any] = []
    for full in sorted(names):
        module, _, name = full.partition(" ")
        base = _InertOptions if module.partition(".")[0] in _FRAMEWORKS else _Inert
        stubs.append(type(name.rpartition(".")[2], (base,), {"__module__": module, "__qualname__": name}))
    with torch.serialization.safe_globals(stubs):
        yield


def weights_of_folder(folder: Path) -> dict[str, Path]:
    """Where the weights of each network of a folder in the layout of diffusers lie, by the network's name.

    Raises
    ------
    ModelError
        If there are none, a network's weights are in several files, or in pickles alone.
    """
    found: dict[str, Path] = {}
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        tensors = sorted(inner.glob("*.safetensors"))
        whole = [path for path in tensors if path.name in _WHOLE] or tensors
        if len(whole) > 1:
            raise ModelError(f"{inner} holds several files of weights: {whole[0].name}, {whole[1].name}; keep one")
        if whole:
            found[inner.name] = whole[0]
        elif any(path.suffix in _PICKLES for path in inner.iterdir()):
            raise ModelError(f"{inner} holds pickled weights; of folders, only safetensors are read")
    if not found:
        raise ModelError(f"{folder} holds no networks: none of its folders holds safetensors")
    return found


def read_folder(folder: Path) -> dict[str, Any]:
    """The tensors of all networks of a folder, each under its network's name.

    Raises
    ------
    ModelError
        As for :func:`weights_of_folder`, or if a file is damaged.
    OSError
        If something cannot be read.
    """
    content: dict[str, Any] = {}
    for name, path in weights_of_folder(folder).items():
        with open(path, "rb") as stream:
            start = stream.read(9)
        if len(start) < 9 or start[8:] != b"{":
            raise ModelError(f"{path} is no safetensors file")
        content |= {f"{name}.{key}": tensor for key, tensor in _read_safetensors(path).items()}
    return content


def config_beside(path: Path) -> dict[str, Any]:
    """What ``config.json`` in a checkpoint's folder says; nothing if there is none or it is something else."""
    beside = path.with_name("config.json")
    try:
        if beside.stat().st_size > _MAX_CONFIG:
            return {}
        found = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
