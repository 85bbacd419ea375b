"""What curves of quality over rate say of each other: Bjøntegaard's delta rate, and the rate at a quality.

A curve is a sequence of points ``(rate, quality)``, of bytes or bits per pixel and any measure. A setting that costs
more and is no better is nobody's choice and does not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError

__all__ = ["METHODS", "Curve", "Method", "bd_rate", "rate_at", "rising"]

Curve = Sequence[tuple[float, float]]
"""Points ``(rate, quality)`` in any order."""

Method = Literal["pchip", "cubic", "akima"]

METHODS: tuple[Method, ...] = get_args(Method)
"""Ways to lay a curve through points; see :func:`bd_rate`."""

_FEWEST = {"pchip": 2, "cubic": 4, "akima": 3}


def bd_rate(anchor: Curve, test: Curve, *, method: Method = "pchip", higher_is_better: bool = True) -> float:
    """How many percent more rate `test` takes than `anchor` at equal quality, on average (Bjøntegaard delta).

    The logarithm of the rate as a function of quality is averaged over the range of quality that both curves reach.

    Parameters
    ----------
    anchor, test
        Points ``(rate, quality)`` in any order; rates are positive, in the same unit. The curves need not have the
        same number of points.
    method
        How a curve is laid through its points. ``"pchip"``: piecewise cubic and monotone (Hermite, with Fritsch's and
        Carlson's slopes), as in the common test conditions of JCT-VC and JVET. ``"cubic"``: one cubic polynomial, the
        first proposal to ITU-T (Bjøntegaard, VCEG-M33, 2001); of more than four points a fit by least squares.
        ``"akima"``: piecewise cubic with Akima's slopes.
    higher_is_better
        False for distances.

    Returns
    -------
    float
        Percent; negative if `test` needs less. NaN if the curves share no range of quality, or one has fewer points
        than the method needs (``pchip`` 2, ``akima`` 3, ``cubic`` 4).

    Raises
    ------
    OptionError
        If a rate is not positive, a number is not finite, or the method is unknown.

    Examples
    --------
    >>> avif = [(0.05, 24.1), (0.11, 26.9), (0.2, 29.0), (0.4, 31.8)]
    >>> half = [(rate / 2, quality) for rate, quality in avif]
    >>> round(bd_rate(avif, half), 6), round(bd_rate(half, avif, method="cubic"), 6)
    (-50.0, 100.0)
    """
    if method not in METHODS:
        raise OptionError(f"{method!r} is no way to interpolate; choose from {', '.join(METHODS)}")
    ours, theirs = (rising(curve, higher_is_better=higher_is_better) for curve in (test, anchor))
    if min(len(ours), len(theirs)) < _FEWEST[method]:
        return math.nan
    low, high = max(ours[0, 1], theirs[0, 1]), min(ours[-1, 1], theirs[-1, 1])
    if low >= high:
        return math.nan
    means = [_integral(curve, method)(low, high) / (high - low) for curve in (ours, theirs)]
    return float(100 * math.expm1(means[0] - means[1]))


def rate_at(curve: Curve, quality: float, *, higher_is_better: bool = True) -> float:
    """The rate a curve takes at a quality, between its points by straight lines in the logarithm of the rate.

    Parameters
    ----------
    curve
        Points ``(rate, quality)`` in any order.
    quality
        In the curve's measure.
    higher_is_better
        False for distances.

    Returns
    -------
    float
        In the curve's unit; NaN beyond its ends.

    Raises
    ------
    OptionError
        If a rate of the curve is not positive, or a number is not finite.

    Examples
    --------
    >>> round(rate_at([(1000, 0.4), (4000, 0.2)], 0.3, higher_is_better=False))
    2000
    """
    points = rising(curve, higher_is_better=higher_is_better)
    wanted = quality if higher_is_better else -quality
    if not len(points) or not points[0, 1] <= wanted <= points[-1, 1]:
        return math.nan
    return math.exp(np.interp(wanted, points[:, 1], np.log(points[:, 0])))


def rising(curve: Curve, *, higher_is_better: bool = True) -> NDArray[np.float64]:
    """The points of a curve that are worth their rate: ``(n, 2)``, rate and quality both rising.

    Parameters
    ----------
    curve
        Points ``(rate, quality)`` in any order.
    higher_is_better
        False for distances, whose sign is changed.

    Raises
    ------
    OptionError
        If a rate is not positive, or a number is not finite.
    """
    points = np.array(curve, np.float64).reshape(-1, 2)
    if not np.isfinite(points).all() or (points[:, 0] <= 0).any():
        bad = next(point for point in points.tolist() if not (np.isfinite(point).all() and point[0] > 0))
        raise OptionError(f"a point of rate {bad[0]:g} and quality {bad[1]:g} lies on no curve")
    if not higher_is_better:
        points[:, 1] *= -1
    # of equal rates the best first
    points = points[np.lexsort((-points[:, 1], points[:, 0]))]
    best_before = np.maximum.accumulate(np.concatenate([[-np.inf], points[:, 1]]))[:-1]
    worth: NDArray[np.float64] = points[points[:, 1] > best_before]
    return worth


def _integral(points: NDArray[np.float64], method: Method) -> Callable[[float, float], float]:
    """The integral of the logarithm of the rate over quality, as a function of its limits."""
    # the package bjontegaard does the same by the same functions of SciPy, and imports pyplot for it
    from scipy import interpolate

    rates, qualities = np.log(points[:, 0]), points[:, 1]
    if method == "cubic":
        # around the middle, where powers of the quality differ
        middle = qualities.mean()
        whole = np.polynomial.Polynomial.fit(qualities - middle, rates, 3).integ()
        return lambda low, high: float(whole(high - middle) - whole(low - middle))
    kinds: dict[str, Any] = {"pchip": interpolate.PchipInterpolator, "akima": interpolate.Akima1DInterpolator}
    through = kinds[method](qualities, rates)
    return lambda low, high: float(through.integrate(low, high))
