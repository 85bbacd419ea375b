"""BD-rates are Bjøntegaard's, whoever computes them, and what lies on no curve is refused."""

from __future__ import annotations

import math

import bjontegaard
import numpy as np
import pytest

from napari_glc.errors import OptionError
from napari_glc.metrics import bd_rate, rate_at

# rates in kbit/s and PSNR in dB of two encoders
ANCHOR = [(686.76, 40.28), (309.58, 37.18), (157.11, 34.24), (85.95, 31.42)]
TEST = [(893.34, 40.39), (407.80, 37.21), (204.93, 34.17), (112.75, 31.24)]
FIVE = [*TEST, (1900.0, 43.0)]


@pytest.mark.parametrize("method", ["pchip", "cubic", "akima"])
@pytest.mark.parametrize("test", [TEST, FIVE])
def test_bd_rates_are_those_of_the_package_bjontegaard(method, test):
    sides = [np.array(side) for curve in (ANCHOR, sorted(test)) for side in zip(*sorted(curve), strict=True)]
    expected = bjontegaard.bd_rate(*sides, method=method, require_matching_points=False, min_overlap=0)
    assert bd_rate(ANCHOR, test, method=method) == pytest.approx(expected, rel=1e-9)


def test_the_polynomial_is_that_of_the_proposal():
    """VCEG-M33 by its formula: polynomials through four points, the difference of their integrals."""
    ours, theirs = ([np.array(side) for side in zip(*curve, strict=True)] for curve in (TEST, ANCHOR))
    low, high = max(ours[1].min(), theirs[1].min()), min(ours[1].max(), theirs[1].max())
    areas = []
    for rates, qualities in (ours, theirs):
        whole = np.polyint(np.polyfit(qualities, np.log10(rates), 3))
        areas.append(np.polyval(whole, high) - np.polyval(whole, low))
    expected = (10 ** ((areas[0] - areas[1]) / (high - low)) - 1) * 100
    assert bd_rate(ANCHOR, TEST, method="cubic") == pytest.approx(expected, rel=1e-9)


def test_order_and_settings_nobody_would_choose_change_nothing():
    assert bd_rate(ANCHOR[::-1], [*TEST, (500.0, 33.0)]) == bd_rate(ANCHOR, TEST)


def test_distances_are_better_when_they_are_small():
    distances = [(rate, -quality) for rate, quality in ANCHOR], [(rate, -quality) for rate, quality in TEST]
    assert bd_rate(*distances, higher_is_better=False) == bd_rate(ANCHOR, TEST)


def test_there_is_no_number_without_a_common_range_or_enough_points():
    assert math.isnan(bd_rate(ANCHOR, [(1.0, 10.0), (2.0, 12.0)]))
    assert math.isnan(bd_rate(ANCHOR, TEST[:3], method="cubic"))
    assert math.isnan(bd_rate(ANCHOR, []))


@pytest.mark.parametrize("point", [(0.0, 30.0), (-1.0, 30.0), (100.0, math.nan), (math.inf, 30.0)])
def test_points_on_no_curve_are_refused_in_one_line(point):
    with pytest.raises(OptionError, match=r"^a point of rate .* lies on no curve$"):
        bd_rate(ANCHOR, [*TEST, point])


def test_unknown_methods_are_refused():
    with pytest.raises(OptionError, match="choose from pchip, cubic, akima"):
        bd_rate(ANCHOR, TEST, method="spline")


def test_the_rate_at_a_quality_is_between_those_of_its_neighbours():
    assert rate_at(ANCHOR, 37.18) == pytest.approx(309.58)
    assert rate_at(ANCHOR, (37.18 + 34.24) / 2) == pytest.approx(math.sqrt(309.58 * 157.11))
    assert math.isnan(rate_at(ANCHOR, 41))
