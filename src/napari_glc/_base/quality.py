"""Quality: a number from 0 (fewest bytes) to 100, stored in half steps.

Everything that turns a quality into something else (a byte of the header, a rate point, a codebook, a slider) starts
from its whole number of steps, 0 to 200, so that encoder, decoder and widgets agree on it exactly.
"""

from __future__ import annotations

from numbers import Real

from ..errors import OptionError

__all__ = ["MAX_STEPS", "QUALITY_STEPS", "checked_quality", "from_steps", "steps"]

QUALITY_STEPS = 2
"""Steps in one unit of quality."""
MAX_STEPS = 100 * QUALITY_STEPS
"""Steps of the best quality."""


def checked_quality(value: object) -> float:
    """A quality somebody asked for, rounded to the nearest half step.

    Parameters
    ----------
    value
        Any real number from 0 to 100.

    Raises
    ------
    OptionError
        If it is no number within 0 to 100.
    """
    if not (isinstance(value, Real) and 0 <= float(value) <= 100):  # neither does NaN
        raise OptionError(f"quality must lie within 0 to 100, not {value!r}")
    return from_steps(steps(float(value)))


def steps(quality: float) -> int:
    """A quality of 0 to 100 as its nearest number of half steps, 0 to :data:`MAX_STEPS`."""
    return round(QUALITY_STEPS * quality)


def from_steps(count: int) -> float:
    """The quality of a number of half steps; undoes :func:`steps`."""
    return count / QUALITY_STEPS
