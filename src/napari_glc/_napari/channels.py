"""Several image layers as the channels of one file; opening it gives the layers back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedArrayError
from .layer_metadata import layer_axes, layer_metadata

__all__ = ["channels_of"]

LayerData = tuple[Any, dict[str, Any], str]

_PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""Attributes in which the channels of one file cannot differ."""
_OWN = ("colormap", "contrast_limits", "gamma", "metadata")
"""Attributes each channel keeps of its layer, beside its name."""
_PER_AXIS: dict[str, Any] = {"scale": 1.0, "translate": 0.0, "units": "pixel", "axis_labels": "c"}
"""What the file's metadata says of each axis, and what of that of channels."""


def channels_of(layers: Sequence[LayerData]) -> tuple[list[Any], str, dict[str, Any]]:
    """The array of one file, level by level, its axes, and its metadata.

    Parameters
    ----------
    layers
        As napari hands them to a writer, in the order of the channels.

    Raises
    ------
    UnsupportedArrayError
        If they cannot be channels of one file; the message says why, and of which layers.
    """
    levels = [list(data) if meta.get("multiscale") else [data] for data, meta, _ in layers]
    _check_alike(layers, levels)
    meta, ndim = layers[0][1], len(levels[0][0].shape)
    # the usual names of axes, where layers have none of their own, are those of files with channels
    axes = layer_axes(meta, ndim, False)
    if "C" in axes:
        axes = ("WVUQPT" + "ZYX")[-ndim:] if layer_axes(meta | {"axis_labels": ()}, ndim, False) == axes else axes
    if "C" in axes:
        raise UnsupportedArrayError(
            f"layer {meta.get('name')!r} has an axis of channels already, so it cannot be a channel itself; "
            "save the layers one by one"
        )
    place = axes.index("Z" if "Z" in axes else "Y")
    stacked = [_stack([of_layer[number] for of_layer in levels], place) for number in range(len(levels[0]))]
    metadata = {name: value for name, value in layer_metadata(meta, False).items() if name not in ("name", *_OWN)}
    for name, value in _PER_AXIS.items():
        if name in metadata:
            metadata[name] = [*metadata[name][:place], value, *metadata[name][place:]]
    for name in ("rotate", "shear", "affine"):
        if name in metadata:
            metadata[name] = _with_axis(np.asarray(metadata[name], float), place).tolist()
    metadata["channels"] = [_described(meta) for _, meta, _ in layers]
    return stacked, axes[:place] + "C" + axes[place:], metadata


def _with_axis(matrix: NDArray[np.float64], place: int) -> NDArray[np.float64]:
    """A transform with one more axis, which it leaves alone."""
    wider: NDArray[np.float64] = np.insert(np.insert(matrix, place, 0, axis=0), place, 0, axis=1)
    wider[place, place] = 1
    return wider


def _described(meta: dict[str, Any]) -> dict[str, Any]:
    """What a channel keeps of its layer."""
    kept = layer_metadata(meta, False)
    limits = meta.get("contrast_limits")
    described = {"layer": kept.get("name", ""), "colormap": "gray"}
    if limits is not None:
        # unlike those of a single layer, these are not the file's range where they are the type's
        described["contrast_limits"] = [float(limit) for limit in limits]
    return described | {name: kept[name] for name in _OWN if name in kept}


def _check_alike(layers: Sequence[LayerData], levels: list[list[Any]]) -> None:
    (_, first, _), shapes = layers[0], [level.shape for level in levels[0]]
    for (_, meta, _), others in zip(layers, levels, strict=True):
        if meta.get("rgb"):
            raise _unlike(meta, "is RGB and has three channels of its own")
        if [level.shape for level in others] != shapes:
            raise _unlike(meta, f"has {_sides(others[0].shape)} samples, {first.get('name')!r} {_sides(shapes[0])}")
        if others[0].dtype != levels[0][0].dtype:
            raise _unlike(meta, f"is {others[0].dtype}, {first.get('name')!r} is {levels[0][0].dtype}")
        for name in _PLACED:
            if not _equal(meta.get(name), first.get(name)):
                raise _unlike(meta, f"has another {name.replace('_', ' ')} than {first.get('name')!r}")


def _unlike(meta: dict[str, Any], why: str) -> UnsupportedArrayError:
    return UnsupportedArrayError(
        f"several layers become the channels of one file, and layer {meta.get('name')!r} {why}; "
        "save the layers one by one"
    )


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _equal(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    if any(isinstance(value, str) or not np.isscalar(value) for value in np.asarray(one, object).ravel()):
        return [str(value) for value in one] == [str(value) for value in other]
    return bool(np.allclose(np.asarray(one, float), np.asarray(other, float)))


def _stack(arrays: list[Any], axis: int) -> Any:
    """Arrays as one with a new axis, none of them read."""
    import dask.array as da

    lazy = [
        array
        if isinstance(array, da.Array)
        else da.from_array(array, chunks=(1,) * (len(array.shape) - 2) + array.shape[-2:], name=False)  # type: ignore[no-untyped-call]
        for array in arrays
    ]
    return da.stack(lazy, axis)  # type: ignore[no-untyped-call]
