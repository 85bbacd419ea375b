"""The decoded picture as a layer over its original."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._napari.layer_metadata import marked
from ..._napari.layer_planes import LayerPlane, source_of_layer
from ...inspection.samples import spread
from ..common.own_layers import OwnLayers

__all__ = ["put_bits", "put_decoded", "put_samples"]


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
        For ``metadata["glc"]``; what the codec marks its pictures with is added to the name.
    plane
        Where `values` lie along the leading axes of a stack, if they are one plane of it.

    Returns
    -------
    Image
        The layer. That of a plane of a stack has as many dimensions as the stack and shows up beside no other plane.
    """
    if isinstance(values, list) and len(values) == 1:
        (values,) = values
    options = _placed(original, plane) | {
        "rgb": original.rgb,
        "multiscale": isinstance(values, list),
        "contrast_limits": tuple(original.contrast_limits),
        "gamma": original.gamma,
    }
    if not original.rgb:
        options["colormap"] = original.colormap
    what, told = marked("decoded", facts["codec"]), {**facts, "plane": plane}
    layer = layers.put("image", source_of_layer(original), what, _lifted(values, plane), told, options)
    layer.visible = True
    return layer


def put_samples(
    layers: OwnLayers, original: Any, samples: NDArray[Any], facts: Mapping[str, Any], plane: tuple[int, ...] = ()
) -> None:
    """Show several pictures of the same bytes: a stack of them, their mean, and their deviation.

    Parameters
    ----------
    layers, original, facts, plane
        See :func:`put_decoded`.
    samples
        ``(count, ...)``, each of the shape of what was coded.
    """
    rgb, source, told = original.rgb, source_of_layer(original), {**facts, "plane": plane}
    found = spread(samples, rgb=rgb)
    look = {"contrast_limits": tuple(original.contrast_limits), "gamma": original.gamma, "rgb": rgb}
    if not rgb:
        look["colormap"] = original.colormap
    placed = _placed(original, plane)
    deeper = placed | {
        "scale": (1.0, *placed["scale"]),
        "translate": (0.0, *placed["translate"]),
        "units": ("pixel", *map(str, placed["units"])),
        "axis_labels": ("sample", *placed["axis_labels"]),
    }
    for name in ("rotate", "shear", "affine"):
        # of as many dimensions as the original
        deeper.pop(name)
    stack = np.stack([_lifted(sample, plane) for sample in samples])
    mean = np.round(found.mean).astype(samples.dtype) if samples.dtype.kind in "iu" else found.mean
    layers.put("image", source, marked("samples", facts["codec"]), stack, told, look | deeper)
    layers.put("image", source, "mean of samples", _lifted(mean, plane), told, look | placed)
    deviation = _lifted(found.deviation, plane)
    limits = (0.0, max(float(deviation.max()), 1e-6))
    shown = {"rgb": False, "colormap": "inferno", "contrast_limits": limits}
    layers.put("image", source, "deviation of samples", deviation, told, shown | placed)


def _lifted(values: Any, plane: tuple[int, ...]) -> Any:
    """A plane with as many dimensions as its stack."""
    return values.reshape((1,) * len(plane) + values.shape) if plane else values


def _placed(original: Any, plane: tuple[int, ...]) -> dict[str, Any]:
    """Where the layer of a result lies: on its original."""
    leading = len(plane)
    translate = np.array(original.translate, float)
    translate[:leading] += np.asarray(plane, float) * np.asarray(original.scale, float)[:leading]
    return {
        "scale": tuple(original.scale),
        "translate": tuple(translate),
        "rotate": original.rotate,
        "shear": original.shear,
        "affine": original.affine,
        "units": original.units,
        "axis_labels": original.axis_labels,
    }


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
