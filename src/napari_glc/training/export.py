"""From a training checkpoint to the model file that ships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._base.config import Config
from ..models import ModelFile, write_model, write_part
from ..models.int8 import pack_rows

__all__ = ["export_model", "export_part", "packed"]

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
    encoder: tuple[str, ...],
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
    encoder
        What the keys of the tensors begin with that only encoding uses.
    name, description
        See :class:`~napari_glc.models.ModelFile`.
    """
    weights = _average(checkpoint)
    tensors = packed(weights, ("",), eight_bit_parts, exact_tensors(weights, network))
    config = network.to_json()
    write_model(target, tensors, name=name, codec=codec, config=config, description=description, encoder=encoder)


def export_part(
    checkpoint: Path,
    target: Path,
    *,
    kind: str,
    base: ModelFile,
    learned_parts: tuple[str, ...],
    eight_bit_parts: tuple[str, ...],
    name: str,
    description: str,
    effect: str,
    ramp: tuple[float, float] | None,
) -> None:
    """Write what was learned of a part as its file; see :func:`export_model`.

    Parameters
    ----------
    checkpoint, target, eight_bit_parts
        See :func:`export_model`.
    kind, name, description, effect, ramp
        See :class:`~napari_glc.models.PartFile`.
    base
        The model the part is for.
    learned_parts
        What the keys of the tensors begin with that were learned.
    """
    tensors = packed(_average(checkpoint), learned_parts, eight_bit_parts, {})
    write_part(
        target,
        tensors,
        kind=kind,
        name=name,
        codec=base.codec,
        base=base.sha256,
        description=description,
        effect=effect,
        ramp=ramp,
    )


def _average(checkpoint: Path) -> dict[str, Tensor]:
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    weights: dict[str, Tensor] = state["average"]
    return weights


def packed(
    weights: dict[str, Tensor],
    wanted: tuple[str, ...],
    eight_bit_parts: tuple[str, ...],
    exact: dict[str, Tensor],
) -> dict[str, Tensor]:
    """What a file holds of weights.

    Parameters
    ----------
    weights
        Of the network, by their keys.
    wanted
        What the keys begin with that are held.
    eight_bit_parts, exact
        Which of them get eight bits, and tensors held as they are given here; see :func:`export_model`.
    """
    tensors = dict(exact)
    for key, value in weights.items():
        if key in tensors or not key.startswith(wanted):
            continue
        if key.startswith(eight_bit_parts) and value.ndim >= 2 and value.numel() >= _SMALL:
            tensors |= pack_rows(key, value)
        else:
            tensors[key] = value.half()
    return tensors
