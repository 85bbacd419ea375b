"""The widget *Latent patches*: a latent in three colours, one position picked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_glc._qt.latent.widget import LatentWidget


def show(viewer: Any, layer: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Show the principal colours of the latent of `layer`."""
    widget = LatentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Latent patches", area="right")
    widget.overlay.setCurrentIndex(1)
    widget.run()
    wait(lambda: widget.settled)
    height, width = layer.data.shape[:2]
    widget.pick_world((0.42 * height, 0.43 * width))
    wait(lambda: widget.settled)
    viewer.layers[f"{layer.name} latent colours"].opacity = 0.75
    viewer.reset_view()
