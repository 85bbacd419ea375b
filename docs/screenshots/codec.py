"""The widget *Encode and decode*: a picture coded, its figures beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_glc._qt.coding.widget import CodecWidget


def show(viewer: Any, layer: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Code `layer`; original and decoded picture side by side."""
    widget = CodecWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Encode and decode", area="right")
    widget.quality.value = 60
    widget.run()
    wait(lambda: widget.settled)
    viewer.canvas.grid.enabled = True
    viewer.reset_view()
