"""The decoded picture as a layer over its original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._napari.layer_metadata import marked
from ..._napari.layer_planes import LayerPlane, source_of_layer
from ..._napari.placements import Placement, deepened, placement_of_layer
from ..._napari.plane_place import PlanePlace
from ...inspection.samples import spread
from ..common.own_layers import OwnLayers

__all__ = ["put_bits", "put_decoded", "put_samples"]


def put_decoded(
    layers: OwnLayers, original: Any, values: Any, facts: Mapping[str, Any], plane: PlanePlace | None
) -> Any:
    """Show what was decoded over its original: a new layer, or the one of an earlier run.

    Parameters
    ----------
    layers
        Of the widget.
    original
        The layer that was coded; it is in the viewer.
    values
        Decoded, in the values of the original; a list for levels of resolution.
    facts
        For ``metadata["glc"]``; what the codec marks its pictures with is added to the name.
    plane
        The plane that was coded; ``None`` for the whole layer.

    Returns
    -------
    Image
        The layer. That of a plane of a stack has as many dimensions as the stack and shows up beside no other plane.
    """
    what = marked("decoded", facts["codec"])
    if isinstance(values, list):
        # stacks are decoded when they are looked at, and not by the window
        from ..._napari.canvas_array import for_canvas

        dark = 0 if original.rgb else original.contrast_limits[0]
        values = for_canvas(values, f"{original.name} {what}", background=dark)
        values = values[0] if len(values) == 1 else values
    layer = _put(layers, original, what, values, facts, plane, _look(original))
    layer.visible = True
    return layer


def put_samples(
    layers: OwnLayers, original: Any, samples: NDArray[Any], facts: Mapping[str, Any], plane: PlanePlace | None
) -> None:
    """Show several pictures of the same bytes: a stack of them, their mean, and their deviation.

    Parameters
    ----------
    layers, original, facts, plane
        See :func:`put_decoded`.
    samples
        ``(count, ...)``, each of the shape of what was coded.
    """
    found, look = spread(samples, rgb=original.rgb), _look(original)
    stack = samples if plane is None else plane.lifted(samples, front=1)
    name, source = (
        marked("samples", facts["codec"]),
        source_of_layer(original) if plane is None else _named(plane, original),
    )
    layers.put("image", source, name, stack, facts, look | deepened(_placed(original, plane), "sample"))
    mean = np.round(found.mean).astype(samples.dtype) if samples.dtype.kind in "iu" else found.mean
    _put(layers, original, "mean of samples", mean, facts, plane, look)
    limits = (0.0, max(float(found.deviation.max()), 1e-6))
    shown = {"rgb": False, "colormap": "inferno", "contrast_limits": limits}
    _put(layers, original, "deviation of samples", found.deviation, facts, plane, shown)


def _put(
    layers: OwnLayers,
    original: Any,
    what: str,
    values: Any,
    facts: Mapping[str, Any],
    plane: PlanePlace | None,
    look: dict[str, Any],
) -> Any:
    if plane is not None:
        return layers.put_plane("image", _named(plane, original), what, values, facts, look)
    options = {"multiscale": isinstance(values, list), **look, **_placed(original, None)}
    return layers.put("image", source_of_layer(original), what, values, facts, options)


def _named(plane: PlanePlace, original: Any) -> PlanePlace:
    """The plane under the name its layer has now."""
    return replace(plane, name=str(original.name))


def _look(original: Any) -> dict[str, Any]:
    look = {"rgb": original.rgb, "contrast_limits": tuple(original.contrast_limits), "gamma": original.gamma}
    return look if original.rgb else look | {"colormap": original.colormap}


def _placed(original: Any, plane: PlanePlace | None) -> Placement:
    return placement_of_layer(original) if plane is None else plane.placed()


def put_bits(
    layers: OwnLayers, plane: LayerPlane, bits: NDArray[np.float64], factor: int, facts: Mapping[str, Any]
) -> Any:
    """Show where the bits of a file went: an element for `factor` x `factor` pixels."""
    options = {"rgb": False, "contrast_limits": (0.0, max(float(bits.max()), 1e-6))}
    first = {"colormap": "inferno", "opacity": 0.7}
    return layers.put_plane("image", plane, "bits", bits, facts, options, factor=factor, first=first)
