"""Latents, symbols, grids, windows and attention as napari layers over their picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import label_colormap
from numpy.typing import NDArray

from ..._napari.placements import deepened
from ..._napari.plane_place import PlanePlace
from ...container import DEFAULT_TILE, Box, TileGrid
from ..common.own_layers import OwnLayers

if TYPE_CHECKING:
    from ...inspection.latent.attention import AttentionMap
    from ...inspection.latent.latents import CodedGrids, CodedLatent, IndexedLatent

__all__ = ["OF_GRIDS", "OF_LATENT", "OVERLAYS", "VIEWS", "LatentLayers"]

VIEWS = {
    "colours": "Latent as colours (PCA)",
    "latent": "Latent (channels)",
    "y": "Coefficients y (channels)",
    "symbols": "Symbols (channels)",
    "scales": "Scales (channels)",
    "hyper": "Hyper-latent indices",
    "grids": "Grids (channels)",
    "grid_bits": "Bits of the grids",
    "grid_changes": "What each grid adds",
}
"""What can be shown."""

OF_LATENT = ("colours", "latent")
"""What every codec with a latent has; of the others, those below belong to codecs with grids, the rest to codecs with
coefficients."""
OF_GRIDS = ("grids", "grid_bits", "grid_changes")

OVERLAYS = {"": "None", "windows": "32 x 32 windows", "tiles": "Tiles of the file"}

WINDOW = 32
_NAMES = {"colours": "latent colours", "y": "coefficients", "hyper": "hyper-latent"}
_LINE = "#ffd400"


class LatentLayers(OwnLayers):
    """Latents and what is drawn over them."""

    # -- what can be shown ----------------------------------------------------------------------------------

    def show(
        self,
        view: str,
        plane: PlanePlace,
        result: CodedLatent | IndexedLatent | CodedGrids,
        about: dict[str, Any],
    ) -> tuple[Any, str]:
        """Add or update the layer of one of :data:`VIEWS`; returns it and what to tell of it."""
        factor = result.factor
        rows, columns = (-(-side // factor) for side in plane.shape)
        facts = {**about, "shows": VIEWS[view]}
        if view == "colours":
            layer, words = self._colours(plane, result.latent[..., :rows, :columns], factor, facts)
        elif view in OF_GRIDS:
            layer, words = self._grids(view, plane, result, facts)
        elif view == "hyper":
            grid = getattr(result, "hyper_indices")[: -(-rows // 4), : -(-columns // 4)]  # noqa: B009 (of one kind only)
            layer, words = self._hyper_indices(plane, grid, factor, facts)
        else:
            stack = getattr(result, view)[..., :rows, :columns]
            layer, words = self._channels(view, plane, stack, factor, facts)
        self._raise_outlines(plane)
        return layer, words

    def _colours(self, plane: PlanePlace, latent: Any, factor: int, facts: dict[str, Any]) -> tuple[Any, str]:
        from ...inspection.latent.latents import latent_colours

        colours = latent_colours(latent)
        layer = self.put_plane(
            "image",
            plane,
            _NAMES["colours"],
            colours.rgb,
            {**facts, "explained_variance": colours.explained},
            {"rgb": True, "contrast_limits": (0, 255)},
            factor=factor,
        )
        shares = ", ".join(f"{share:.0%}" for share in colours.explained)
        return layer, f"Red, green and blue hold {shares} of the latent's variance."

    def _grids(self, view: str, plane: PlanePlace, result: Any, facts: dict[str, Any]) -> tuple[Any, str]:
        """A layer for each grid, the coarsest at the bottom; all sums are told."""
        if view == "grid_changes":
            return self._grid_changes(plane, result, facts)
        sums = [float(bits.sum()) / 8 for bits in result.bits]
        layer: Any = None
        for k in reversed(range(len(sums))):
            factor = result.factor << k
            rows, columns = (-(-side // factor) for side in plane.shape)
            about = {**facts, "grid": k, "estimated_bytes": sums[k]}
            if view == "grids":
                stack = result.grids[k][:, :rows, :columns]
                layer, _ = self._channels(f"grid {factor} px", plane, stack, factor, about)
            else:
                bits = result.bits[k].sum(0)[:rows, :columns]
                options = {"rgb": False, "contrast_limits": (0, max(float(bits.max()), 1e-6))}
                name, first = f"bits of grid {factor} px", {"colormap": "inferno"}
                layer = self.put_plane("image", plane, name, bits, about, options, factor=factor, first=first)
        shares = ", ".join(f"{result.factor << k} px {size:.0f}" for k, size in enumerate(sums))
        return layer, f"Estimated bytes by grid: {shares}."

    def _grid_changes(self, plane: PlanePlace, result: Any, facts: dict[str, Any]) -> tuple[Any, str]:
        """What the latent changes by with each grid; all layers have the same colours."""
        factor = result.factor
        rows, columns = (-(-side // factor) for side in plane.shape)
        highest = max(float(np.percentile(added, 99.9)) for added in result.added)
        means: list[float] = []
        layer: Any = None
        for k in reversed(range(len(result.added))):
            added = result.added[k][:rows, :columns]
            means.insert(0, float(np.sqrt(np.square(added).mean())))
            options = {"rgb": False, "contrast_limits": (0, max(highest, 1e-6))}
            about = {**facts, "grid": k, "root_mean_square": means[0]}
            name, first = f"added by grid {factor << k} px", {"colormap": "inferno"}
            layer = self.put_plane("image", plane, name, added, about, options, factor=factor, first=first)
        shares = ", ".join(f"{factor << k} px {mean:.2f}" for k, mean in enumerate(means))
        return layer, f"Change of the latent by grid, root mean square: {shares}."

    def _hyper_indices(self, plane: PlanePlace, grid: Any, factor: int, facts: dict[str, Any]) -> tuple[Any, str]:
        # code 0 is a code like any other, not background
        colours = label_colormap(max(2, int(grid.max()) + 1), background_value=-1)
        codes, first = grid.astype(np.int32), {"opacity": 0.6}
        layer = self.put_plane(
            "labels", plane, _NAMES["hyper"], codes, facts, {"colormap": colours}, factor=4 * factor, first=first
        )
        return layer, f"{len(np.unique(grid))} different hyper indices; hover to read them."

    def _channels(
        self, view: str, plane: PlanePlace, stack: Any, factor: int, facts: dict[str, Any]
    ) -> tuple[Any, str]:
        """A stack of channels; the slider goes to the liveliest one, since many are empty."""
        if view == "scales":
            low, high, colours = 0.12, max(0.5, float(np.percentile(stack, 99.9))), "viridis"
        else:
            high = max(float(np.percentile(np.abs(stack), 99.9)), 1.0 if view == "symbols" else 1e-3)
            low, colours = -high, "PiYG"
        liveliest = int(np.square(stack.astype(np.float64)).mean(axis=(1, 2)).argmax())
        layer = self.put(
            "image",
            plane,
            _NAMES.get(view, view),
            plane.lifted(np.ascontiguousarray(stack), front=1),
            {"plane": plane.numbers, **facts},
            {"rgb": False, "contrast_limits": (low, high), **deepened(plane.placed(factor), "channel")},
            first={"colormap": colours},
        )
        self._viewer.dims.set_point(self._viewer.dims.ndim - layer.ndim, liveliest)
        return layer, f"The slider shows channel {liveliest}, the strongest; colours from {low:.2f} to {high:.2f}."

    def outline(self, which: str, plane: PlanePlace, factor: int) -> Any | None:
        """Show one of :data:`OVERLAYS` as outlines and remove the other."""
        for other in OVERLAYS:
            if other and other != which:
                self.remove(plane.key, other)
        if not which:
            return None
        height, width = plane.shape
        side = WINDOW * factor
        if which == "tiles":
            boxes = list(TileGrid(height, width, DEFAULT_TILE))
        else:
            boxes = [
                Box(top, left, min(top + side, height), min(left + side, width))
                for top in range(0, height, side)
                for left in range(0, width, side)
            ]
        return self._rectangles(which, boxes, plane, max(1.0, max(height, width) / 250))

    def mark(self, plane: PlanePlace, factor: int, row: int, column: int) -> Any:
        """Outline one latent position."""
        box = Box(row * factor, column * factor, (row + 1) * factor, (column + 1) * factor)
        return self._rectangles("picked position", [box], plane, max(1.0, factor / 8))

    def attention(self, plane: PlanePlace, factor: int, found: AttentionMap, about: dict[str, Any]) -> Any:
        """Show attention weights over the picture."""
        limits = (0, max(float(found.weights.max()), 1e-6))
        layer = self.put_plane(
            "image",
            plane,
            "attention",
            found.weights,
            about,
            {"rgb": False, "contrast_limits": limits},
            factor=factor,
            corner=(factor * found.area.top, factor * found.area.left),
            first={"colormap": "inferno", "opacity": 0.75},
        )
        self._raise_outlines(plane)
        return layer

    def _raise_outlines(self, plane: PlanePlace) -> None:
        """Keep outlines above what they outline."""
        for what in ("windows", "tiles", "picked position"):
            layer = self.find(plane.key, what)
            if layer is not None:
                self._viewer.layers.move(self._viewer.layers.index(layer), len(self._viewer.layers))

    def hide_attention(self, plane: PlanePlace) -> None:
        """Remove the attention layer."""
        self.remove(plane.key, "attention")

    def _rectangles(self, what: str, boxes: list[Box], plane: PlanePlace, width: float) -> Any:
        # pixel k reaches from k - 1/2 to k + 1/2
        corners = [_corners(box, plane) for box in boxes]
        look = {
            "shape_type": "rectangle",
            "edge_color": _LINE,
            "face_color": "transparent",
            "edge_width": width,
            "opacity": 1,
        }
        return self.put("shapes", plane, what, corners, {"plane": plane.numbers}, plane.placed(), first=look)


def _corners(box: Box, plane: PlanePlace) -> NDArray[np.float64]:
    """The four corners of a rectangle, with the axes of the plane's source."""
    corners = np.zeros((4, len(plane.index)))
    rows, columns = plane.sides
    corners[:, rows] = np.array([box.top, box.top, box.bottom, box.bottom]) - 0.5
    corners[:, columns] = np.array([box.left, box.right, box.right, box.left]) - 0.5
    return corners
