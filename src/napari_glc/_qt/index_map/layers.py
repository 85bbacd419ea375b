"""The index map and a codeword's positions as napari layers."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ...inspection.index_map.maps import IndexMap

__all__ = ["COLORMAPS", "direct_colormap", "find_own", "rank_colours", "show_map", "show_positions", "weakly"]

COLORMAPS = ("viridis", "turbo", "cividis")
"""Without cycles: the two ends of the order differ most. The first and the last are perceptually uniform."""

_TRANSPARENT = (0.0, 0.0, 0.0, 0.0)
_SHADE = (0.0, 0.0, 0.0, 0.75)


def rank_colours(size: int, colormap: str) -> NDArray[np.float64]:
    """Colours ``(size, 4)`` of the ranks 0 to ``size - 1``."""
    colours: NDArray[np.float64] = matplotlib.colormaps[colormap](np.linspace(0, 1, size))
    return colours


def find_own(viewer: Any, shows: str, source: str) -> Any | None:
    """The layer an earlier run made of the same source."""
    for layer in viewer.layers:
        facts = layer.metadata.get("glc") if isinstance(layer, Labels) else None
        if isinstance(facts, dict) and (facts.get("shows"), facts.get("source")) == (shows, source):
            return layer
    return None


def show_map(
    viewer: Any,
    found: IndexMap,
    source: str,
    order: NDArray[np.int64],
    colormap: str,
    placement: dict[str, Any],
    facts: dict[str, Any],
) -> Any:
    """Add the layer of an index map, or update that of an earlier run.

    Its values are the indices themselves. Lost ones are -1, which is the value without colour, so that 0 has one.

    Parameters
    ----------
    viewer
        The viewer.
    found
        The map.
    source
        Name of what it is a map of.
    order
        The index at each rank, ``(K,)``.
    colormap
        One of :data:`COLORMAPS`.
    placement, facts
        Layer options that place it, and what its metadata says.
    """
    colours = np.empty((found.size, 4))
    colours[order] = rank_colours(found.size, colormap)
    ranks = np.argsort(order)
    every = np.arange(-1, found.size)
    options: dict[str, Any] = {
        "colormap": direct_colormap(dict(enumerate(colours))),
        "features": {"index": every, "rank": np.append(-1, ranks), "count": np.append(found.lost.sum(), found.counts)},
        "metadata": {"glc": {"shows": "index map", "source": source, **facts}},
        **placement,
    }
    return _put(viewer, found.indices.astype(np.int32), f"{source} index map", "index map", source, options)


def show_positions(
    viewer: Any, chosen: NDArray[np.bool_], source: str, placement: dict[str, Any], facts: dict[str, Any]
) -> Any:
    """Add or update the layer whose ones are a codeword's positions; everything else is darkened."""
    options: dict[str, Any] = {
        "colormap": direct_colormap({0: _SHADE, 1: _TRANSPARENT}),
        "metadata": {"glc": {"shows": "codeword", "source": source, **facts}},
        **placement,
    }
    return _put(viewer, chosen.astype(np.uint8), f"{source} codeword", "codeword", source, options)


def direct_colormap(colours: dict[int, Any]) -> Any:
    """A label colormap in which 0 is a label like any other."""
    table: dict[int | None, Any] = {None: _TRANSPARENT, -1: _TRANSPARENT}
    for value, colour in colours.items():
        table[value] = colour
    return DirectLabelColormap(color_dict=table, background_value=-1, use_selection=False)


def _put(viewer: Any, data: NDArray[Any], name: str, shows: str, source: str, options: dict[str, Any]) -> Any:
    layer = find_own(viewer, shows, source)
    if layer is None:
        return viewer.add_labels(data, name=name, opacity=1.0, **options)
    layer.data = data
    for option, value in options.items():
        setattr(layer, option, value)
    return layer


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """A callback that does not keep the widget alive: viewer and layers hold what they are given."""
    target = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        living = target()
        return None if living is None else living(*arguments)

    return call
