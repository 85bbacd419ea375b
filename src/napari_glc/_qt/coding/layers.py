"""The decoded picture as a layer over its original."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._napari.layer_planes import LayerPlane, source_of_layer
from ..common.own_layers import OwnLayers

__all__ = ["put_bits", "put_decoded"]


def put_decoded(
    layers: OwnLayers, original: Any, values: Any, facts: Mapping[str, Any], plane: tuple[int, ...] = ()
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
        For ``metadata["glc"]``.
    plane
        Where `values` lie along the leading axes of a stack, if they are one plane of it.

    Returns
    -------
    Image
        The layer. That of a plane of a stack has as many dimensions as the stack and shows up beside no other plane.
    """
    leading = len(plane)
    if leading:
        values = values.reshape((1,) * leading + values.shape)
    if isinstance(values, list) and len(values) == 1:
        (values,) = values
    translate = np.array(original.translate, float)
    translate[:leading] += np.asarray(plane, float) * np.asarray(original.scale, float)[:leading]
    options: dict[str, Any] = {
        "rgb": original.rgb,
        "multiscale": isinstance(values, list),
        "scale": tuple(original.scale),
        "translate": tuple(translate),
        "rotate": original.rotate,
        "shear": original.shear,
        "affine": original.affine,
        "units": original.units,
        "axis_labels": original.axis_labels,
        "contrast_limits": tuple(original.contrast_limits),
        "gamma": original.gamma,
    }
    if not original.rgb:
        options["colormap"] = original.colormap
    layer = layers.put("image", source_of_layer(original), "decoded", values, {**facts, "plane": plane}, options)
    layer.visible = True
    return layer


def put_bits(layers: OwnLayers, plane: LayerPlane, bits: NDArray[np.float64], factor: int) -> Any:
    """Show where the bits of a file went: an element for `factor` x `factor` pixels."""
    options = {
        "rgb": False,
        "contrast_limits": (0.0, max(float(bits.max()), 1e-6)),
        **plane.coarse_placement(factor),
    }
    return layers.put(
        "image", plane, "bits", bits, {"plane": plane.index}, options, first={"colormap": "inferno", "opacity": 0.7}
    )
