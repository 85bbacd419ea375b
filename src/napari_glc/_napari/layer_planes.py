"""From an image layer to the plane a codec sees, and back onto the canvas. Free of Qt.

::

    GUI's thread     plane_of_layer(layer) --> LayerPlane: which plane, where it lies, what its values mean
    work thread      LayerPlane.read()     --> samples, for a file that keeps their type
                     LayerPlane.picture()  --> 8 bits, for networks

Layers may hold lazy arrays, so that reading a plane means reading files or computing: no sample is touched before
:meth:`LayerPlane.read`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedArrayError
from ..imaging.layout import DTYPES
from ..imaging.scaling import to_bytes
from .layer_metadata import layer_options
from .plane_place import PlanePlace, Source

if TYPE_CHECKING:
    from ..files.opened import GlcFile

__all__ = ["LayerPlane", "Source", "coded_range", "display_of", "place_of_file", "plane_of_layer", "source_of_layer"]


@dataclass(frozen=True, kw_only=True)
class LayerPlane(PlanePlace):
    """One plane of an image layer, not read yet.

    Attributes
    ----------
    data
        Of the layer; of a multiscale one, the finest level.
    index
        Where the plane lies along the leading axes of the data; empty for a two-dimensional layer.
    """

    data: Any
    index: tuple[int, ...]

    def read(self) -> NDArray[Any]:
        """The samples ``(Y, X)`` or ``(Y, X, 3)`` in a type that files keep; types they do not know become float32.

        Raises
        ------
        UnsupportedArrayError
            If part of an RGBA picture is transparent.
        Exception
            Whatever a lazy array raises when it is computed.
        """
        samples = np.asarray(self.data[self.index] if self.index else self.data)
        if self.rgb and samples.shape[-1] == 4:
            if samples[..., 3].min() != samples[..., 3].max():
                raise UnsupportedArrayError(
                    f"layer {self.name!r} has transparent parts, which cannot be coded; drop its alpha channel first"
                )
            samples = samples[..., :3]
        if self.dtype.newbyteorder("=").name not in DTYPES:
            samples = samples.astype(np.float32)
        return np.ascontiguousarray(samples)

    def picture(self) -> NDArray[np.uint8]:
        """The plane as networks see it, uint8 ``(Y, X)`` or ``(Y, X, 3)``; raises what :meth:`read` raises."""
        return to_bytes(self.read(), self.limits)[0]


def plane_of_layer(layer: Any, point: Sequence[float] | None = None) -> LayerPlane:
    """The plane of an image layer that is on display.

    uint8 data are taken as they are. Other types are coded as they are displayed: the layer's contrast limits become
    0 and 255, and what lies beyond is clipped.

    Parameters
    ----------
    layer
        A napari image layer, two-dimensional or more; of a multiscale layer the finest level counts.
    point
        World coordinates whose plane is taken, as ``viewer.dims.point``; only needed beyond two dimensions.

    Raises
    ------
    UnsupportedArrayError
        If the layer is a mask.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    dtype = np.dtype(data.dtype)
    if dtype == np.bool_:
        raise UnsupportedArrayError(f"layer {layer.name!r} is a mask; a generative codec would redraw its borders")
    index: tuple[int, ...] = _slice_index(layer, data, point) if layer.ndim > 2 else ()
    height, width = data.shape[len(index) : len(index) + 2]
    return LayerPlane(
        key=str(layer.unique_id),
        name=str(layer.name),
        rgb=bool(layer.rgb),
        shape=(int(height), int(width)),
        placement={
            "scale": tuple(float(s) for s in layer.scale[-2:]),
            "translate": tuple(float(t) for t in layer.translate[-2:]),
            "units": tuple(str(u) for u in layer.units[-2:]),
            "axis_labels": tuple(str(a) for a in layer.axis_labels[-2:]),
        },
        display=display_of(layer),
        dtype=dtype,
        limits=coded_range(layer, dtype),
        data=data,
        index=index,
    )


def place_of_file(file: GlcFile) -> PlanePlace:
    """Where the picture of a file of one plane belongs; nothing is decoded."""
    options = layer_options(file)
    layout = file.layout
    rgb = bool(options["rgb"])
    return PlanePlace(
        key=str(options["name"]) if file.path is None else str(file.path),
        name=str(options["name"]),
        rgb=rgb,
        shape=(layout.size("Y"), layout.size("X")),
        placement={key: options[key][-2:] for key in ("scale", "translate", "units", "axis_labels")},
        display={} if rgb else {key: options[key] for key in ("contrast_limits", "colormap")},
        dtype=file.dtype,
        limits=layout.ranges[0] if layout.ranges else None,
    )


def source_of_layer(layer: Any) -> Source:
    """A layer as the source of results."""
    return Source(key=str(layer.unique_id), name=str(layer.name))


def display_of(layer: Any) -> dict[str, Any]:
    """How an image layer shows its values, as options of another one with the same values; empty for RGB."""
    if layer.rgb:
        return {}
    return {
        "contrast_limits": tuple(layer.contrast_limits),
        "colormap": layer.colormap,
        "gamma": layer.gamma,
    }


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
