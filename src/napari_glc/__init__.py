"""Generative latent image coding at 0.003 to 0.15 bits per pixel, for napari, Python and the shell.

>>> import napari_glc
>>> picture = napari_glc.imread("picture.glc")            # doctest: +SKIP
>>> napari_glc.imwrite("copy.glc", picture, quality=30)   # doctest: +SKIP

A generative decoder invents plausible detail: decoded pictures are for looking at, not for measuring.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._version import __version__
    from .api import decode, encode, encode_to_bpp, encode_to_bytes, encode_to_distance, imread, imwrite, open
    from .container.limits import Limits, get_limits, set_limits
    from .errors import GlcError
    from .files.opened import GlcFile

__all__ = [
    "GlcError",
    "GlcFile",
    "Limits",
    "__version__",
    "decode",
    "encode",
    "encode_to_bpp",
    "encode_to_bytes",
    "encode_to_distance",
    "get_limits",
    "imread",
    "imwrite",
    "open",
    "set_limits",
]

_HOMES = {
    "GlcError": "errors",
    "GlcFile": "files.opened",
    "__version__": "_version",
    **dict.fromkeys(("Limits", "get_limits", "set_limits"), "container.limits"),
    **dict.fromkeys(("decode", "encode", "imread", "imwrite", "open"), "api"),
    **dict.fromkeys(("encode_to_bpp", "encode_to_bytes", "encode_to_distance"), "api"),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that importing the package costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
