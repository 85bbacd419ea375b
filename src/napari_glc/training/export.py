"""From a training checkpoint to the model file that ships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._base.config import Config
from ..models import write_model
from ..models.int8 import pack_rows

__all__ = ["export_model"]

_SMALL = 2048
"""Tensors of fewer elements stay in half precision."""


def export_model(
    checkpoint: Path,
    target: Path,
    *,
    codec: str,
    network: Config,
    eight_bit_parts: tuple[str, ...],
    exact_tensors: Callable[[dict[str, Tensor], Any], dict[str, Tensor]],
    name: str,
    description: str,
) -> None:
    """Write the averaged weights of a checkpoint as a model file.

    Kernels and matrices of some parts get eight bits, everything else half precision. What depends on the weights
    exactly is evaluated from these very numbers, so nothing is lost between training's machine and a user's.

    Parameters
    ----------
    checkpoint
        ``checkpoint.pt`` or a stage's final checkpoint.
    target
        The safetensors file to write.
    codec, network
        Whose model it is, and the network that was trained.
    eight_bit_parts
        What the keys of the parts begin with that get eight bits.
    exact_tensors
        Returns tensors that are stored as they are, given all weights and `network`; see
        :meth:`~napari_glc.training.trainer.Trainer.exact_tensors`.
    name, description
        See :class:`~napari_glc.models.ModelFile`.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    weights: dict[str, Tensor] = state["average"]
    tensors = exact_tensors(weights, network)
    for key, value in weights.items():
        if key in tensors:
            continue
        if key.startswith(eight_bit_parts) and value.ndim >= 2 and value.numel() >= _SMALL:
            tensors |= pack_rows(key, value)
        else:
            tensors[key] = value.half()
    write_model(target, tensors, name=name, codec=codec, config=network.to_json(), description=description)
