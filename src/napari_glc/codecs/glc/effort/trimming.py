"""The last bytes: rounding that is a little stricter or laxer, until what is wanted is met."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...optimising.aims import Aim, Found
from ..symbols import Rounding

__all__ = ["trimmed", "with_threshold"]

_LEAST, _MOST = 0.1, 1.2
"""Thresholds between which is searched: below, nearly every symbol would be one larger, above, hardly any is left."""
_TRIES = 7


def with_threshold(threshold: float) -> Rounding:
    """Rounding away from zero from this remainder on; 0.5 rounds to the nearest."""

    def rounding(residual: Tensor, levels: Tensor) -> Tensor:
        return torch.sign(residual) * torch.floor(residual.abs() + (1 - threshold)).clamp_min(0)

    return rounding


def trimmed(write: Callable[[Rounding], Found], found: Found, aim: Aim) -> None:
    """Search the threshold at which an aim is met, by bisection.

    Parameters
    ----------
    write
        Writes, keeps what is better, and says what it found.
    found
        What rounding to the nearest gave.
    aim
        What is wanted.
    """
    low, high, threshold = _LEAST, _MOST, 0.5
    for _ in range(_TRIES):
        wanted = aim.slack(found)
        if wanted == 0:
            return
        low, high = (low, threshold) if wanted > 0 else (threshold, high)
        threshold = (low + high) / 2
        found = write(with_threshold(threshold))
