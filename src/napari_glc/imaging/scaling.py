"""Samples of any type to 8 bits and back, linearly between two values.

The values of a range are stored, so a decoded sample is exact in type and lies on one of 256 steps between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["from_bytes", "to_bytes"]

_TOP = 255


def to_bytes(values: NDArray[Any], limits: tuple[float, float] | None) -> tuple[NDArray[np.uint8], int]:
    """Scaled to 0..255, and how many samples lay outside the range; what is no number becomes 0 and is not counted.

    Parameters
    ----------
    values
        Integers or floats of any shape.
    limits
        The values that become 0 and 255; ``None`` leaves uint8 samples as they are.
    """
    if limits is None:
        return values.astype(np.uint8, copy=False), 0
    low, high = limits
    if values.dtype.itemsize <= 2 and values.dtype.kind in "iu":
        # a table of all values there can be is quicker than arithmetic on the samples
        info = np.iinfo(values.dtype)
        every = np.arange(info.min, info.max + 1, dtype=np.float64)
        table = _scaled(every, low, high)
        places = values.astype(np.int64) - info.min
        counts = np.bincount(places.ravel(), minlength=every.size)
        return table[places], int(counts[(every < low) | (every > high)].sum())
    wide = values.astype(np.float64)
    outside = int(np.count_nonzero((wide < low) | (wide > high)))
    return _scaled(np.nan_to_num(wide, nan=low, posinf=high, neginf=low), low, high), outside


def _scaled(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint8]:
    factor = _TOP / (high - low) if high > low else 0.0
    scaled: NDArray[np.uint8] = ((values - low) * factor).round().clip(0, _TOP).astype(np.uint8)
    return scaled


def from_bytes(pixels: NDArray[np.uint8], limits: tuple[float, float] | None, dtype: str) -> NDArray[Any]:
    """Undo :func:`to_bytes` up to rounding.

    Parameters
    ----------
    pixels
        Of any shape.
    limits
        The values 0 and 255 stand for; ``None`` leaves the pixels as they are.
    dtype
        Of the result; integers are rounded, and nothing leaves the type's range.
    """
    kind = np.dtype(dtype)
    if limits is None:
        return pixels.astype(kind, copy=False)
    low, high = limits
    steps = low + np.arange(_TOP + 1) * ((high - low) / _TOP)
    if kind.kind in "iu":
        info = np.iinfo(kind)
        steps = steps.round().clip(info.min, info.max)
    else:
        steps = steps.clip(np.finfo(kind).min, np.finfo(kind).max)
    table: NDArray[Any] = steps.astype(kind)
    return table[pixels]
