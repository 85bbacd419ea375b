"""The arrays that can be coded, and the planes the networks see of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container import ArrayKind, Box
from ..errors import UnsupportedArrayError

__all__ = ["from_plane", "padded_crop", "to_plane"]

_AXES = {ArrayKind.GREY8: "YX", ArrayKind.RGB8: "YXC"}


def to_plane(image: Any, axes: str | None = None) -> tuple[NDArray[np.uint8], ArrayKind]:
    """Check an array and turn it into a plane.

    Parameters
    ----------
    image
        Anything ``numpy.asarray`` understands: uint8, ``(Y, X)`` grey or ``(Y, X, 3)`` RGB, any strides.
    axes
        ``"YX"`` or ``"YXC"``; ``None`` takes what the shape says.

    Returns
    -------
    plane, kind
        ``(Y, X, 3)`` uint8 with grey replicated, and what to restore.

    Raises
    ------
    UnsupportedArrayError
        With what to do instead.
    """
    array = np.asarray(image)
    kind = _kind(array.shape, axes)
    if array.dtype == np.bool_:
        raise UnsupportedArrayError(
            "a mask cannot be coded: a generative codec would redraw its borders. Save it as PNG or TIFF"
        )
    if array.dtype != np.uint8:
        raise UnsupportedArrayError(
            f"{array.dtype} samples cannot be coded yet, only uint8. Rescale to 8 bits first, for instance with "
            "skimage.exposure.rescale_intensity(image, out_range='uint8').astype('uint8')"
        )
    if 0 in array.shape:
        raise UnsupportedArrayError(f"an array of shape {array.shape} has no pixels")
    if kind is ArrayKind.GREY8:
        array = np.repeat(array[..., np.newaxis], 3, axis=-1)
    return np.ascontiguousarray(array), kind


def _kind(shape: tuple[int, ...], axes: str | None) -> ArrayKind:
    if axes is not None and axes not in _AXES.values():
        raise UnsupportedArrayError(f"axes {axes!r} cannot be coded yet; use 'YX' (grey) or 'YXC' (RGB)")
    if axes is not None and len(axes) != len(shape):
        raise UnsupportedArrayError(f"axes {axes!r} do not fit an array of shape {shape}")
    if len(shape) == 2:
        return ArrayKind.GREY8
    if len(shape) == 3 and shape[2] == 3:
        return ArrayKind.RGB8
    if len(shape) == 3 and shape[2] == 4:
        raise UnsupportedArrayError(
            "RGBA cannot be coded: drop the alpha channel with image[..., :3] and keep the alpha in a lossless file"
        )
    raise UnsupportedArrayError(
        f"an array of shape {shape} cannot be coded yet, only (Y, X) and (Y, X, 3). Save one plane at a time"
    )


def from_plane(plane: NDArray[np.uint8], kind: ArrayKind) -> NDArray[np.uint8]:
    """Undo :func:`to_plane`: RGB as it is, grey as the rounded mean of the three channels."""
    if kind is ArrayKind.RGB8:
        return plane
    total = plane.sum(axis=-1, dtype=np.uint16)
    grey: NDArray[np.uint8] = ((total + 1) // 3).astype(np.uint8)
    return grey


def padded_crop(plane: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """A rectangle that may reach beyond the right and bottom border, where the last pixels are repeated."""
    height, width = plane.shape[:2]
    inside = plane[box.cut(Box(0, 0, height, width)).slices]
    below, beside = box.height - inside.shape[0], box.width - inside.shape[1]
    if below or beside:
        inside = np.pad(inside, ((0, below), (0, beside), (0, 0)), mode="edge")
    return np.ascontiguousarray(inside)
