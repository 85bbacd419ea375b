"""How strong the noise of a picture is, estimated from its smoothest parts.

White noise has the same deviation in every 2 x 2 diagonal difference; a picture's own detail has none in smooth parts.
So the blocks of least deviation tell the noise (after Immerkaer 1996, *Fast noise variance estimation*, who averages
over all of them, and Pyatykh et al. 2013, who take the least).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["noise_level"]

_BLOCK = 8
"""Side of a block in differences; 16 pixels."""
_QUANTILE = 0.15
_BIAS = 0.95
"""The quantile of pure noise, of three channels, in deviations of the noise; found by simulation."""
_SATURATED = 0.05
"""Blocks with more samples than that at either end of the range do not count: noise is clipped there."""


def noise_level(plane: NDArray[np.uint8]) -> float:
    """Standard deviation of white noise in a picture, in grey levels of 0 to 255.

    Parameters
    ----------
    plane
        ``(H, W, 3)`` uint8.

    Returns
    -------
    float
        0 if the picture is too small to tell, or saturated everywhere.
    """
    side = 2 * _BLOCK
    rows, columns = (n // side for n in plane.shape[:2])
    if rows == 0 or columns == 0:
        return 0.0
    x = plane[: rows * side, : columns * side].astype(np.float32)
    diagonal = (x[::2, ::2] - x[1::2, ::2] - x[::2, 1::2] + x[1::2, 1::2]) / 2
    blocks = diagonal.reshape(rows, _BLOCK, columns, _BLOCK, 3)
    deviation = np.sqrt(np.square(blocks).mean((1, 3)).mean(-1))
    ends = ((x == 0) | (x == 255)).reshape(rows, side, columns, side, 3).mean((1, 3, 4))
    kept = deviation[ends <= _SATURATED]
    return float(np.quantile(kept, _QUANTILE)) / _BIAS if kept.size else 0.0
