"""The stored table of Gaussian scales.

A network puts out a scale (or its logarithm) in fixed point; the coder uses one of 64 stored standard
deviations. Level k stands for ``0.12 * (32 / 0.12) ** (k / 63)``, rounded to a multiple of 2**-24, so that
the coder's probabilities never depend on a machine's ``exp``. The level of a network's output is found by
comparing integers with stored integer thresholds.

Symbols at level 0 are so surely zero (all but 3 in 100,000) that they are skipped: not coded, zero on both
sides.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVELS", "LOG_SCALE_MAX", "LOG_SCALE_MIN", "SCALES", "SKIPPED_LEVEL", "level_thresholds"]

LEVELS = 64
SKIPPED_LEVEL = 0
LOG_SCALE_MIN = math.log(0.12)
LOG_SCALE_MAX = math.log(32.0)

SCALES: NDArray[np.float64] = np.round(np.exp(np.linspace(LOG_SCALE_MIN, LOG_SCALE_MAX, LEVELS)) * 2.0**24) * 2.0**-24
SCALES.setflags(write=False)


def level_thresholds(fraction_bits: int, *, logarithmic: bool) -> NDArray[np.float64]:
    """Integer borders between the levels for fixed-point scales.

    Parameters
    ----------
    fraction_bits
        Binary digits after the point of the network's output.
    logarithmic
        The output is the natural logarithm of the scale rather than the scale.

    Returns
    -------
    NDArray[np.float64]
        63 rising integers; a value's level is the number of thresholds that are at most the value. They lie
        half-way between neighbouring levels in the logarithm.
    """
    middle = np.linspace(LOG_SCALE_MIN, LOG_SCALE_MAX, 2 * LEVELS - 1)[1::2]
    return np.round((middle if logarithmic else np.exp(middle)) * 2.0**fraction_bits)
