"""Latents, symbols, grids, windows and attention as napari layers over their picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from napari.utils.colormaps import label_colormap

from ..._napari.layer_planes import LayerPlane
from ...container import Box, TileGrid
from ...container.header import DEFAULT_TILE

if TYPE_CHECKING:
    from ...inspection.latent.attention import AttentionMap
    from ...inspection.latent.latents import CodedLatent, IndexedLatent

__all__ = ["OVERLAYS", "VIEWS", "Leading", "ResultLayers"]

VIEWS = {
    "colours": "Latent as colours (PCA)",
    "latent": "Latent (channels)",
    "y": "Coefficients y (channels)",
    "symbols": "Symbols (channels)",
    "scales": "Scales (channels)",
    "hyper": "Hyper-latent indices",
}
"""What can be shown; the last four belong to the ``glc`` codec."""

OVERLAYS = {"": "None", "windows": "32 x 32 windows", "tiles": "Tiles of the file"}

WINDOW = 32
_NAMES = {"colours": "latent colours", "y": "coefficients", "hyper": "hyper-latent"}
_LINE = "#ffd400"


@dataclass(frozen=True)
class Leading:
    """Where a plane lies along the axes before its last two.

    Attributes
    ----------
    scale, translate, units, axis_labels
        Of these axes; `translate` is the place of the plane in world coordinates.
    """

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]

    @classmethod
    def of_layer(cls, layer: Any, point: Sequence[float]) -> Leading:
        """Of the plane of a layer that is on display."""
        count = layer.ndim - 2
        position = np.zeros(layer.ndim)
        if count:
            position[:count] = np.round(layer.world_to_data(tuple(point)[-layer.ndim :])[:count])
        world = layer.data_to_world(position)
        return cls(
            tuple(float(s) for s in layer.scale[:count]),
            tuple(float(w) for w in world[:count]),
            tuple(str(u) for u in layer.units[:count]),
            tuple(str(a) for a in layer.axis_labels[:count]),
        )


class ResultLayers:
    """Layers made from one source; showing the same thing again updates its layer.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._shown: dict[str, Any] = {}

    def get(self, name: str) -> Any | None:
        """The layer of this name, if this object made it and it is still there."""
        layer = self._shown.get(name)
        return layer if layer is not None and layer in self._viewer.layers else None

    def _put(self, kind: str, data: Any, name: str, **options: Any) -> Any:
        old = self.get(name)
        if old is not None and kind != "shapes" and old.data.shape == data.shape and old.data.dtype == data.dtype:
            old.data = data
            for key in ("scale", "translate", "contrast_limits", "metadata"):
                if key in options:
                    setattr(old, key, options[key])
            return old
        active, index = self._viewer.layers.selection.active, None
        visible = True
        if old is not None:
            index, visible = self._viewer.layers.index(old), old.visible
            self._viewer.layers.remove(old)
        layer = getattr(self._viewer, f"add_{kind}")(data, name=name, visible=visible, **options)
        self._shown[name] = layer
        if index is not None:
            self._viewer.layers.move(len(self._viewer.layers) - 1, index)
        # a result must not take the selection away: with a Shapes layer active, clicks would draw
        keep = active if active is not None and active in self._viewer.layers else None
        if keep is not None:
            self._viewer.layers.selection.active = keep
        return layer

    # -- what can be shown ----------------------------------------------------------------------------------

    def show(
        self, view: str, plane: LayerPlane, leading: Leading, result: CodedLatent | IndexedLatent, about: dict[str, Any]
    ) -> tuple[Any, str]:
        """Add or update the layer of one of :data:`VIEWS`; returns it and what to tell of it."""
        from ...inspection.latent.latents import latent_colours

        factor, size = result.factor, plane.pixels.shape[:2]
        name = f"{plane.name} {_NAMES.get(view, view)}"
        rows, columns = (-(-side // factor) for side in size)
        cut = (..., slice(0, rows), slice(0, columns))
        metadata = {"glc": {**about, "shows": VIEWS[view]}}
        if view == "colours":
            colours = latent_colours(result.latent[cut])
            metadata["glc"]["explained_variance"] = colours.explained
            layer = self._put(
                "image",
                colours.rgb,
                name,
                rgb=True,
                contrast_limits=(0, 255),
                metadata=metadata,
                **plane.coarse_placement(factor),
            )
            self._raise_outlines(plane)
            shares = ", ".join(f"{share:.0%}" for share in colours.explained)
            return layer, f"Red, green and blue hold {shares} of the latent's variance."
        if view == "hyper":
            grid = getattr(result, "hyper_indices")[: -(-rows // 4), : -(-columns // 4)]  # noqa: B009 (of one kind only)
            layer = self._put(
                "labels",
                grid.astype(np.int32),
                name,
                opacity=0.6,
                # code 0 is a code like any other, not background
                colormap=label_colormap(max(2, int(grid.max()) + 1), background_value=-1),
                metadata=metadata,
                **plane.coarse_placement(4 * factor),
            )
            self._raise_outlines(plane)
            return layer, f"{len(np.unique(grid))} different hyper indices; hover to read them."
        stack = getattr(result, view)[cut]
        if view == "scales":
            low, high, colours_name = 0.12, max(0.5, float(np.percentile(stack, 99.9))), "viridis"
        else:
            high = max(float(np.percentile(np.abs(stack), 99.9)), 1.0 if view == "symbols" else 1e-3)
            low, colours_name = -high, "PiYG"
        # where most happens, since many channels are empty
        liveliest = int(np.square(stack.astype(np.float64)).mean(axis=(1, 2)).argmax())
        extent = (stack.shape[0], *(1,) * len(leading.scale), *stack.shape[1:])
        layer = self._put(
            "image",
            np.ascontiguousarray(stack).reshape(extent),
            name,
            rgb=False,
            contrast_limits=(low, high),
            colormap=colours_name,
            metadata=metadata,
            **_stacked(plane.coarse_placement(factor), leading),
        )
        self._raise_outlines(plane)
        self._viewer.dims.set_point(self._viewer.dims.ndim - layer.ndim, liveliest)
        return layer, f"The slider shows channel {liveliest}, the strongest; colours from {low:.2f} to {high:.2f}."

    def outline(self, which: str, plane: LayerPlane, factor: int) -> Any | None:
        """Show one of :data:`OVERLAYS` as outlines and remove the other."""
        for other in OVERLAYS:
            layer = self.get(f"{plane.name} {other}") if other and other != which else None
            if layer is not None:
                self._viewer.layers.remove(layer)
        if not which:
            return None
        height, width = plane.pixels.shape[:2]
        side = WINDOW * factor
        if which == "tiles":
            boxes = list(TileGrid(height, width, DEFAULT_TILE))
        else:
            boxes = [
                Box(top, left, min(top + side, height), min(left + side, width))
                for top in range(0, height, side)
                for left in range(0, width, side)
            ]
        return self._rectangles(f"{plane.name} {which}", boxes, plane, max(1.0, max(height, width) / 250))

    def mark(self, plane: LayerPlane, factor: int, row: int, column: int) -> Any:
        """Outline one latent position."""
        box = Box(row * factor, column * factor, (row + 1) * factor, (column + 1) * factor)
        return self._rectangles(f"{plane.name} picked position", [box], plane, max(1.0, factor / 8))

    def attention(self, plane: LayerPlane, factor: int, found: AttentionMap, about: dict[str, Any]) -> Any:
        """Show attention weights over the picture."""
        placement = plane.coarse_placement(factor)
        corner = np.array([found.area.top, found.area.left]) * np.asarray(placement["scale"])
        placement["translate"] = tuple(float(v) for v in np.asarray(placement["translate"]) + corner)
        layer = self._put(
            "image",
            found.weights,
            f"{plane.name} attention",
            rgb=False,
            contrast_limits=(0, max(float(found.weights.max()), 1e-6)),
            colormap="inferno",
            opacity=0.75,
            metadata={"glc": about},
            **placement,
        )
        self._raise_outlines(plane)
        return layer

    def _raise_outlines(self, plane: LayerPlane) -> None:
        """Keep outlines above what they outline."""
        for what in ("windows", "tiles", "picked position"):
            layer = self.get(f"{plane.name} {what}")
            if layer is not None:
                self._viewer.layers.move(self._viewer.layers.index(layer), len(self._viewer.layers))

    def hide_attention(self, plane: LayerPlane) -> None:
        """Remove the attention layer."""
        layer = self.get(f"{plane.name} attention")
        if layer is not None:
            self._viewer.layers.remove(layer)

    def _rectangles(self, name: str, boxes: list[Box], plane: LayerPlane, width: float) -> Any:
        # pixel k reaches from k - 1/2 to k + 1/2
        corners = [np.array([[b.top, b.left], [b.bottom, b.right]]) - 0.5 for b in boxes]
        old = self.get(name)
        if isinstance(old, Shapes) and len(old.data) == len(corners) == 1:
            old.scale, old.translate = plane.placement["scale"], plane.placement["translate"]
            old.data = corners
            return old
        return self._put(
            "shapes",
            corners,
            name,
            shape_type="rectangle",
            edge_color=_LINE,
            face_color="transparent",
            edge_width=width,
            opacity=1,
            **plane.placement,
        )


def _stacked(placement: dict[str, Any], leading: Leading) -> dict[str, Any]:
    """Placement with a channel axis in front of the axes the source layer has."""
    return {
        "scale": (1.0, *leading.scale, *placement["scale"]),
        "translate": (0.0, *leading.translate, *placement["translate"]),
        "units": ("pixel", *leading.units, *placement["units"]),
        "axis_labels": ("channel", *leading.axis_labels, *placement["axis_labels"]),
    }
