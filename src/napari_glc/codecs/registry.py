"""From a codec's name to its implementation: a new codec is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ..errors import ModelError, OptionError

if TYPE_CHECKING:
    from ..models import ModelFile
    from .base import Codec

__all__ = ["CODEC_NAMES", "load_codec"]

_IMPLEMENTATIONS = {"glc": "glc.codec:GlcCodec", "vqgan": "vqgan.codec:VqganCodec"}

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
    build = getattr(import_module(f".{module}", __package__), attribute)
    try:
        codec = build(model, device)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # a configuration may be well formed and still describe no network, or not the one whose tensors follow
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ModelError(
            f"{model.path}: its configuration and tensors make no network of {model.codec!r}: {reason}"
        ) from error
    return cast("Codec", codec)
