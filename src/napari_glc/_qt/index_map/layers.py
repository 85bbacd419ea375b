"""The index map and a codeword's positions as napari layers."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..._napari.plane_place import PlanePlace
from ..common.own_layers import OwnLayers

if TYPE_CHECKING:
    from ...inspection.index_map.maps import IndexMap

__all__ = ["CODEWORD", "COLORMAPS", "IndexLayers", "direct_colormap", "rank_colours", "weakly"]

COLORMAPS = ("viridis", "turbo", "cividis")
"""Without cycles: the two ends of the order differ most. The first and the last are perceptually uniform."""

CODEWORD = "codeword"
"""What the layer of a codeword's places is called after its source."""

_TRANSPARENT = (0.0, 0.0, 0.0, 0.0)
_SHADE = (0.0, 0.0, 0.0, 0.75)


def rank_colours(size: int, colormap: str) -> NDArray[np.float64]:
    """Colours ``(size, 4)`` of the ranks 0 to ``size - 1``."""
    colours: NDArray[np.float64] = matplotlib.colormaps[colormap](np.linspace(0, 1, size))
    return colours


class IndexLayers(OwnLayers):
    """The index map of a source, and the places of one of its codewords."""

    def put_map(
        self, source: PlanePlace, found: IndexMap, order: NDArray[np.int64], colormap: str, facts: dict[str, Any]
    ) -> Any:
        """Show an index map.

        Its values are the indices themselves. Lost ones are -1, which is the value without colour, so that 0 has one.

        Parameters
        ----------
        source
            What it is a map of.
        found
            The map.
        order
            The index at each rank, ``(K,)``.
        colormap
            One of :data:`COLORMAPS`.
        facts
            What its metadata says.
        """
        colours = np.empty((found.size, 4))
        colours[order] = rank_colours(found.size, colormap)
        counts = np.append(found.lost.sum(), found.counts)
        options: dict[str, Any] = {
            "colormap": direct_colormap(dict(enumerate(colours))),
            "features": {
                "index": np.arange(-1, found.size),
                "rank": np.append(-1, np.argsort(order)),
                "count": counts,
            },
        }
        indices = found.indices.astype(np.int32)
        first = {"opacity": 1.0}
        # clicks on the map are for the active layer
        return self.put_plane(
            "labels", source, "index map", indices, facts, options, factor=found.factor, first=first, select=True
        )

    def put_places(self, source: PlanePlace, chosen: NDArray[np.bool_], factor: int, facts: dict[str, Any]) -> Any:
        """Show where a codeword occurs: everything else is darkened."""
        options, places = {"colormap": direct_colormap({0: _SHADE, 1: _TRANSPARENT})}, chosen.astype(np.uint8)
        first = {"opacity": 1.0}
        layer = self.put_plane("labels", source, CODEWORD, places, facts, options, factor=factor, first=first)
        layer.visible = True
        return layer


def direct_colormap(colours: dict[int, Any]) -> Any:
    """A label colormap in which 0 is a label like any other."""
    table: dict[int | None, Any] = {None: _TRANSPARENT, -1: _TRANSPARENT}
    for value, colour in colours.items():
        table[value] = colour
    return DirectLabelColormap(color_dict=table, background_value=-1, use_selection=False)


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A callback that does not keep the widget alive: viewer and layers hold what they are given."""
    target = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        living = target()
        return None if living is None else living(*arguments)

    return call
