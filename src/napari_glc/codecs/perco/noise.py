"""Noise that depends on a seed and on where it falls, and on nothing else.

Any window of a plane, computed anywhere, gets the noise its positions have in the whole plane. The generator is
Philox 4x64 (Salmon et al., SC 2011), which turns a counter into four words: the counter of a position is one more than
its column, its row and a group of eight channels, the key is the seed. Each word gives two normal values by Box and
Muller's transform, its upper half the radius, its lower half the angle; cosines come before sines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...container import Box

__all__ = ["normal_noise"]

_CHANNELS = 8
"""Values of one counter: four words, two values each."""


def normal_noise(seed: int, channels: int, area: Box) -> NDArray[np.float32]:
    """Standard normal noise under a box of latent positions.

    Parameters
    ----------
    seed
        Not negative, below 2**64.
    channels
        C.
    area
        In positions of the plane.

    Returns
    -------
    ndarray
        ``(C, area.height, area.width)`` float32.
    """
    groups = -(-channels // _CHANNELS)
    words = np.empty((groups, area.height, area.width, _CHANNELS // 2), np.uint64)
    for group in range(groups):
        for row in range(area.height):
            generator = np.random.Philox(key=seed, counter=[area.left, area.top + row, group, 0])
            words[group, row] = generator.random_raw(words[group, row].size).reshape(area.width, -1)
    high, low = (_uniform(half) for half in (words >> np.uint64(32), words & np.uint64(2**32 - 1)))
    radius, angle = np.sqrt(-2 * np.log(high)), 2 * np.pi * low
    values = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], -1).astype(np.float32)
    noise: NDArray[np.float32] = values.transpose(0, 3, 1, 2).reshape(-1, area.height, area.width)[:channels]
    return noise


def _uniform(half: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Between 0 and 1, neither of them reached."""
    values: NDArray[np.float64] = (half.astype(np.float64) + 0.5) / 2**32
    return values
