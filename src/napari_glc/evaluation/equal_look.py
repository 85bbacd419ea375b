"""What curves say of one another: bytes at an equal look, as numbers and as a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..metrics.curves import rate_at, rising
from ..metrics.measures import measure_named
from .results import ResultCurve

__all__ = ["EqualLook", "equal_look"]

_NEARLY = 0.05
"""Share of the bytes below which a difference is none in words."""


@dataclass(frozen=True)
class EqualLook:
    """What another codec needs to come as near to the original.

    Attributes
    ----------
    label
        Of the other codec.
    times
        How many times the bytes; NaN if its curve does not reach there.
    smallest
        How many times the bytes its smallest file has, if that is nearer to the original already; else NaN.
    """

    label: str
    times: float
    smallest: float = math.nan

    @property
    def sentence(self) -> str:
        """For people, without a full stop."""
        if math.isfinite(self.smallest):
            return f"{self.label} is nearer already with its smallest file, {_times(self.smallest)} the bytes"
        if math.isnan(self.times):
            return f"{self.label} does not come as near with any setting tried"
        if abs(self.times - 1) < _NEARLY:
            return f"{self.label} needs about the same bytes"
        return f"{self.label} needs {_times(self.times)} the bytes"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio >= 1 else f"{100 * ratio:.0f} % of"


def equal_look(curve: ResultCurve, bpp: float, value: float, measure: str, label: str = "") -> EqualLook | None:
    """What a codec needs to come as near to the original as a file does.

    Parameters
    ----------
    curve
        Of the codec, for the same picture or pictures.
    bpp, value
        Rate of the file, and its value in the measure.
    measure
        Name of a measure.
    label
        What the codec is called; ``""`` for the curve's name.

    Returns
    -------
    EqualLook or None
        ``None`` if the curve has fewer than two points, or the value is not known.

    Examples
    --------
    >>> from napari_glc.evaluation.results import ResultCurve
    >>> points = ({"bpp": 0.06, "squeezenet": 1.2}, {"bpp": 0.12, "squeezenet": 0.6})
    >>> equal_look(ResultCurve("avif", points, frozenset()), 0.02, 1.2, "squeezenet", "AVIF").sentence
    'AVIF needs 3.0 times the bytes'
    """
    known = measure_named(measure)
    points, higher = curve.of(known), known.higher_is_better
    if len(points) < 2 or not math.isfinite(value):
        return None
    found = rate_at(points, value, higher_is_better=higher)
    worth = rising(points, higher_is_better=higher)
    below = math.isnan(found) and (value if higher else -value) < worth[0, 1]
    return EqualLook(label or curve.name, found / bpp, float(worth[0, 0]) / bpp if below else math.nan)
