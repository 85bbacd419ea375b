"""Ways of filling lost indices that need no network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

__all__ = ["most_frequent", "nearest"]

IndexMap = NDArray[np.int64]


def nearest(indices: IndexMap, lost: NDArray[np.bool_]) -> IndexMap:
    """Each lost index becomes that of the nearest known position (Euclidean distance on the map).

    Parameters
    ----------
    indices
        ``(H, W)``; values at lost positions are ignored.
    lost
        ``(H, W)``, at least one position known.
    """
    rows, columns = distance_transform_edt(lost, return_distances=False, return_indices=True)
    filled: IndexMap = indices[rows, columns]
    return filled


def most_frequent(indices: IndexMap, lost: NDArray[np.bool_]) -> IndexMap:
    """Each lost index becomes the one most frequent among the known; arguments as for :func:`nearest`."""
    return np.where(lost, np.bincount(indices[~lost]).argmax(), indices)
