"""The rules by which the values that become 0 and 255 are found: declared once for library, shell and widgets."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RANGE_RULES", "ROBUST", "RangeWords"]

ROBUST = (0.1, 99.9)
"""Percentiles of the rule ``"robust"``."""


class RangeWords(NamedTuple):
    """A rule in words.

    Attributes
    ----------
    label
        In a list.
    help
        What it takes, a phrase.
    """

    label: str
    help: str


RANGE_RULES = {
    "minmax": RangeWords("Least to greatest", "the least and the greatest value there is: nothing is clipped"),
    "robust": RangeWords(
        f"{ROBUST[0]:g} to {ROBUST[1]:g} %",
        f"percentiles {ROBUST[0]:g} and {ROBUST[1]:g}: outliers are clipped",
    ),
    "dtype": RangeWords("Whole type", "all values of the type, 0 to 1 for floating point"),
}
"""By name."""
