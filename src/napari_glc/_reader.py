"""napari's reader hook: thin, quick, free of Qt, torch and napari."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["get_reader"]

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Claim every ``.glc`` path; what is wrong with a file is said when it is read.

    Parameters
    ----------
    path
        A path, or several to be opened as separate layers.
    """
    paths = [path] if isinstance(path, str) else path
    if not paths or not all(str(p).lower().endswith(".glc") for p in paths):
        return None
    return read_layers


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Decode files into image layers.

    Raises
    ------
    GlcError
        A subclass that says what is wrong; its message names the file.
    """
    paths = [path] if isinstance(path, str) else path
    return [_read_layer(p) for p in paths]


def _read_layer(path: str) -> LayerData:
    from ._layers import layer_options
    from ._settings import plugin_setting
    from .api import open as open_file

    file = open_file(path, device=plugin_setting("runtime", "device"))
    return file.read(), layer_options(file), "image"
