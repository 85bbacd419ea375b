"""Codecs kept in memory between calls, and the choice of a device."""

from __future__ import annotations

import sys
import threading
import warnings
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from cachetools import LRUCache

from ..errors import MissingDependencyError, OptionError

if TYPE_CHECKING:
    from ..models import ModelFile
    from .base import Codec

__all__ = ["OR_AUTO", "choose_device", "device_obstacles", "loaded_codec", "release_models", "wished_device"]

OR_AUTO = " or auto"
"""Behind a device's name: it is a wish, and where it cannot be had another one will do."""

KEPT_BYTES = 2 << 30
"""Bytes of model files whose codecs are kept: the two embedded ones and one or two published ones."""

_loaded: LRUCache[tuple[str, str], tuple[Codec, int]] = LRUCache(KEPT_BYTES, getsizeof=lambda kept: kept[1])
"""By what tells a model from others and by device: the codec and what it counts."""
_lock = threading.Lock()
"""Held for a look at what is there, never while a model is loaded."""
_under_way: WeakValueDictionary[tuple[str, str], threading.Lock] = WeakValueDictionary()
"""A lock for each codec that is being loaded: whoever wants the same one waits, nobody else."""


def choose_device(wanted: str = "auto") -> str:
    """A usable torch device.

    Parameters
    ----------
    wanted
        ``"auto"`` takes CUDA, then Apple's MPS, then the CPU; ``"cuda or auto"`` takes CUDA, or warns and takes what
        ``"auto"`` would; anything else is taken at its word.

    Raises
    ------
    OptionError
        If the device asked for is not there.
    MissingDependencyError
        If torch is not installed or cannot be loaded.
    """
    device, notice = wished_device(wanted)
    if notice:
        # napari shows warnings as notifications, each once
        warnings.warn(notice, stacklevel=2)
    return device


def wished_device(wanted: str) -> tuple[str, str]:
    """As :func:`choose_device`, and instead of warning what to tell, which is empty if all is well."""
    try:
        import torch
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"PyTorch cannot be loaded ({error}); install it with: pip install torch"
        ) from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    automatic = next(name for name in ("cuda", "mps", "cpu") if there[name])
    wish = wanted.removesuffix(OR_AUTO)
    if wish == "auto":
        return automatic, ""
    if there.get(wish.split(":")[0], False):
        return wish, ""
    if wish != wanted:
        return automatic, f"Device {wish} is not here: using {automatic}."
    usable = ", ".join(name for name, present in there.items() if present)
    raise OptionError(f"device {wanted!r} is not available here; available: auto, {usable}")


def device_obstacles() -> dict[str, str]:
    """Every device name there could be, and why it cannot be used here; an empty text if it can.

    Raises
    ------
    MissingDependencyError
        If torch cannot be loaded.
    """
    automatic = choose_device("auto")
    import torch

    without_cuda = "PyTorch finds no CUDA device" if torch.version.cuda else "this PyTorch was built without CUDA"
    without_mps = (
        "PyTorch finds no Apple GPU" if torch.backends.mps.is_built() else "this PyTorch was built without MPS"
    )
    return {
        automatic: "",
        "cpu": "",
        "cuda": "" if torch.cuda.is_available() else without_cuda,
        "mps": "" if torch.backends.mps.is_available() else without_mps,
    }


def loaded_codec(model: ModelFile, device: str = "auto") -> Codec:
    """The codec of a model on a device, built when it is wanted first.

    Those used last are kept, as many as have model files of 2 GiB together, and the last one in any case. What somebody
    works with stays in memory for as long as they do. Several threads may ask: for the same codec, the first one builds
    it and the others wait.

    Parameters
    ----------
    model
        See :mod:`napari_glc.models`.
    device
        See :func:`choose_device`.

    Raises
    ------
    OptionError
        If the device is not there, or this version has no such codec.
    MissingDependencyError
        If torch, or a library the codec needs, is not installed.
    ModelError
        If the model file does not hold what it promises.
    """
    from .registry import load_codec

    key = (model.key, choose_device(device))
    with _lock:
        if key in _loaded:
            return _loaded[key][0]
        mine = _under_way.setdefault(key, threading.Lock())
    with mine:
        with _lock:
            if key in _loaded:
                return _loaded[key][0]
        codec = load_codec(model, key[1])
        with _lock:
            _loaded[key] = codec, min(KEPT_BYTES, model.size)
        return codec


def release_models() -> None:
    """Forget all loaded models, so that their memory can be reclaimed; that of a GPU is given back at once.

    One that is being loaded meanwhile is kept.
    """
    with _lock:
        _loaded.clear()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
