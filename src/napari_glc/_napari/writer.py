"""napari's writer hook: thin, free of Qt and napari."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["write_image"]


def write_image(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save one image layer at quality and effort of the preferences, tile by tile: it may be larger than memory.

    Parameters
    ----------
    path
        Target; ``.glc`` is appended if it ends otherwise.
    data
        The layer's data.
    meta
        The layer's attributes, as napari hands them over.

    Returns
    -------
    list of str
        The path written.

    Raises
    ------
    UnsupportedArrayError
        If the layer cannot be coded; the message says what to do.
    OSError
        If the file cannot be written; an older one stays as it was.
    """
    from ..api import imwrite
    from .layer_metadata import layer_axes, layer_metadata
    from .settings import plugin_setting, preferred_device

    target = Path(path)
    if target.suffix.lower() != ".glc":
        target = target.with_name(target.name + ".glc")
    rgb = bool(meta.get("rgb", False))
    levels = list(data) if meta.get("multiscale") else [data]
    ndim = len(levels[0].shape) - rgb
    imwrite(
        target,
        levels,
        axes=layer_axes(meta, ndim, rgb),
        quality=float(plugin_setting("writer", "quality")),
        effort=int(plugin_setting("writer", "effort")),
        device=preferred_device(),
        metadata=layer_metadata(meta, rgb),
    )
    return [str(target)]
