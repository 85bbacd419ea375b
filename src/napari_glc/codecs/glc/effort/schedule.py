"""What each level of effort does, and what a bit is worth at each quality."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Plan", "bit_price", "plan_of"]

_PRICES = (33.4, 14.4, 4.46, 0.80)
"""Lagrange multipliers (of bits per pixel) with which the training of the embedded model ended at its rate points."""

_PRESSURE = 1.4
"""The price of a bit in multiples of :data:`_PRICES`: at 1 the optimiser spends more bytes than the single pass."""


@dataclass(frozen=True)
class Plan:
    """What one level of effort does.

    Attributes
    ----------
    iterations
        Iterations of the annealing; 0 for none.
    learning_rate
        Of the coefficients, in quantisation steps.
    looks
        How often the true bytes and the true distance of what there is are taken on the way, the end included.
    """

    iterations: int
    learning_rate: float
    looks: int


_PLANS = (
    Plan(0, 0.0, 0),
    Plan(0, 0.0, 1),
    Plan(6, 0.05, 1),
    Plan(12, 0.05, 1),
    Plan(24, 0.04, 1),
    Plan(36, 0.04, 2),
    Plan(56, 0.03, 2),
    Plan(90, 0.03, 3),
    Plan(140, 0.025, 4),
    Plan(220, 0.02, 5),
)


def plan_of(effort: int) -> Plan:
    """The plan of a level, 0 to 9."""
    return _PLANS[effort]


def bit_price(quality: float) -> float:
    """Weight of a bit per pixel against the distortion at a quality of 0 to 100."""
    # linear in the logarithm between the rate points, as in training
    position = quality / 100 * (len(_PRICES) - 1)
    low = min(int(position), len(_PRICES) - 2)
    logs = [math.log(price) for price in _PRICES]
    return _PRESSURE * math.exp(logs[low] + (logs[low + 1] - logs[low]) * (position - low))
