"""Original and decoded picture, one in the place of the other: what a key press shows and hides. Free of Qt."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

__all__ = ["FLIP_KEY", "flip", "held_hidden"]

FLIP_KEY = "G"
"""Free in napari's own shortcuts, whatever kind of layer is active."""

_hidden: WeakSet[Any] = WeakSet()
"""Layers that were flipped away and are to come back."""


def flip(viewer: Any, source: Any = None) -> str:
    """Show the original in the place of what was made of it, or the other way round.

    Whatever pictures and maps lie over the original are hidden, and the next call brings back those and no others.

    Parameters
    ----------
    viewer
        The viewer.
    source
        The original; ``None`` for that of the active layer, or else of the topmost result.

    Returns
    -------
    str
        What is shown now, in words; why nothing is, if there is no result.
    """
    original = source if source is not None else _original_meant(viewer)
    results = [] if original is None else _results_of(viewer, original)
    if not results:
        return "There is no decoded picture to flip to: run first."
    shown = [layer for layer in results if layer.visible]
    if shown:
        _hidden.difference_update(results)
        _hidden.update(shown)
        for layer in shown:
            layer.visible = False
        original.visible = True
        return f"Original: {original.name}"
    back = [layer for layer in results if layer in _hidden] or results[-1:]
    _hidden.difference_update(results)
    for layer in back:
        layer.visible = True
    # an original that was moved to the top would hide them
    original.visible = viewer.layers.index(original) < viewer.layers.index(back[-1])
    return f"Decoded: {back[-1].name}"


def held_hidden(layer: Any) -> bool:
    """Whether a layer was flipped away."""
    return layer in _hidden and not layer.visible


def _source_key(layer: Any) -> str:
    facts = layer.metadata.get("glc")
    return str(facts.get("source_key", "")) if isinstance(facts, dict) else ""


def _is_image(layer: Any) -> bool:
    return type(layer).__name__ == "Image"


def _results_of(viewer: Any, original: Any) -> list[Any]:
    """Images made of a layer, from the bottom up."""
    key = str(original.unique_id)
    return [layer for layer in viewer.layers if _is_image(layer) and _source_key(layer) == key]


def _original_meant(viewer: Any) -> Any:
    by_key = {str(layer.unique_id): layer for layer in viewer.layers}
    active = viewer.layers.selection.active
    if active is not None:
        if _source_key(active) in by_key:
            return by_key[_source_key(active)]
        if _results_of(viewer, active):
            return active
    keys = [_source_key(layer) for layer in reversed(viewer.layers) if _is_image(layer)]
    return next((by_key[key] for key in keys if key in by_key), None)
