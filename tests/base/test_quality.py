"""The half-step rule of qualities."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from napari_glc._base.quality import MAX_STEPS, checked_quality, from_steps, steps
from napari_glc.errors import OptionError


def test_every_step_survives_the_way_through_a_quality():
    assert [steps(from_steps(count)) for count in range(MAX_STEPS + 1)] == list(range(MAX_STEPS + 1))
    assert (from_steps(0), from_steps(1), from_steps(MAX_STEPS)) == (0.0, 0.5, 100.0)


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        (0, 0.0),
        (37.3, 37.5),
        (37.2, 37.0),
        (99.9, 100.0),
        (100, 100.0),
        (np.float32(12.5), 12.5),
        (Fraction(1, 2), 0.5),
    ],
)
def test_a_quality_is_rounded_to_the_nearest_half(asked, stored):
    found = checked_quality(asked)
    assert found == stored
    assert type(found) is float


@pytest.mark.parametrize("asked", [-0.5, 100.5, math.nan, math.inf, "50", None, 1j])
def test_what_is_no_quality_is_refused(asked):
    with pytest.raises(OptionError, match="0 to 100"):
        checked_quality(asked)
