"""Scene of the page on index maps: the sample picture, a codeword selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imageio.v3 as iio
import numpy as np

from napari_glc._qt.index_widget import IndexWidget
from napari_glc._sample_data import sample_path


def show(viewer: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Show the index map of the parrots with 256 codewords and the places of the most frequent one."""
    viewer.add_image(iio.imread(sample_path()), rgb=True, name="parrots")
    widget = IndexWidget(viewer)
    viewer.window.add_dock_widget(widget, name="VQ index map", area="right")
    widget.book.setCurrentText("256 codewords")
    widget.run()
    wait(lambda: not widget.busy)
    frequent = int(np.argmax(widget._found.map.counts)) if widget._found is not None else 0
    widget.codeword.setValue(frequent)
    viewer.canvas.grid.enabled = False
    viewer.reset_view()
