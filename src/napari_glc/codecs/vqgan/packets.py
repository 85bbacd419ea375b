"""How the indices of a tile are spread over packets, so that a lost packet loses scattered positions."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["packet_map"]


def packet_map(height: int, width: int, packets: int) -> NDArray[np.int64]:
    """Packet of each position of a map.

    Position (row, column) belongs to packet ``(column + step * row) mod packets``. The step is the one with
    the greatest least distance between positions of the same packet (the smallest such step), so every other
    packet has positions close to a lost one.

    Parameters
    ----------
    height, width
        Of the map.
    packets
        Their number.

    Returns
    -------
    NDArray[np.int64]
        ``(height, width)``, from 0 to ``packets - 1``.
    """
    rows, columns = np.ogrid[:height, :width]
    spread: NDArray[np.int64] = (columns + _step(packets) * rows) % packets
    return spread


@cache
def _step(packets: int) -> int:
    return max(range(packets), key=lambda step: (_least_distance(step, packets), -step))


def _least_distance(step: int, packets: int) -> int:
    """Least squared distance of two positions of one packet."""
    distances = [packets**2]
    for row in range(1, packets):
        column = -step * row % packets
        distances.append(row**2 + min(column, packets - column) ** 2)
    return min(distances)
