"""From an image layer to the plane a codec sees, and back onto the canvas. Free of Qt.

::

    GUI's thread     plane_of_layer(layer) --> LayerPlane: which plane, where it lies, what its values mean
    work thread      LayerPlane.read()     --> samples, for a file that keeps their type
                     LayerPlane.picture()  --> 8 bits, for networks

Layers may hold lazy arrays, so that reading a plane means reading files or computing: no sample is touched before
:meth:`LayerPlane.read`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..container import ArrayKind
from ..errors import UnsupportedArrayError
from ..imaging.layout import DTYPES
from ..imaging.planes import from_plane
from ..imaging.ranges import found_range
from ..imaging.scaling import to_bytes
from .layer_metadata import layer_options
from .placements import PLACEMENT, matrix_of, placement_of_layer
from .plane_place import Index, PlanePlace, Source

if TYPE_CHECKING:
    from ..files.opened import GlcFile

__all__ = [
    "LayerPlane",
    "Source",
    "coded_range",
    "display_of",
    "finest_data",
    "index_on_display",
    "is_source",
    "place_of_file",
    "plane_of_layer",
    "source_of_layer",
]


@dataclass(frozen=True, kw_only=True)
class LayerPlane(PlanePlace):
    """One plane of an image layer, not read yet.

    Attributes
    ----------
    data
        Of the layer; of a multiscale one, the finest level.
    """

    data: Any

    def read(self) -> NDArray[Any]:
        """The samples ``(Y, X)`` or ``(Y, X, 3)`` in a type that files keep; types they do not know become float32.

        Raises
        ------
        UnsupportedArrayError
            If part of an RGBA picture is transparent.
        Exception
            Whatever a lazy array raises when it is computed.
        """
        samples = np.asarray(self.data[tuple(slice(None) if place is None else place for place in self.index)])
        if self.rgb and samples.shape[-1] == 4:
            if samples[..., 3].min() != samples[..., 3].max():
                raise UnsupportedArrayError(
                    f"layer {self.name!r} has transparent parts, which cannot be coded; drop its alpha channel first"
                )
            samples = samples[..., :3]
        if self.dtype.newbyteorder("=").name not in DTYPES:
            samples = samples.astype(np.float32)
        return np.ascontiguousarray(samples)

    def ranged(self, rule: str, samples: NDArray[Any]) -> LayerPlane:
        """The plane with the values that become 0 and 255 found by a rule.

        Parameters
        ----------
        rule
            A name of :data:`~napari_glc.imaging.range_rules.RANGE_RULES`, or empty to leave them as they are.
        samples
            What :meth:`read` gave.

        Raises
        ------
        UnsupportedArrayError
            As for :func:`~napari_glc.imaging.ranges.found_range`.
        """
        if not rule:
            return self
        dtype = str(samples.dtype)
        limits = None if (dtype, rule) == ("uint8", "dtype") else found_range(lambda: [samples], dtype, rule)
        return replace(self, limits=limits)

    def of_network(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """What a network puts out, uint8 ``(Y, X, 3)``, in the shape and the values of the layer."""
        return self.restored(pixels if self.rgb else from_plane(pixels, ArrayKind.GREY8))

    def all_planes(self) -> list[LayerPlane]:
        """Every plane of the layer that has the same rows and columns, in the order of their numbers."""
        sizes = [range(int(self.data.shape[a])) if place is not None else (None,) for a, place in enumerate(self.index)]
        return [replace(self, index=index) for index in itertools.product(*sizes)]

    def picture(self) -> NDArray[np.uint8]:
        """The plane as networks see it, uint8 ``(Y, X)`` or ``(Y, X, 3)``; raises what :meth:`read` raises."""
        return to_bytes(self.read(), self.limits)[0]

    def picture_by(self, rule: str) -> tuple[LayerPlane, NDArray[np.uint8]]:
        """The plane with a range found by a rule, see :meth:`ranged`, and as networks see it then."""
        samples = self.read()
        plane = self.ranged(rule, samples)
        return plane, to_bytes(samples, plane.limits)[0]


def finest_data(layer: Any) -> Any:
    """The data of a layer, at their full resolution if it has several."""
    return layer.data[0] if layer.multiscale else layer.data


def plane_of_layer(layer: Any, dims: Any = None) -> LayerPlane:
    """The plane of an image layer that is on display.

    uint8 data are taken as they are. Other types are coded as they are displayed: the layer's contrast limits become
    0 and 255, and what lies beyond is clipped.

    Parameters
    ----------
    layer
        A napari image layer, two-dimensional or more; of a multiscale layer the finest level counts.
    dims
        ``viewer.dims``, which say where the sliders are and which axes are shown; ``None`` for the first plane. Rows
        come before columns as they do in the data, whichever of them the viewer draws downwards.

    Raises
    ------
    UnsupportedArrayError
        If the layer is a mask.
    """
    data = finest_data(layer)
    dtype = np.dtype(data.dtype)
    if dtype == np.bool_:
        raise UnsupportedArrayError(f"layer {layer.name!r} is a mask; a generative codec would redraw its borders")
    index = index_on_display(layer, dims)
    height, width = (int(size) for size, place in zip(data.shape, index, strict=False) if place is None)
    return LayerPlane(
        key=str(layer.unique_id),
        name=str(layer.name),
        rgb=bool(layer.rgb),
        shape=(height, width),
        placement=placement_of_layer(layer),
        display=display_of(layer),
        dtype=dtype,
        limits=coded_range(layer, dtype),
        data=data,
        index=index,
    )


def index_on_display(layer: Any, dims: Any = None) -> Index:
    """Which plane of a layer is on display; parameters as for :func:`plane_of_layer`.

    With three axes on display it is the plane at the sliders' places along the last two of them.
    """
    axes = int(layer.ndim)
    offset = 0 if dims is None else int(dims.ndim) - axes
    if dims is None or offset < 0:
        return (*(0 for _ in range(axes - 2)), None, None)
    order = [axis - offset for axis in dims.order if axis >= offset]
    others = sorted(order[:-2])
    point = _in_units_of(layer, dims)
    # napari slices like this, also where the other axes are tilted against those on display
    back = np.linalg.inv(matrix_of(placement_of_layer(layer)))
    found = back[np.ix_(others, others)] @ point[others] + back[others, -1]
    sizes = finest_data(layer).shape
    places = {a: min(max(round(float(place)), 0), int(sizes[a]) - 1) for a, place in zip(others, found, strict=True)}
    return tuple(places.get(axis) for axis in range(axes))


def _in_units_of(layer: Any, dims: Any) -> NDArray[np.float64]:
    """Where the sliders are along the axes of a layer, in its units: those of the viewer may be others."""
    axes = int(layer.ndim)
    point, units = np.asarray(dims.point, float)[-axes:], getattr(dims, "units", None) or ()
    if len(units) < axes:
        return point
    import pint

    registry = pint.get_application_registry()
    for axis, (seen, own) in enumerate(zip(units[-axes:], layer.units, strict=True)):
        if str(seen) != str(own):
            point[axis] *= registry.get_base_units(seen)[0] / registry.get_base_units(own)[0]
    return point


def place_of_file(file: GlcFile, plane: int = 0) -> PlanePlace:
    """Where a plane of a file belongs on the layer it becomes when it is opened; nothing is decoded.

    Parameters
    ----------
    file
        The file.
    plane
        Its number, counted through all leading axes.
    """
    layout = file.layout
    # every channel has a layer of its own
    at = dict(zip(layout.leading_axes, layout.places(plane)[0], strict=True))
    options = layer_options(file, at.pop("C", None))
    # channels that share a plane are the red, green and blue of it
    rgb = layout.rgb
    placement = {key: options[key] for key in PLACEMENT if key in options}
    limits = layout.range_of(layout.places(plane)[0])
    return PlanePlace(
        key=str(options["name"]) if file.path is None else str(file.path),
        name=str(options["name"]),
        rgb=rgb,
        shape=(layout.size("Y"), layout.size("X")),
        index=(*at.values(), None, None),
        placement=placement,
        display={} if rgb else {key: options[key] for key in ("contrast_limits", "colormap")},
        dtype=file.dtype,
        limits=limits,
    )


def source_of_layer(layer: Any) -> Source:
    """A layer as the source of results."""
    return Source(key=str(layer.unique_id), name=str(layer.name))


def is_source(source: Source, layer: Any) -> bool:
    """Whether a source is a plane or all of a layer; if there is no layer any more, nothing speaks against it."""
    return layer is None or source.key == str(layer.unique_id)


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
