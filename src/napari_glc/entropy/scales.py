"""The stored table of Gaussian scales.

The prior predicts a standard deviation (or its logarithm) in fixed point; the coder uses the nearest of 64 stored
ones. Level k stands for ``0.12 * (32 / 0.12) ** (k / 63)``, rounded to a multiple of 2**-24, so that the coder's
probabilities never depend on a machine's ``exp``. The level of a prediction is found by comparing integers with stored
integer thresholds.

The table is this project's own (CompressAI's has 64 levels from 0.11 to 256, that of DCVC-RT 128 from 0.11 to 16):

- Below 0.12 a symbol is not zero 3 times in 100,000, twice the probability beyond 0.5 / 0.12 standard deviations. So
  symbols at level 0 are skipped: not coded, zero on both sides.
- At 32 the symbols of ±255 reach to 8 standard deviations; nothing coded at these rates comes near.
- Levels are 9 % apart. A scale half a level off costs 0.003 bits a symbol, the divergence of the two Gaussians.
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
