"""The price of a bit while an annealing runs: fixed, or steered so that bytes or a distance are met at its end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

__all__ = ["ByBits", "ByDistance", "Fixed", "Price", "Step"]

_FURTHEST = math.log(6)
"""How far a price may be from the one of its quality, in the logarithm."""


@dataclass(frozen=True)
class Step:
    """The state after one iteration.

    Attributes
    ----------
    iteration
        Iterations done.
    distance
        Distortion of what was rendered.
    look
        The part of it that is the distance of features.
    bits
        Estimated bits of it.
    """

    iteration: int
    distance: float
    look: float
    bits: float


class Price(Protocol):
    """What a bit is worth."""

    def __call__(self) -> float:
        """Of the next iteration."""
        ...

    def hear(self, step: Step) -> None:
        """Learn what an iteration led to."""
        ...


class Fixed:
    """A price that stays."""

    def __init__(self, price: float) -> None:
        self.price = price

    def __call__(self) -> float:
        """The same price always."""
        return self.price

    def hear(self, step: Step) -> None:
        """Nothing changes."""


class _Steered:
    def __init__(self, price: float, iterations: int) -> None:
        self._price, self._shift = price, 0.0
        # some tenths of the way are enough to settle, and short runs must not overshoot
        self._gain = min(0.25, 16 / iterations)

    def __call__(self) -> float:
        """See :class:`Price`."""
        return self._price * math.exp(self._shift)

    def _push(self, excess: float) -> None:
        step = self._gain * max(-0.5, min(0.5, excess))
        self._shift = max(-_FURTHEST, min(_FURTHEST, self._shift + step))


class ByBits(_Steered):
    """A price under which a number of bits is spent.

    Parameters
    ----------
    price
        To begin with.
    bits
        Wanted.
    iterations
        Of the annealing.
    """

    def __init__(self, price: float, bits: float, iterations: int) -> None:
        super().__init__(price, iterations)
        self._bits = max(bits, 1.0)

    def hear(self, step: Step) -> None:
        """Too many bits become dearer."""
        self._push(step.bits / self._bits - 1)


class ByDistance(_Steered):
    """A price under which a distance of features is reached.

    Parameters
    ----------
    price
        To begin with.
    distance
        Wanted.
    iterations
        Of the annealing.
    """

    def __init__(self, price: float, distance: float, iterations: int) -> None:
        super().__init__(price, iterations)
        self._distance = max(distance, 1e-6)

    def hear(self, step: Step) -> None:
        """Too far from the original, bits become cheaper."""
        self._push(2 * (1 - step.look / self._distance))
