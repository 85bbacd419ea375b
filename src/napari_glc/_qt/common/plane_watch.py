"""Says that another plane came on display than the one a widget's results are of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..._napari.layer_planes import index_on_display
from ..._napari.plane_place import PlanePlace

__all__ = ["PlaneWatch"]

_MOVES = ("point", "current_step", "order")


class PlaneWatch:
    """Follows the sliders of a viewer.

    Parameters
    ----------
    viewer
        The viewer.
    tell
        Called with words when another plane is on display than that of the results; with none when it is theirs again.
    """

    def __init__(self, viewer: Any, tell: Callable[[str], None]) -> None:
        self._viewer, self._tell = viewer, tell
        self._layer: Any = None
        self._place: PlanePlace | None = None
        self._elsewhere = False
        for name in _MOVES:
            getattr(viewer.dims.events, name).connect(self._look)

    def release(self) -> None:
        """Stop following."""
        for name in _MOVES:
            getattr(self._viewer.dims.events, name).disconnect(self._look)
        self.forget()

    def results_are_of(self, layer: Any, place: PlanePlace) -> None:
        """A widget shows results of a plane of a layer now."""
        self._layer, self._place = layer, place
        self._elsewhere = False
        self._look()

    def forget(self) -> None:
        """A widget shows no results."""
        self._layer = self._place = None

    def _look(self, event: Any = None) -> None:
        layer, place = self._layer, self._place
        dims = self._viewer.dims
        if place is None or not place.numbers or layer not in self._viewer.layers:
            return
        if len(dims.order) != dims.ndim or len(dims.point) != dims.ndim:  # layers come and go at this moment
            return
        index = index_on_display(layer, dims)
        if index != place.index:
            here = replace(place, index=index)
            self._tell(f"{here.words} of {place.name} is on display; the results are of {_small(place.words)}.")
        elif self._elsewhere:
            self._tell("")
        self._elsewhere = index != place.index


def _small(words: str) -> str:
    return words[:1].lower() + words[1:]
