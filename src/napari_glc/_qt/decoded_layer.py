"""The decoded picture as a layer over its original."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image

from .._layer_planes import LayerPlane
from .._layers import layer_metadata

__all__ = ["file_metadata", "put_decoded"]


def file_metadata(layer: Any, plane: LayerPlane) -> dict[str, Any]:
    """What of a layer goes into the file of one of its planes."""
    options = dict(layer.as_layer_data_tuple()[1])
    options |= plane.placement
    if plane.limits is not None:
        # they are the darkest and the brightest value of the file already
        options["contrast_limits"] = None
    return layer_metadata(options, plane.rgb)


def put_decoded(viewer: Any, source: Any, plane: LayerPlane, pixels: Any, facts: dict[str, Any]) -> Any:
    """Show decoded pixels over their original: a new layer, or the one of an earlier run.

    Parameters
    ----------
    viewer
        The viewer.
    source
        The original; it is in the viewer.
    plane
        What of it was coded.
    pixels
        Decoded, uint8.
    facts
        For ``metadata["glc"]``.

    Returns
    -------
    Image
        The layer. That of a plane of a stack has as many dimensions as the stack and shows up beside no other plane.
    """
    values = plane.restored(pixels)
    values = values.reshape((1,) * len(plane.index) + values.shape)
    translate = np.array(source.translate, float)
    leading = len(plane.index)
    translate[:leading] += np.asarray(plane.index, float) * np.asarray(source.scale, float)[:leading]
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
        "metadata": {"glc": {**facts, "source": plane.name, "source_id": key, "plane": plane.index}},
    }
    if not plane.rgb:
        options["colormap"] = source.colormap
    earlier = _earlier(viewer, key)
    if earlier is not None and (earlier.rgb, earlier.ndim) == (plane.rgb, source.ndim):
        earlier.data = values
        for name, value in options.items():
            setattr(earlier, name, value)
        earlier.visible = True
        return earlier
    if earlier is not None:
        viewer.layers.remove(earlier)
    return viewer.add_image(values, name=f"{source.name} decoded", rgb=plane.rgb, multiscale=False, **options)


def _earlier(viewer: Any, key: str) -> Any | None:
    for layer in viewer.layers:
        facts = layer.metadata.get("glc")
        if isinstance(layer, Image) and isinstance(facts, dict) and facts.get("source_id") == key:
            return layer
    return None
