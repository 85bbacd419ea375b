"""Layers of the rate explorer: one of each kind for each source, updated in place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._napari.layer_planes import LayerPlane

__all__ = ["RateLayers"]

_UPDATED = ("scale", "translate", "units", "axis_labels", "contrast_limits")


class RateLayers:
    """Adds layers, and finds those it added before.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._made: dict[tuple[str, str], Any] = {}

    def find(self, plane: LayerPlane, what: str) -> Any | None:
        """An own layer that is still there."""
        layer = self._made.get((plane.name, what))
        return layer if layer is not None and layer in self._viewer.layers else None

    def remove(self, plane: LayerPlane, what: str) -> None:
        """Take an own layer away, if it is there."""
        layer = self.find(plane, what)
        if layer is not None:
            self._viewer.layers.remove(layer)

    def picture(self, plane: LayerPlane, what: str, source: Any, pixels: NDArray[np.uint8], facts: Any) -> Any:
        """Show 8-bit pixels in the values and colours of their source."""
        options: dict[str, Any] = {"rgb": plane.rgb, **plane.placement}
        if not plane.rgb:
            options |= {"contrast_limits": tuple(source.contrast_limits), "colormap": source.colormap}
            options["gamma"] = source.gamma
        return self._show(plane, what, plane.restored(pixels), facts, options)

    def map(
        self, plane: LayerPlane, what: str, data: NDArray[Any], limit: float, facts: Any, factor: int = 1, **more: Any
    ) -> Any:
        """Show a map with one element for `factor` x `factor` pixels, from 0 to `limit`."""
        placement = plane.coarse_placement(factor)
        options = {"rgb": False, "contrast_limits": (0.0, max(limit, 1e-6)), "colormap": "inferno", **placement, **more}
        return self._show(plane, what, data, facts, options)

    def _show(self, plane: LayerPlane, what: str, data: NDArray[Any], facts: Any, options: dict[str, Any]) -> Any:
        layer = self.find(plane, what)
        if layer is not None and layer.rgb == options["rgb"] and layer.data.shape == data.shape:
            layer.data = data
            for name in _UPDATED:
                if name in options and tuple(map(str, getattr(layer, name))) != tuple(map(str, options[name])):
                    setattr(layer, name, options[name])
            layer.metadata = {"glc": {**facts, "source": plane.name}}
            return layer
        visible = True
        if layer is not None:
            visible = layer.visible
            self._viewer.layers.remove(layer)
        active = self._viewer.layers.selection.active
        metadata = {"glc": {**facts, "source": plane.name}}
        layer = self._viewer.add_image(data, name=f"{plane.name} {what}", visible=visible, metadata=metadata, **options)
        # a result must not take the selection away from what the user works on
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active
        self._made[plane.name, what] = layer
        return layer
