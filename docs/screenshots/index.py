"""The widget *VQ index map*: a map of 256 codewords, the most frequent one selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_glc._qt.index_map.widget import IndexWidget


def show(viewer: Any, layer: Any, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Show the index map of `layer` and the places of its most frequent codeword."""
    widget = IndexWidget(viewer)
    viewer.window.add_dock_widget(widget, name="VQ index map", area="right")
    widget.codebook.setCurrentText("256 codewords")
    widget.run()
    wait(lambda: widget.settled)
    found = widget._found
    assert found is not None
    widget.codeword.setValue(int(found.map.counts.argmax()))
    viewer.canvas.grid.enabled = False
    viewer.reset_view()
