"""Windows that a plane's latent is painted in.

One evaluation of the denoiser sees some 50 positions far, twenty of them one after the other a thousand, so nothing but
a whole plane would be exact. Windows bound time and memory instead: each is painted by itself, from the noise of its
positions, and neighbours are crossfaded where they overlap. Since they are told the same and start from the same noise,
they hardly differ there. Windows depend on the size of the plane alone, so a region decodes to the pixels it has in
the whole.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...container import Box

__all__ = ["OVERLAP", "SIDE", "weights", "windows"]

SIDE = 128
"""Longest side of a window in latent positions: 1024 pixels."""
OVERLAP = 32
"""Positions that neighbours share; those next to a border, which see least, count for nothing."""
_UNUSED = 8


def windows(height: int, width: int) -> list[Box]:
    """Windows of a latent of ``height x width`` positions, multiples of 8, in row-major order."""
    return [Box(top, left, bottom, right) for top, bottom in _runs(height) for left, right in _runs(width)]


def _runs(length: int) -> list[tuple[int, int]]:
    runs = [(0, min(SIDE, length))]
    while runs[-1][1] < length:
        start = runs[-1][1] - OVERLAP
        runs.append((start, min(start + SIDE, length)))
    return runs


def used(window: Box, height: int, width: int) -> Box:
    """The part of a window that counts."""
    return Box(
        window.top + (_UNUSED if window.top else 0),
        window.left + (_UNUSED if window.left else 0),
        window.bottom - (_UNUSED if window.bottom < height else 0),
        window.right - (_UNUSED if window.right < width else 0),
    )


def weights(window: Box, height: int, width: int) -> NDArray[np.float32]:
    """How much each position of a window counts, ``(window.height, window.width)``; all windows add up to 1."""
    return np.outer(_weights(window.top, window.bottom, height), _weights(window.left, window.right, width))


def _weights(start: int, end: int, length: int) -> NDArray[np.float32]:
    place = (np.arange(OVERLAP, dtype=np.float32) + 0.5 - _UNUSED) / (OVERLAP - 2 * _UNUSED)
    rise = np.clip(place, 0, 1)
    found = np.ones(end - start, np.float32)
    if start:
        found[:OVERLAP] *= rise
    if end < length:
        found[-OVERLAP:] *= 1 - rise
    return found
