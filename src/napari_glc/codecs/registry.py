"""From a codec's name to its implementation: a new codec is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ..errors import OptionError

if TYPE_CHECKING:
    from ..models import ModelFile
    from .base import Codec

__all__ = ["CODEC_NAMES", "load_codec"]

_IMPLEMENTATIONS = {"glc": "glc:GlcCodec", "vqgan": "vqgan:VqganCodec"}

CODEC_NAMES = tuple(_IMPLEMENTATIONS)


def load_codec(model: ModelFile, device: str) -> Codec:
    """Build the codec a model file belongs to.

    Parameters
    ----------
    model
        See :mod:`napari_glc.models`.
    device
        A torch device name.

    Raises
    ------
    OptionError
        If this version has no such codec.
    ModelError
        If the file does not hold what it promises.
    """
    if model.codec not in _IMPLEMENTATIONS:
        raise OptionError(f"this version of napari-glc has no codec {model.codec!r}; it has {', '.join(CODEC_NAMES)}")
    module, attribute = _IMPLEMENTATIONS[model.codec].split(":")
    codec = getattr(import_module(f".{module}", __package__), attribute)
    return cast("Codec", codec(model, device))
