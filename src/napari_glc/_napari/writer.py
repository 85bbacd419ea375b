"""napari's writer hook: thin, free of Qt and napari."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import imwrite
from .recoding import recoding_caution
from .window import keeps_waiting

if TYPE_CHECKING:
    from .._base.progress import Progress

__all__ = ["write_image", "write_images"]


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
    Cancelled
        If somebody pressed Cancel in front of the window; nothing is written then.
    UnsupportedArrayError
        If the layer cannot be coded; the message says what to do.
    OSError
        If the file cannot be written; an older one stays as it was.
    """
    from .layer_metadata import layer_axes, layer_metadata

    rgb = bool(meta.get("rgb", False))
    levels = list(data) if meta.get("multiscale") else [data]
    ndim = len(levels[0].shape) - rgb
    axes, metadata = layer_axes(meta, ndim, rgb), layer_metadata(meta, rgb)
    return [_write(_target(path), levels, axes, metadata, [meta])]


def write_images(path: str, layers: list[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Save several image layers as the channels of one file; see :func:`write_image`.

    Parameters
    ----------
    path
        Target; ``.glc`` is appended if it ends otherwise.
    layers
        Data, attributes and type of each, as napari hands them over.

    Returns
    -------
    list of str
        The path written.

    Raises
    ------
    Cancelled, OSError
        As for :func:`write_image`.
    UnsupportedArrayError
        If they differ in more than name, colours and contrast limits; the message says in what.
    """
    from .channels import channels_of

    return [_write(_target(path), *channels_of(layers), [meta for _, meta, _ in layers])]


def _caution(metas: list[dict[str, Any]]) -> None:
    """Tell people at a window, before it is done, that they encode what was decoded."""
    there = keeps_waiting()
    words = [recoding_caution(str(meta.get("name")), meta.get("metadata") or {}) for meta in metas]
    if there is not None and any(words):
        there.tell(next(filter(None, words)))


def _target(path: str) -> Path:
    """Napari's dialog lets people choose names that end otherwise."""
    target = Path(path)
    return target if target.suffix.lower() == ".glc" else target.with_name(target.name + ".glc")


def _write(target: Path, levels: list[Any], axes: str, metadata: dict[str, Any], metas: list[dict[str, Any]]) -> str:
    """Write a file as the preferences say; in front of a window that waits, with progress and Cancel.

    What of the layers, whose attributes `metas` are, is not in the file as it was is told.
    """
    from ..codecs.loading import wished_device
    from .settings import plugin_setting, preferred_device
    from .user_metadata import kept_metadata, words_of_loss

    options: dict[str, Any] = {
        "axes": axes,
        "quality": float(plugin_setting("writer", "quality")),
        "effort": int(plugin_setting("writer", "effort")),
        "metadata": metadata,
    }
    wish, there, notices = preferred_device(), keeps_waiting(), []
    if there is None:
        imwrite(target, levels, device=wish, **options)
    else:
        _caution(metas)

        def work(progress: Progress) -> str:
            device, notice = wished_device(wish)
            imwrite(target, levels, device=device, progress=progress, **options)
            return notice

        notices.append(there.wait_for(work, f"Saving {target.name}"))
    lost = [words for meta in metas for words in words_of_loss(metadata=kept_metadata(meta.get("metadata"))[1])]
    notices += [f"{target.name}: {words}" for words in (*dict.fromkeys(lost), *_said_of_values(target))]
    for notice in filter(None, notices):
        if there is None:
            warnings.warn(notice, stacklevel=3)
        else:
            # napari's dialog keeps warnings to itself
            there.tell(notice)
    return str(target)


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
