"""Layers of the rate explorer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._napari.plane_place import PlanePlace
from ..common.own_layers import OwnLayers

__all__ = ["RateLayers"]


class RateLayers(OwnLayers):
    """Pictures and maps of one source."""

    def put_map(
        self,
        source: PlanePlace,
        what: str,
        data: NDArray[np.generic],
        limit: float,
        facts: Mapping[str, Any],
        *,
        factor: int = 1,
        opacity: float = 1.0,
    ) -> Any:
        """Show a map with one element for `factor` x `factor` pixels, from 0 to `limit`."""
        options = {"rgb": False, "contrast_limits": (0.0, max(limit, 1e-6))}
        first = {"colormap": "inferno", "opacity": opacity}
        return self.put_plane("image", source, what, data, facts, options, factor=factor, first=first)
