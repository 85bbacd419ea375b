"""Weights of pixels: where bits should go."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from .layout import Layout

__all__ = ["MASK_WEIGHT", "Importance", "mask_weights"]

MASK_WEIGHT = 4.0
"""How much more what a mask covers counts than the rest, unless somebody says otherwise."""

_CALMEST = 5.0
"""How often the greatest weight is halved at most, for pixels that count nothing as well."""


def mask_weights(mask: NDArray[Any], weight: float = MASK_WEIGHT) -> NDArray[np.float32]:
    """Weights from a mask: `weight` where it is not zero, 1 elsewhere.

    Raises
    ------
    OptionError
        If the weight is negative or no number.
    """
    # written so that a NaN is refused
    if not 0 <= weight < np.inf:
        raise OptionError(f"the weight of a region is a number from 0 on, not {weight!r}")
    return np.where(np.asarray(mask) != 0, np.float32(weight), np.float32(1))


class Importance:
    """Weights of the pixels of an array, brought into planes.

    Parameters
    ----------
    weights
        Rows and columns ``(Y, X)``, which hold for every plane, or all leading axes of the array and those two. Real,
        finite, not negative, in every plane somewhere positive. Booleans: what is true counts :data:`MASK_WEIGHT`
        times as much as the rest.
    layout
        Of the array.

    Raises
    ------
    OptionError
        If they are none of that.
    """

    def __init__(self, weights: Any, layout: Layout) -> None:
        found = np.asarray(weights)
        if found.dtype.kind == "b":
            found = mask_weights(found)
        if found.dtype.kind not in "uif":
            raise OptionError(f"importance must be an array of real numbers, not of {found.dtype}")
        rows, columns = layout.size("Y"), layout.size("X")
        whole = (*layout.leading, rows, columns)
        if found.shape not in ((rows, columns), whole):
            shape = " x ".join(map(str, found.shape)) or "a single number"
            raise OptionError(f"importance has a weight for each of {rows} x {columns} pixels; this is {shape}")
        self._layout = layout
        self._weights = np.broadcast_to(found, whole) if found.ndim == 2 else found
        self._greatest = 0.0
        # a mask that holds for all planes is looked at once
        for part in [found] if found.ndim == 2 else found.reshape(-1, rows, columns):
            if not np.isfinite(part).all():
                raise OptionError("importance must not hold NaN or infinite weights")
            if part.min() < 0:
                raise OptionError("importance must not hold negative weights")
            if not part.any():
                raise OptionError("importance is zero all over a plane: nothing there would be worth a bit")
            self._greatest = max(self._greatest, float(part.max()))

    def plane(self, plane: int, level: int = 0) -> NDArray[np.float32]:
        """Weights ``(H, W)`` of a plane at a level of resolution, scaled to a mean of 1.

        So weights move bits instead of adding some. Channels that share a plane share the mean of their weights.
        """
        weights = self._averaged(plane, level)
        scaled: NDArray[np.float32] = (weights / weights.mean(dtype=np.float64)).astype(np.float32)
        return scaled

    def calm(self, plane: int, level: int = 0) -> NDArray[np.float32]:
        """How often the array's greatest weight is halved to give that of each pixel ``(H, W)``, 0 to 5."""
        shares = self._averaged(plane, level) / np.float32(self._greatest)
        found: NDArray[np.float32] = -np.log2(shares.clip(2**-_CALMEST, 1))
        return found

    def _averaged(self, plane: int, level: int) -> NDArray[np.float32]:
        parts = [self._weights[place] for place in self._layout.places(plane)]
        weights: NDArray[Any] = np.mean([part.astype(np.float32) for part in parts], axis=0)
        for _ in range(level):
            even = np.pad(weights, ((0, weights.shape[0] % 2), (0, weights.shape[1] % 2)), mode="edge")
            weights = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
        return weights
