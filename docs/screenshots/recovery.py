"""The widget *Lost-index recovery*: a picture through a lossy channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_glc._qt.recovery.widget import RecoveryWidget


def show(viewer: Any, layer: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Lose squares of the index map of `layer`, recover them, sweep the loss ratio."""
    widget = RecoveryWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Lost-index recovery", area="right")
    for box, value in ((widget.pattern, "tile"), (widget.method, "both-sides")):
        box.setCurrentIndex(box.findData(value))
    widget.seed.setValue(3)
    widget.ratios.setText("0.1 0.3 0.5")
    widget.sweep_button.click()
    wait(lambda: widget.settled)
    widget.run_button.click()
    wait(lambda: widget.settled)
    for kind in ("before recovery", "recovery difference"):
        viewer.layers[f"{layer.name} {kind}"].visible = True
    # each picture has a cell of its own; the lost positions lie on none of them
    viewer.layers.remove(f"{layer.name} lost positions")
    viewer.canvas.grid.enabled = True
    viewer.canvas.grid.shape = (2, 2)
    viewer.reset_view()
