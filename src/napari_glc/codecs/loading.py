"""Codecs kept in memory between calls, and the choice of a device."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from ..errors import MissingDependencyError, OptionError

if TYPE_CHECKING:
    from ..models import ModelFile
    from .base import Codec

__all__ = ["choose_device", "device_obstacles", "loaded_codec", "release_models"]

_loaded: dict[tuple[str, str], Codec] = {}
_lock = threading.Lock()


def choose_device(wanted: str = "auto") -> str:
    """A usable torch device.

    Parameters
    ----------
    wanted
        ``"auto"`` takes CUDA, then Apple's MPS, then the CPU; anything else is taken at its word.

    Raises
    ------
    OptionError
        If the device asked for is not there.
    MissingDependencyError
        If torch is not installed or cannot be loaded.
    """
    try:
        import torch
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"PyTorch cannot be loaded ({error}); install it with: pip install torch"
        ) from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there.get(wanted.split(":")[0], False):
        usable = ", ".join(name for name, present in there.items() if present)
        raise OptionError(f"device {wanted!r} is not available here; available: auto, {usable}")
    return wanted


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
    """The codec of a model on a device, built once."""
    from .registry import load_codec

    key = (model.sha256, choose_device(device))
    with _lock:
        if key not in _loaded:
            _loaded[key] = load_codec(model, key[1])
        return _loaded[key]


def release_models() -> None:
    """Forget all loaded models, so that their memory can be reclaimed; that of a GPU is given back at once."""
    with _lock:
        _loaded.clear()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
