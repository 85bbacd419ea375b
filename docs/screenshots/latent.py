"""The scene of the latent widget's picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imageio.v3 as iio

from napari_glc._qt.latent_widget import LatentWidget
from napari_glc._sample_data import sample_path


def show(viewer: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Principal colours of a photograph's latent with one position picked."""
    viewer.add_image(iio.imread(sample_path()), rgb=True, name="kodim23")
    widget = LatentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Latent patches", area="right")
    widget.overlay.setCurrentIndex(1)
    widget.run()
    wait(lambda: not widget.busy)
    widget.pick_world((215.0, 330.0))
    wait(lambda: not widget.busy)
    viewer.layers["kodim23 latent colours"].opacity = 0.75
    viewer.reset_view()
