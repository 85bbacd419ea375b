"""How well lost indices were recovered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["index_accuracy"]


def index_accuracy(original: NDArray[np.int64], recovered: NDArray[np.int64], lost: NDArray[np.bool_]) -> float:
    """Share of the lost indices that were recovered exactly, 0 to 1; 1 if none was lost."""
    return float((original == recovered)[lost].mean()) if lost.any() else 1.0
