"""Layers the recovery widget shows, and keeps up to date instead of adding new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._napari.layer_metadata import layer_options
from ..._napari.layer_planes import LayerPlane
from ...files.opened import GlcFile

__all__ = ["ResultLayers", "plane_of_file"]

_KEPT_IN_STEP = ("scale", "translate", "units", "axis_labels", "contrast_limits")
"""What of a layer is set anew when its source was moved or scaled meanwhile."""

_LOST_COLOUR = {0: "transparent", None: "#ff9d00"}
"""Whatever label is painted, it shows."""


def plane_of_file(file: GlcFile, pixels: NDArray[np.uint8]) -> LayerPlane:
    """Where the decoded picture of a file belongs."""
    options = layer_options(file)
    return LayerPlane(
        pixels=pixels,
        rgb=bool(options["rgb"]),
        name=str(options["name"]),
        placement={key: options[key] for key in ("scale", "translate", "units", "axis_labels")},
        dtype=np.dtype(np.uint8),
        limits=None,
        clipped=0.0,
    )


def _fits(layer: Any, data: NDArray[Any], options: dict[str, Any]) -> bool:
    """Whether a layer can show new data in place of its own."""
    same_kind = "rgb" not in options or layer.rgb == options["rgb"]
    return bool(same_kind and layer.data.shape == data.shape and layer.data.dtype == data.dtype)


@dataclass
class _Kept:
    layer: Any
    data: Any
    metadata: dict[str, Any]


class ResultLayers:
    """The result layers of one widget, by source and kind.

    Parameters
    ----------
    viewer
        Where they are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layers: dict[tuple[str, str], Any] = {}
        self._kept: dict[tuple[str, str], _Kept | None] = {}

    def forget(self) -> None:
        """Let go of all layers; they stay in the viewer."""
        self._layers.clear()
        self._kept.clear()

    def find(self, source: str, what: str) -> Any | None:
        """A layer shown before, if the user has not removed it."""
        layer = self._layers.get((source, what))
        return layer if layer is not None and layer in self._viewer.layers else None

    def picture(
        self,
        source: str,
        what: str,
        plane: LayerPlane,
        pixels: NDArray[Any],
        metadata: dict[str, Any],
        *,
        visible: bool = True,
    ) -> Any:
        """Show a picture in the values of the source layer; `visible` counts for a new layer only."""
        limits = (0.0, 255.0) if plane.limits is None else plane.limits
        options = {"rgb": plane.rgb, "contrast_limits": limits, "visible": visible, **plane.placement}
        if plane.colormap is not None:
            options["colormap"] = plane.colormap
        return self._show(source, what, self._viewer.add_image, pixels, metadata, options)

    def difference(
        self, source: str, what: str, plane: LayerPlane, gap: NDArray[np.uint8], metadata: dict[str, Any]
    ) -> Any:
        """Show a difference in grey levels, hidden at first."""
        options = {
            "rgb": False,
            "contrast_limits": (0.0, 128.0),
            "colormap": "inferno",
            "visible": False,
            **plane.placement,
        }
        return self._show(source, what, self._viewer.add_image, gap, metadata, options)

    def positions(
        self, source: str, what: str, placement: dict[str, Any], lost: NDArray[np.bool_], metadata: dict[str, Any]
    ) -> Any:
        """Show lost positions, hidden at first."""
        from napari.utils.colormaps import DirectLabelColormap

        options = {
            "opacity": 0.5,
            "visible": False,
            "colormap": DirectLabelColormap(color_dict=_LOST_COLOUR),
            **placement,
        }
        return self._show(source, what, self._viewer.add_labels, lost.astype(np.uint8), metadata, options)

    def _show(
        self, source: str, what: str, add: Any, data: NDArray[Any], metadata: dict[str, Any], options: dict[str, Any]
    ) -> Any:
        layer = self.find(source, what)
        if layer is not None and _fits(layer, data, options):
            layer.data = data
            for key, value in options.items():
                if key in _KEPT_IN_STEP and list(map(str, getattr(layer, key))) != list(map(str, value)):
                    setattr(layer, key, value)
            layer.metadata = {"glc": {**metadata, "source": source}}
        else:
            if layer is not None:
                self._viewer.layers.remove(layer)
            layer = add(data, name=f"{source} {what}", metadata={"glc": {**metadata, "source": source}}, **options)
            self._layers[source, what] = layer
        return layer

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
