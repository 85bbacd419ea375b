"""The scene of docs/images/widget_codec.png: a photograph coded, its figures beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imageio.v3 as iio

from napari_glc._qt.codec_widget import CodecWidget
from napari_glc._sample_data import sample_path


def show(viewer: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Build the scene on a viewer; `wait` processes events until its argument returns true."""
    viewer.add_image(iio.imread(sample_path()), rgb=True, name="parrots")
    widget = CodecWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Encode and decode", area="right")
    widget.quality.value = 60
    widget.run()
    wait(lambda: not widget.busy)
    viewer.canvas.grid.enabled = True
    viewer.reset_view()
