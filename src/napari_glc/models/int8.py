"""Weights in eight bits: integers with one scale for each output channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SCALE_SUFFIX", "pack_rows", "unpack_rows"]

SCALE_SUFFIX = ".row_scale"
_MAX = 127


def pack_rows(name: str, weight: Tensor) -> dict[str, Tensor]:
    """A tensor as int8 and the scale of each of its rows (first axis).

    Parameters
    ----------
    name
        Key of the tensor; its scales get the key ``name.row_scale``.
    weight
        Floating point, at least one axis.
    """
    import torch

    rows = weight.detach().float().flatten(1)
    scale = (rows.abs().amax(1) / _MAX).clamp_min(1e-12)
    integers = (rows / scale.unsqueeze(1)).round().clamp(-_MAX, _MAX).to(torch.int8)
    return {name: integers.view(weight.shape), name + SCALE_SUFFIX: scale}


def unpack_rows(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """All tensors of a file as float32: one multiplication each, so equal on every machine."""
    restored = {}
    for name, tensor in tensors.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        value = tensor.float()
        scale = tensors.get(name + SCALE_SUFFIX)
        restored[name] = value if scale is None else value * scale.view(-1, *[1] * (value.ndim - 1))
    return restored
