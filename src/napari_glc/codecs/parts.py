"""Parts for models as users choose them: encoders that restore, decoders that paint. No torch at import.

A part takes the place of tensors of its kind and of no others, which the codec's entry names
(:attr:`~napari_glc.codecs.entry.CodecEntry.parts`). A part for a decoder may
not move what probabilities depend on, and one for an encoder nothing a decoder reads with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..errors import ModelError
from ..models import ModelFile, PartFile, find_part, installed_parts
from .part_names import NONE

__all__ = ["fitting_part", "parts_of", "with_encoder"]

_SHARES = 4
"""Mixtures of a part with the model's own encoder; each is a codec in memory."""


def parts_of(model: ModelFile, kind: str) -> list[PartFile]:
    """The installed parts of a kind that fit a model."""
    return [part for part in installed_parts() if part.kind == kind and part.fits(model)]


def fitting_part(model: ModelFile, wanted: str | Path, kind: str, allowed: tuple[str, ...]) -> PartFile:
    """A part for a model.

    Parameters
    ----------
    model
        The model.
    wanted
        Name, hash prefix or path.
    kind
        ``"encoder"`` or ``"decoder"``.
    allowed
        What the keys of the tensors begin with that a part of the kind may replace.

    Raises
    ------
    OptionError
        If there is none of that name.
    ModelError
        If it is for another model, or replaces more than its kind may.
    """
    part = find_part(wanted, model, kind)
    for key in part.keys:
        if not key.startswith(allowed):
            raise ModelError(f"{part.path}: tensor {key!r} is not part of the {kind} of codec {model.codec!r}")
    return part


def with_encoder(
    model: ModelFile, wanted: str | Path, allowed: tuple[str, ...], noise: Callable[[], float]
) -> ModelFile:
    """A model with another encoder, or itself for ``"none"``, or where there is no noise to take out.

    Parameters
    ----------
    model, wanted, allowed
        See :func:`fitting_part`; errors as there.
    noise
        Tells the level of the noise, in grey levels of 0 to 255; asked for encoders that depend on it.
    """
    if wanted == NONE:
        return model
    part = fitting_part(model, wanted, "encoder", allowed)
    if part.ramp is not None:
        low, high = part.ramp
        share = min(max((noise() - low) / (high - low), 0.0), 1.0)
        part = replace(part, strength=round(share * _SHARES) / _SHARES)
    return model.with_part(part) if part.strength > 0 else model
