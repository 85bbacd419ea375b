"""Every tensor a network needs, none more, each of its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from ...errors import ModelError

__all__ = ["checked_tensors"]

_SHOWN = 3
_MOST_BYTES = 1 << 34


def checked_tensors(
    whose: str, state: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], names: Callable[[str], str]
) -> dict[str, Tensor]:
    """The tensors of a checkpoint under our keys.

    Parameters
    ----------
    whose
        Beginning of an error message.
    state
        The checkpoint's tensors under its own keys.
    wanted
        Our keys and their shapes.
    names
        From our keys to the checkpoint's.

    Raises
    ------
    ModelError
        If tensors are missing, unexpected, of other shapes, not numbers, or larger than the file.
    """
    theirs = {names(key): key for key in wanted}
    missing = [key for key in theirs if key not in state]
    unexpected = [key for key in state if key not in theirs]
    misshapen = [
        f"{key} is {_sides(state[key].shape)} instead of {_sides(wanted[ours])}"
        for key, ours in theirs.items()
        if key in state and tuple(state[key].shape) != wanted[ours]
    ]
    if missing or unexpected or misshapen:
        parts = [
            f"{len(found)} {word} ({_some(found)})"
            for word, found in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
            if found
        ]
        raise ModelError(f"{whose}, but of its tensors are {', '.join(parts)}")
    tensors = {ours: state[key] for key, ours in theirs.items()}
    _check_numbers(whose, tensors)
    return tensors


def _check_numbers(whose: str, tensors: Mapping[str, Tensor]) -> None:
    total = 0
    for key, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        total += size
        if not tensor.is_floating_point() or tensor.layout is not torch.strided:
            raise ModelError(f"{whose}, but {key} holds {tensor.dtype} instead of weights")
        # strides of zero make any size out of a few bytes
        if size > tensor.untyped_storage().nbytes() or total > _MOST_BYTES:
            raise ModelError(f"{whose}, but {key} claims more numbers than the file holds")
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{whose}, but {key} holds numbers that are not finite")


def _some(found: Iterable[str]) -> str:
    shown = list(found)
    return ", ".join(shown[:_SHOWN]) + (" ..." if len(shown) > _SHOWN else "")


def _sides(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
