"""Weights of pixels: where bits should go."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import OptionError

__all__ = ["checked_importance"]


def checked_importance(importance: Any, height: int, width: int) -> NDArray[np.float32]:
    """Weights of the pixels of a plane, scaled to a mean of 1, so that they move bits instead of adding some.

    Parameters
    ----------
    importance
        ``(H, W)``, real, finite, not negative, somewhere positive. Booleans are weights of 0 and 1.
    height, width
        Of the plane.

    Raises
    ------
    OptionError
        If they are none of that.
    """
    weights = np.asarray(importance)
    if weights.dtype.kind not in "buif":
        raise OptionError(f"importance must be an array of real numbers, not of {weights.dtype}")
    if weights.shape != (height, width):
        shape = " x ".join(map(str, weights.shape)) or "a single number"
        raise OptionError(f"importance has a weight for each of {height} x {width} pixels; this is {shape}")
    scaled: NDArray[np.float32] = weights.astype(np.float32)
    if not np.isfinite(scaled).all():
        raise OptionError("importance must not hold NaN or infinite weights")
    if scaled.min() < 0:
        raise OptionError("importance must not hold negative weights")
    mean = float(scaled.mean(dtype=np.float64))
    if mean == 0:
        raise OptionError("importance is zero everywhere: nothing would be worth a bit")
    scaled /= np.float32(mean)
    return scaled
