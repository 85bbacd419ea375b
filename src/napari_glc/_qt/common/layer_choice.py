"""A drop-down of layers that follows the layer list."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

from .choices import narrow

__all__ = ["LayerChoice"]


class LayerChoice(QComboBox):
    """Lists the layers of some types; the chosen one stays chosen while others come, go or change their names.

    Parameters
    ----------
    viewer
        The viewer.
    parent
        Qt parent.
    kinds
        Layer classes to list.
    nothing
        Words of a first item for no layer, which is chosen until somebody chooses another; empty for none.

    Attributes
    ----------
    changed
        Signal when another layer (or none) is chosen.
    """

    changed = Signal()

    def __init__(
        self, viewer: Any, parent: QWidget | None = None, kinds: tuple[type, ...] = (Image,), nothing: str = ""
    ) -> None:
        super().__init__(parent)
        self._viewer, self._kinds, self._nothing = viewer, kinds, nothing
        self._layers: list[Any] = [None] if nothing else []
        # long names must not widen the dock
        narrow(self)
        self._events = viewer.layers.events
        for name in ("inserted", "removed", "reordered", "renamed"):
            getattr(self._events, name).connect(self._refresh)
        self.currentIndexChanged.connect(lambda _: self.changed.emit())
        self._refresh()

    def detach(self) -> None:
        """Stop following the layer list; works when the Qt object is gone already."""
        for name in ("inserted", "removed", "reordered", "renamed"):
            getattr(self._events, name).disconnect(self._refresh)

    @property
    def layer(self) -> Any | None:
        """The chosen layer, or ``None``."""
        index = self.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @layer.setter
    def layer(self, layer: Any) -> None:
        self.setCurrentIndex(self._layers.index(layer))

    def _refresh(self, event: Any = None) -> None:
        before = self.layer
        layers: list[Any] = [layer for layer in self._viewer.layers if isinstance(layer, self._kinds)]
        active = self._viewer.layers.selection.active
        # a widget that opens looks at pictures, not at what another widget made of them
        pictures = [layer for layer in layers if not _is_result(layer)] or layers
        latest = pictures[-1] if pictures else None
        if self._nothing:
            layers = [None, *layers]
            pictures, latest = [], None
        wanted = before if before in layers else active if active in pictures else latest
        blocked = self.blockSignals(True)
        self.clear()
        self._layers = layers
        for layer in layers:
            self.addItem(self._nothing if layer is None else layer.name)
        self.setCurrentIndex(layers.index(wanted) if wanted in layers else -1)
        self.blockSignals(blocked)
        if wanted is not before:
            self.changed.emit()


def _is_result(layer: Any) -> bool:
    facts = layer.metadata.get("glc")
    return isinstance(facts, dict) and "source" in facts
