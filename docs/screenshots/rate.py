"""Scene of the widget *Rate exploration*: the sample at quality 30, wiped, with its curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imageio.v3 as iio

from napari_glc._qt.rate_widget import RateWidget
from napari_glc._sample_data import sample_path


def show(viewer: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Build the scene on a real viewer."""
    viewer.add_image(iio.imread(sample_path()), rgb=True, name="kodim23")
    widget = RateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Rate exploration", area="right")
    widget.quality.value = 30
    widget.run_button.click()
    wait(lambda: not widget.busy)
    widget.draw_curves()
    wait(lambda: not widget.busy)
    widget.mode.setCurrentIndex(widget.mode.findData("wipe"))
    viewer.reset_view()
