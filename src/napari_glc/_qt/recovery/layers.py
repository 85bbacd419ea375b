"""Layers the recovery widget shows, unfinished ones among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..._napari.plane_place import PlanePlace
from ..common.own_layers import OwnLayers

__all__ = ["RecoveryLayers"]

_LOST_COLOUR = {0: "transparent", None: "#ff9d00"}
"""Whatever label is painted, it shows."""


@dataclass
class _Kept:
    layer: Any
    data: Any
    metadata: dict[str, Any]


class RecoveryLayers(OwnLayers):
    """The result layers of one widget."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self._kept: dict[tuple[str, str], _Kept | None] = {}

    def put_difference(self, source: PlanePlace, what: str, gap: NDArray[np.uint8], facts: Mapping[str, Any]) -> Any:
        """Show a difference in grey levels, hidden at first."""
        options = {"rgb": False, "contrast_limits": (0.0, 128.0), **source.placement}
        return self.put("image", source, what, gap, facts, options, first={"colormap": "inferno", "visible": False})

    def put_positions(
        self, source: PlanePlace, what: str, lost: NDArray[np.bool_], factor: int, facts: Mapping[str, Any]
    ) -> Any:
        """Show lost positions of `factor` x `factor` pixels, hidden at first."""
        first = {"opacity": 0.5, "visible": False, "colormap": DirectLabelColormap(color_dict=_LOST_COLOUR)}
        options = source.coarse_placement(factor)
        return self.put("labels", source, what, lost.astype(np.uint8), facts, options, first=first)

    # -- partial results -------------------------------------------------------------------------------------

    def remember(self, source: str, what: str) -> None:
        """Note what a layer holds before a job shows unfinished pictures in it."""
        layer = self.find(source, what)
        self._kept = {(source, what): None if layer is None else _Kept(layer, layer.data, dict(layer.metadata))}

    def restore(self) -> None:
        """Undo what was shown since :meth:`remember`: nothing unfinished stays."""
        for key, kept in self._kept.items():
            layer = self.find(*key)
            if layer is None:
                continue
            if kept is None or kept.layer is not layer:
                self._viewer.layers.remove(layer)
            else:
                layer.data, layer.metadata = kept.data, kept.metadata
        self._kept = {}

    def keep(self) -> None:
        """The job has finished: what it showed stays."""
        self._kept = {}
