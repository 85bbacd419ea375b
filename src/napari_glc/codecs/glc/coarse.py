"""Rounding that spares bits where pixels count less.

A file has one quality. It is chosen for what counts most; everywhere else a symbol becomes one nearer to zero where
that saves more than its error is worth, the sooner the less the place counts.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from ...entropy.estimate import gaussian_bits
from ...entropy.gaussian import MAX_SYMBOL
from ...entropy.scales import SCALES
from .symbols import Rounding

__all__ = ["coarser"]

_BIT = 0.05
"""What a bit is worth for each halving of the weight, in squared quantisation steps; the page on effort has tables."""


def coarser(calm: Tensor) -> Rounding:
    """A rounding for the positions of a tile.

    Parameters
    ----------
    calm
        How often the greatest weight is halved to give that of each position ``(h, w)``; where it is 0, symbols are
        rounded to the nearest.
    """
    prices = _BIT * calm.double().flatten()

    def rounding(residual: Tensor, levels: Tensor) -> Tensor:
        bits, size = _bits(), residual.abs()
        price = prices.repeat(len(residual) // len(prices))
        nearest = size.round().clamp_max(MAX_SYMBOL)
        smaller = (nearest - 1).clamp_min(0)
        saved = bits[levels, nearest.long()] - bits[levels, smaller.long()]
        worth = price * saved > (size - smaller).square() - (size - nearest).square()
        return torch.sign(residual) * torch.where(worth, smaller, nearest)

    return rounding


@cache
def _bits() -> Tensor:
    """Bits of a symbol by level of its scale and magnitude."""
    magnitudes = torch.arange(MAX_SYMBOL + 1, dtype=torch.float64)
    return gaussian_bits(magnitudes, torch.tensor(SCALES)[:, None])
