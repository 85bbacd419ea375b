"""The decoded picture as a layer over its original."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image

from ..._napari.layer_metadata import layer_metadata
from ..._napari.layer_planes import LayerPlane

__all__ = ["file_metadata", "put_decoded"]


def file_metadata(layer: Any, plane: LayerPlane | None = None) -> dict[str, Any]:
    """What of a layer goes into the file of all of it, or of one of its planes."""
    options = dict(layer.as_layer_data_tuple()[1])
    if plane is not None:
        options |= plane.placement
    if layer.dtype != np.uint8:
        # they are the darkest and the brightest value of the file already
        options["contrast_limits"] = None
    return layer_metadata(options, layer.rgb)


def put_decoded(viewer: Any, source: Any, values: Any, facts: dict[str, Any], plane: tuple[int, ...] = ()) -> Any:
    """Show what was decoded over its original: a new layer, or the one of an earlier run.

    Parameters
    ----------
    viewer
        The viewer.
    source
        The original; it is in the viewer.
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
    several = isinstance(values, list)
    translate = np.array(source.translate, float)
    translate[:leading] += np.asarray(plane, float) * np.asarray(source.scale, float)[:leading]
    key = str(source.unique_id)
    options: dict[str, Any] = {
        "scale": tuple(source.scale),
        "translate": tuple(translate),
        "rotate": source.rotate,
        "shear": source.shear,
        "affine": source.affine,
        "units": source.units,
        "axis_labels": source.axis_labels,
        "contrast_limits": tuple(source.contrast_limits),
        "gamma": source.gamma,
        "metadata": {"glc": {**facts, "source": source.name, "source_id": key, "plane": plane}},
    }
    if not source.rgb:
        options["colormap"] = source.colormap
    earlier = _earlier(viewer, key)
    kind = (source.rgb, source.ndim, several)
    if earlier is not None and (earlier.rgb, earlier.ndim, earlier.multiscale) == kind:
        earlier.data = values
        for name, value in options.items():
            setattr(earlier, name, value)
        earlier.visible = True
        return earlier
    if earlier is not None:
        viewer.layers.remove(earlier)
    return viewer.add_image(values, name=f"{source.name} decoded", rgb=source.rgb, multiscale=several, **options)


def _earlier(viewer: Any, key: str) -> Any | None:
    for layer in viewer.layers:
        facts = layer.metadata.get("glc")
        if isinstance(layer, Image) and isinstance(facts, dict) and facts.get("source_id") == key:
            return layer
    return None
