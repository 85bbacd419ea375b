"""From a training checkpoint to the model file that ships."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..models import write_model
from ..models.int8 import pack_rows
from ..networks.config import VqganConfig
from ..networks.kl_config import KlConfig
from .config import TrainingConfig

__all__ = ["export_model"]

_SMALL = 2048
"""Tensors of fewer elements, and codebooks, stay in half precision."""


def export_model(checkpoint: Path, config: TrainingConfig, target: Path, *, name: str, description: str) -> None:
    """Write the averaged weights of a checkpoint as a model file.

    Convolutions and linear layers of encoder, generator and transformer get eight bits, everything else half
    precision. Probabilities are evaluated from these very numbers, in fixed point, so nothing is
    lost between training's machine and a user's.

    Parameters
    ----------
    checkpoint
        ``checkpoint.pt`` or a stage's final checkpoint.
    config
        The configuration that trained it.
    target
        The safetensors file to write.
    name, description
        See :class:`~napari_glc.models.ModelFile`.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    kinds = {VqganConfig: "vqgan", KlConfig: "clric"}
    codec = kinds.get(type(config.network), "glc")
    tensors: dict[str, Tensor] = {}
    for key, value in state["average"].items():
        if _in_eight_bits(key, value):
            tensors |= pack_rows(key, value)
        else:
            tensors[key] = value.half()
    write_model(target, tensors, name=name, codec=codec, config=config.network.to_json(), description=description)


def _in_eight_bits(key: str, value: Tensor) -> bool:
    # the prior of codec glc keeps half precision: its symbols follow from it
    room = key.removeprefix("vqgan.").split(".")[0]
    return value.ndim >= 2 and value.numel() >= _SMALL and room in ("encoder", "generator", "transformer")
