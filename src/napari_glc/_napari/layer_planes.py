"""From an image layer to the plane a codec sees, and back onto the canvas. Free of Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedArrayError
from ..imaging.scaling import from_bytes, to_bytes

__all__ = ["LayerPlane", "coded_range", "plane_of_layer"]


@dataclass(frozen=True)
class LayerPlane:
    """One plane of an image layer, ready to encode.

    Attributes
    ----------
    pixels
        uint8, ``(Y, X)`` or ``(Y, X, 3)``.
    rgb
        Whether the layer is RGB.
    name
        Of the layer.
    placement
        ``scale``, ``translate``, ``units`` and ``axis_labels`` of the plane, as layer options.
    dtype
        Of the layer's data.
    limits
        The values that became 0 and 255; ``None`` if the data are uint8 already.
    clipped
        Share of the samples beyond the limits, 0 to 1.
    index
        Where the plane lies along the leading axes of the layer; empty for a two-dimensional one.
    colormap
        Of a grey layer, for results that show the same values.
    """

    pixels: NDArray[np.uint8]
    rgb: bool
    name: str
    placement: dict[str, Any]
    dtype: np.dtype[Any]
    limits: tuple[float, float] | None
    clipped: float
    index: tuple[int, ...] = ()
    colormap: Any = None

    @property
    def axes(self) -> str:
        """``"YX"`` or ``"YXC"``."""
        return "YXC" if self.rgb else "YX"

    def coarse_placement(self, factor: int) -> dict[str, Any]:
        """Placement of a map with one element for `factor` x `factor` pixels, aligned with the plane."""
        scale = np.asarray(self.placement["scale"], float)
        translate = np.asarray(self.placement["translate"], float) + (factor - 1) / 2 * scale
        return {**self.placement, "scale": tuple(scale * factor), "translate": tuple(translate)}

    def restored(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Decoded pixels in the values of the layer: 0 to 255 become the limits again."""
        if self.limits is None:
            return pixels
        return from_bytes(pixels, self.limits, str(self.dtype))


def plane_of_layer(layer: Any, point: Sequence[float] | None = None) -> LayerPlane:
    """Copy the plane of an image layer that is on display.

    uint8 data are taken as they are. Other types are coded as they are displayed: the layer's contrast limits become
    0 and 255, and what lies beyond is clipped and counted.

    Parameters
    ----------
    layer
        A napari image layer, two-dimensional or more; of a multiscale layer the finest level counts.
    point
        World coordinates whose plane is taken, as ``viewer.dims.point``; only needed beyond two dimensions.

    Raises
    ------
    UnsupportedArrayError
        If the data cannot be coded; the message says what to do.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    index: tuple[int, ...] = _slice_index(layer, data, point) if layer.ndim > 2 else ()
    if index:
        data = data[index]
    pixels = np.asarray(data)
    rgb = bool(layer.rgb)
    if rgb and pixels.shape[-1] == 4:
        if pixels[..., 3].min() != pixels[..., 3].max():
            raise UnsupportedArrayError(
                f"layer {layer.name!r} has transparent parts, which cannot be coded; drop its alpha channel first"
            )
        pixels = pixels[..., :3]
    if pixels.dtype == np.bool_:
        raise UnsupportedArrayError(f"layer {layer.name!r} is a mask; a generative codec would redraw its borders")
    limits, clipped = None, 0.0
    dtype = pixels.dtype
    if dtype != np.uint8:
        limits = coded_range(layer, dtype)
        pixels, outside = to_bytes(pixels, limits)
        clipped = outside / pixels.size
    return LayerPlane(
        pixels=np.ascontiguousarray(pixels),
        rgb=rgb,
        name=str(layer.name),
        placement={
            "scale": tuple(float(s) for s in layer.scale[-2:]),
            "translate": tuple(float(t) for t in layer.translate[-2:]),
            "units": tuple(str(u) for u in layer.units[-2:]),
            "axis_labels": tuple(str(a) for a in layer.axis_labels[-2:]),
        },
        dtype=dtype,
        limits=limits,
        clipped=clipped,
        index=index,
        colormap=None if rgb else layer.colormap,
    )


def coded_range(layer: Any, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """The values of an image layer that become 0 and 255: what is displayed as darkest and brightest.

    Parameters
    ----------
    layer
        A napari image layer.
    dtype
        Of its data.

    Returns
    -------
    tuple of float or None
        The contrast limits, or the whole type where RGB has none; ``None`` for uint8, which is coded as it is.
    """
    if dtype == np.uint8:
        return None
    if not layer.rgb:
        low, high = layer.contrast_limits
        return float(low), float(high)
    return (0.0, float(np.iinfo(dtype).max)) if dtype.kind in "iu" else (0.0, 1.0)


def _slice_index(layer: Any, data: Any, point: Sequence[float] | None) -> tuple[int, ...]:
    """Integer index of the leading axes."""
    leading = int(layer.ndim) - 2
    if point is None:
        return (0,) * leading
    position = layer.world_to_data(tuple(point)[-layer.ndim :])
    places = [round(float(position[axis])) for axis in range(leading)]
    return tuple(min(max(place, 0), int(size) - 1) for place, size in zip(places, data.shape, strict=False))
