"""napari's writer hook: thin, free of Qt and napari."""

from __future__ import annotations

import math
import warnings
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
    from .user_metadata import kept_metadata, words_of_loss

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
    for words in (*words_of_loss(metadata=kept_metadata(meta.get("metadata"))[1]), *_said_of_values(target)):
        # napari shows warnings as notifications
        warnings.warn(f"{target.name}: {words}", stacklevel=2)
    return [str(target)]


def _said_of_values(path: Path) -> list[str]:
    """Which samples are not in a file as they were, beyond what coding does to all of them."""
    from .._base.words import percent
    from ..api import open as open_file

    file = open_file(path)
    layout, words = file.layout, []
    if layout.clipped:
        words.append(f"{percent(layout.clipped / math.prod(file.shape))} % of the samples were infinite or clipped.")
    if layout.not_numbers:
        words.append(f"{layout.not_numbers} samples are no numbers (NaN) and became the least value.")
    return words
