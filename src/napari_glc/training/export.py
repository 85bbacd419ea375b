"""From a training checkpoint to the model file that ships."""

from __future__ import annotations

from pathlib import Path

import torch

from ..models import write_model
from .config import TrainingConfig

__all__ = ["export_model"]


def export_model(checkpoint: Path, config: TrainingConfig, target: Path, *, name: str, description: str) -> None:
    """Write the averaged weights of a checkpoint as a model file in half precision.

    The prior is evaluated from these very numbers, in fixed point, so nothing is lost between training's
    machine and a user's.

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
    tensors = {key: value.half() for key, value in state["average"].items()}
    write_model(target, tensors, name=name, codec="glc", config=config.network.to_json(), description=description)
