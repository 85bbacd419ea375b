"""The widget *Rate exploration*: a picture at quality 30, wiped, with its curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_glc._qt.rate.widget import RateWidget


def show(viewer: Any, layer: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Explore the rate of `layer`."""
    widget = RateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Rate exploration", area="right")
    widget.quality.value = 30
    widget.run_button.click()
    wait(lambda: widget.settled)
    widget.draw_curves()
    wait(lambda: widget.settled)
    widget.mode.setCurrentIndex(widget.mode.findData("wipe"))
    viewer.reset_view()
