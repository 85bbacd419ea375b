"""The key that flips original and decoded picture, for as long as a widget that decodes is open in a viewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QPushButton

from ..._napari.flipping import FLIP_KEY, flip

__all__ = ["flip_button", "follow_flip_key"]

_open: Counter[int] = Counter()
"""Widgets open in each viewer."""


def flip_button(then: Callable[[], None]) -> QPushButton:
    """A button that does what the key does."""
    button = QPushButton(f"Flip original / decoded ({FLIP_KEY})")
    button.setAccessibleName("Flip original and decoded")
    button.setToolTip(f"Show the original in the place of what was decoded, or back; key {FLIP_KEY}, on the canvas too")
    button.clicked.connect(then)
    return button


def follow_flip_key(viewer: Any) -> Callable[[], None]:
    """Let the key flip in a viewer.

    Returns
    -------
    Callable
        Ends it, unless another widget still wants it.
    """
    number = id(getattr(viewer, "__wrapped__", viewer))
    if not _open[number]:
        viewer.bind_key(FLIP_KEY, _flip, overwrite=True)
    _open[number] += 1

    def stop() -> None:
        _open[number] -= 1
        if not _open[number]:
            del _open[number]
            viewer.bind_key(FLIP_KEY, None)

    return stop


def _flip(viewer: Any) -> None:
    """Flip original and decoded picture."""
    viewer.status = flip(viewer)
