"""Layers the recovery widget shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..._napari.plane_place import PlanePlace
from ..common.own_layers import OwnLayers

__all__ = ["RecoveryLayers"]

_LOST_COLOUR = {0: "transparent", None: "#ff9d00"}
"""Whatever label is painted, it shows."""


class RecoveryLayers(OwnLayers):
    """The result layers of one widget."""

    def put_difference(self, source: PlanePlace, what: str, gap: NDArray[np.uint8], facts: Mapping[str, Any]) -> Any:
        """Show a difference in grey levels, hidden at first."""
        options = {"rgb": False, "contrast_limits": (0.0, 128.0)}
        first = {"colormap": "inferno", "visible": False}
        return self.put_plane("image", source, what, gap, facts, options, first=first)

    def put_positions(
        self, source: PlanePlace, what: str, lost: NDArray[np.bool_], factor: int, facts: Mapping[str, Any]
    ) -> Any:
        """Show lost positions of `factor` x `factor` pixels, hidden at first."""
        first = {"opacity": 0.5, "visible": False, "colormap": DirectLabelColormap(color_dict=_LOST_COLOUR)}
        return self.put_plane("labels", source, what, lost.astype(np.uint8), facts, {}, factor=factor, first=first)
