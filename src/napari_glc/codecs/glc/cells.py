"""Pixels by the latent position that stands for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...container import Box

__all__ = ["in_cells"]


def in_cells(values: NDArray[Any], area: Box, factor: int, plane: Box) -> NDArray[Any]:
    """Values of pixels ``(H, W)`` of a plane as ``(h, factor, w, factor)``, for the positions of an area.

    Beyond the plane, values are those of its border.
    """
    box = Box(*(factor * side for side in (area.top, area.left, area.bottom, area.right)))
    inside = values[box.cut(plane).slices]
    pixels = np.pad(inside, ((0, box.height - inside.shape[0]), (0, box.width - inside.shape[1])), mode="edge")
    return pixels.reshape(area.height, factor, area.width, factor)
