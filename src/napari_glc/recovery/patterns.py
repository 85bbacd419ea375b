"""Which indices of a map are lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError

__all__ = ["PATTERNS", "lost_positions"]

PATTERNS = ("random", "burst", "tile", "packet")
"""Positions drawn at random; runs in raster order; squares; whole packets of the map given."""

_BURST = 16
_SQUARE = 4


def lost_positions(
    shape: tuple[int, int],
    ratio: float,
    pattern: str = "random",
    *,
    seed: int = 0,
    packet: NDArray[np.int64] | None = None,
) -> NDArray[np.bool_]:
    """Draw lost positions.

    Parameters
    ----------
    shape
        Rows and columns of the map.
    ratio
        Mask ratio alpha (Mao et al., section 3.4), 0 to 1. ``random``, ``burst`` and ``tile`` lose exactly
        ``round(ratio * positions)``; ``packet`` loses the number of packets next to it.
    pattern
        One of :data:`PATTERNS`. A burst is 16 consecutive positions in raster order, a tile a square of 4 x 4. A
        painted mask needs no pattern: any boolean array serves as well as the result of this function.
    seed
        Of the draw.
    packet
        For ``packet``: the packet of each position.

    Returns
    -------
    NDArray
        ``shape``, true where lost.

    Raises
    ------
    OptionError
        If the ratio is outside 0 to 1, the pattern unknown, or `packet` missing.
    """
    if not 0 <= ratio <= 1:
        raise OptionError(f"a loss ratio lies within 0 to 1, not {ratio}")
    rng = np.random.default_rng(seed)
    height, width = shape
    if pattern == "packet":
        if packet is None:
            raise OptionError("pattern 'packet' needs the packet of each position")
        count = int(packet.max()) + 1
        dropped = rng.permutation(count)[: round(ratio * count)]
        return np.isin(packet, dropped)
    units = {"random": _singles, "burst": _bursts, "tile": _squares}
    if pattern not in units:
        raise OptionError(f"loss pattern {pattern!r} is unknown; choose from {', '.join(PATTERNS)}")
    # units of positions are lost one after the other, the last one in part, until the count is reached
    unit = units[pattern](height, width)
    order = rng.permutation(int(unit.max()) + 1)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    first = np.argsort(rank[unit.ravel()], kind="stable")[: round(ratio * height * width)]
    lost = np.zeros(height * width, np.bool_)
    lost[first] = True
    return lost.reshape(shape)


def _singles(height: int, width: int) -> NDArray[np.int64]:
    return np.arange(height * width).reshape(height, width)


def _bursts(height: int, width: int) -> NDArray[np.int64]:
    return _singles(height, width) // _BURST


def _squares(height: int, width: int) -> NDArray[np.int64]:
    rows, columns = np.ogrid[:height, :width]
    squares: NDArray[np.int64] = rows // _SQUARE * -(-width // _SQUARE) + columns // _SQUARE
    return squares
