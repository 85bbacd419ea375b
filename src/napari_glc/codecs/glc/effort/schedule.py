"""What each level of effort does, and what a bit is worth at each quality."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Plan", "bit_price", "plan_of"]

_PRICES = (32.8, 13.7, 3.76, 0.65)
"""Lagrange multipliers (of bits per pixel) with which the training of the embedded model ended at its rate points."""

_PRESSURE = 1.1
"""The price of a bit in multiples of :data:`_PRICES`: at 1 the optimiser spends more bytes than the single pass."""


@dataclass(frozen=True)
class Plan:
    """What one level of effort does.

    Attributes
    ----------
    iterations
        Iterations of the annealing, or passes over single symbols.
    learning_rate
        Of the coefficients, in quantisation steps.
    warmth
        Temperature at the beginning; 0 for passes over single symbols instead of an annealing.
    looks
        How often the true bytes and the true distance of what there is are taken on the way, the end included.
    """

    iterations: int
    learning_rate: float
    warmth: float
    looks: int
    words: int = 0
    """How many other words are tried for every hyper index."""
    rounds: int = 1
    """How often."""


_PLANS = (
    Plan(0, 0.0, 0.0, 0),
    Plan(1, 0.0, 0.0, 1),
    Plan(1, 0.0, 0.0, 1, 1),
    Plan(2, 0.0, 0.0, 1, 2),
    Plan(20, 0.025, 0.08, 1, 3),
    Plan(36, 0.02, 0.1, 1, 4),
    Plan(50, 0.018, 0.12, 3, 6),
    Plan(100, 0.014, 0.15, 4, 7),
    Plan(160, 0.012, 0.18, 6, 7, 2),
    Plan(240, 0.012, 0.2, 8, 7, 2),
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
