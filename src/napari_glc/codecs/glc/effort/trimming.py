"""The last bytes: rounding that is a little stricter or laxer, until what is wanted is met."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...optimising.aims import Aim, Found
from ..symbols import Rounding

__all__ = ["trimmed", "with_threshold"]

Thresholds = Callable[[float], Rounding]
"""A rounding from a threshold; 0.5 rounds to the nearest."""

_LEAST, _MOST = 0.1, 1.5
"""Thresholds between which is searched: below, nearly every symbol would be one larger, above, hardly any is left."""
_TRIES = 7


def with_threshold(calm: Tensor | None) -> Thresholds:
    """Rounding away from zero from some remainder on.

    Parameters
    ----------
    calm
        How far the threshold holds at each position of a tile ``(h, w)``, 0 to 1: where it is 0, every symbol is
        rounded to the nearest. ``None`` for 1 everywhere.
    """

    def of(threshold: float) -> Rounding:
        def rounding(residual: Tensor, levels: Tensor) -> Tensor:
            if calm is None:
                up: Tensor | float = 1 - threshold
            else:
                up = 0.5 - (threshold - 0.5) * calm.double().flatten().repeat(len(residual) // calm.numel())
            return torch.sign(residual) * torch.floor(residual.abs() + up).clamp_min(0)

        return rounding

    return of


def trimmed(write: Callable[[Rounding], Found], found: Found, aim: Aim, thresholds: Thresholds) -> None:
    """Search the threshold at which an aim is met, by bisection.

    Parameters
    ----------
    write
        Writes, keeps what is better, and says what it found.
    found
        What rounding to the nearest gave.
    aim
        What is wanted.
    thresholds
        From :func:`with_threshold`.
    """
    low, high, threshold = _LEAST, _MOST, 0.5
    for _ in range(_TRIES):
        wanted = aim.slack(found)
        if wanted == 0:
            return
        low, high = (low, threshold) if wanted > 0 else (threshold, high)
        threshold = (low + high) / 2
        found = write(thresholds(threshold))
