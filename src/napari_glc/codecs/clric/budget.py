"""Fits that together keep to a size.

The price of a bit decides how many are spent, but not to the byte: sizes jump from one price to the next, and a descent
may end in another place than its neighbour. So prices only find two fits, one within the size and one beyond. Of what
the second has otherwise, the first then takes as many values as there is room for, from the top of the tile downwards.
Streams end with a whole word of four bytes, mostly, so that is how near a size can be come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..._base.interruption import checkpoint
from .fit import Fit

__all__ = ["keep_to"]

_ENOUGH = 0.98
"""Share of the bytes beyond which nothing more is tried."""
_STEEP = 2.0
"""A price that many times as high in its logarithm as sizes are to fall; an overshoot gives both ends to search in. As
long as there is none, each step is twice as long as the one before, up to eight times."""
_LEAST_PRICE, _MOST_PRICE = 1e-9, 1e6
_PRICES = 8
"""How often the price of a bit is changed."""


@dataclass(frozen=True, eq=False)
class _State:
    """What all fits hold at some price."""

    grids: list[list[Tensor]]
    sizes: list[int]

    @property
    def size(self) -> int:
        return sum(self.sizes)


def keep_to(fits: Sequence[Fit], most: float, worth: float, iterations: int) -> None:
    """Bring payloads to at most, and to nearly, so many bytes.

    Parameters
    ----------
    fits
        Of some tiles.
    most
        Bytes of all their payloads. If even grids of nothing but zeros take more, they are what is left; if a price of
        next to nothing does not make so many, as many as it does.
    worth
        Price of a bit at which they have been fitted.
    iterations
        Of each fit at each further price.
    """
    within, beyond = _searched(fits, most, worth, iterations)
    if within is None:
        within = _zeros(fits, beyond)
    _take(fits, within)
    if beyond is not None and within.size < _ENOUGH * most:
        _fill(fits, within, beyond, most)


def _searched(fits: Sequence[Fit], most: float, worth: float, iterations: int) -> tuple[_State | None, _State | None]:
    """The largest state found that fits and the smallest that does not."""
    within: _State | None = None
    beyond: _State | None = None
    low, high = 0.0, math.inf
    for trial in range(_PRICES + 1):
        state = _State([fit.grids for fit in fits], [len(fit.payload) for fit in fits])
        if state.size > most:
            low = worth
            beyond = state if beyond is None or state.size < beyond.size else beyond
        else:
            high = worth
            within = state if within is None or state.size > within.size else within
            if within.size >= _ENOUGH * most:
                break
        if trial < _PRICES:
            if low > 0 and high < math.inf:
                worth = math.sqrt(low * high)
            else:
                worth *= (state.size / max(most, 1)) ** (_STEEP * min(2**trial, 8))
                worth = min(max(worth, _LEAST_PRICE), _MOST_PRICE)
            for fit in fits:
                fit.priced(worth)
                fit.run(iterations, lambda *_: None)
    return within, beyond


def _zeros(fits: Sequence[Fit], beyond: _State | None) -> _State:
    """Grids of zeros, which take next to nothing."""
    assert beyond is not None
    grids = [[torch.zeros_like(grid) for grid in of_tile] for of_tile in beyond.grids]
    return _State(grids, [fit.size_of(of_tile) for fit, of_tile in zip(fits, grids, strict=True)])


def _take(fits: Sequence[Fit], state: _State) -> None:
    for fit, grids in zip(fits, state.grids, strict=True):
        fit.take(grids)


def _fill(fits: Sequence[Fit], within: _State, beyond: _State, most: float) -> None:
    """Take over from the state beyond what there is room for, tile by tile."""
    room = most - within.size
    for place, fit in enumerate(fits):
        size, grids = beyond.sizes[place], beyond.grids[place]
        if size > within.sizes[place] + room:
            size, grids = _mixed(fit, within.grids[place], grids, within.sizes[place] + room)
        fit.take(grids)
        room -= size - within.sizes[place]


def _mixed(fit: Fit, low: list[Tensor], high: list[Tensor], most: float) -> tuple[int, list[Tensor]]:
    """A payload of at most, and nearly, so many bytes, and its grids: above some row those of `high`, below of `low`.

    `low` takes at most so many bytes. A value that is too large for what room is left is passed over.
    """
    before, after = (torch.cat([grid.flatten() for grid in grids]) for grids in (low, high))
    heights = torch.cat([_heights(k, grid) for k, grid in enumerate(low)])
    other = (before != after).nonzero()[:, 0]
    other = other[heights[other].argsort(stable=True)]

    def mixed(changes: int) -> list[Tensor]:
        flat = before.clone()
        flat[other[:changes]] = after[other[:changes]]
        parts = flat.split([grid.numel() for grid in low])
        return [part.view_as(grid) for part, grid in zip(parts, low, strict=True)]

    size, grids = fit.size_of(low), low
    while size < _ENOUGH * most and len(other):
        fits, beyond = 0, len(other) + 1
        while beyond - fits > 1:
            checkpoint()
            middle = (fits + beyond) // 2
            tried = mixed(middle)
            if (taken := fit.size_of(tried)) > most:
                beyond = middle
            else:
                fits, size, grids = middle, taken, tried
        before[other[:fits]] = after[other[:fits]]
        other = other[fits + 1 :]
    return size, grids


def _heights(k: int, grid: Tensor) -> Tensor:
    """At what row of the latent the middle of each value's cell lies."""
    rows = (torch.arange(grid.shape[2]) + 0.5).mul(2**k)
    return rows[:, None].expand(grid.shape).flatten()
