"""Where a plane lies in the world, whichever layer or file it is from. Free of Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..imaging.scaling import from_bytes

__all__ = ["PlanePlace", "Source"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a result was made of.

    Attributes
    ----------
    key
        Tells sources apart: the unique id of a layer, or the path of a file.
    name
        Of the layer, or of the one a file becomes.
    """

    key: str
    name: str


@dataclass(frozen=True, kw_only=True)
class PlanePlace(Source):
    """Where a plane lies in the world, and what its 8-bit levels stand for.

    Attributes
    ----------
    rgb
        Whether it is RGB.
    shape
        Rows and columns.
    placement
        ``scale``, ``translate``, ``units`` and ``axis_labels`` of the plane, as layer options.
    display
        ``contrast_limits``, ``colormap`` and ``gamma`` of a grey source, as layer options; empty for RGB.
    dtype
        Of the values.
    limits
        The values that become 0 and 255; ``None`` if they are uint8 already.
    """

    rgb: bool
    shape: tuple[int, int]
    placement: dict[str, Any]
    display: dict[str, Any]
    dtype: np.dtype[Any]
    limits: tuple[float, float] | None

    @property
    def axes(self) -> str:
        """``"YX"`` or ``"YXS"``."""
        return "YXS" if self.rgb else "YX"

    def coarse_placement(self, factor: int) -> dict[str, Any]:
        """Placement of a map with one element for `factor` x `factor` pixels, aligned with the plane."""
        scale = np.asarray(self.placement["scale"], float)
        translate = np.asarray(self.placement["translate"], float) + (factor - 1) / 2 * scale
        return {**self.placement, "scale": tuple(scale * factor), "translate": tuple(translate)}

    def restored(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Pixels of 8 bits in the values of the source: 0 to 255 become the limits again."""
        if self.limits is None:
            return pixels
        return from_bytes(pixels, self.limits, str(self.dtype))
