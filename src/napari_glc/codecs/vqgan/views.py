"""What can be shown of index maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["histogram_bits"]


def histogram_bits(indices: NDArray[np.int64], coded: float) -> NDArray[np.float64]:
    """Estimated bits at each position of a map.

    The information of each index under the histogram of the whole map, scaled so that the sum is that of the streams;
    where the index coder itself saved bits by context is not seen.

    Parameters
    ----------
    indices
        ``(h, w)``.
    coded
        Bits of the streams.
    """
    _, place, counts = np.unique(indices, return_inverse=True, return_counts=True)
    bits: NDArray[np.float64] = -np.log2(counts / indices.size)[place].reshape(indices.shape)
    total = bits.sum()
    return bits * (coded / total) if total > 0 else np.full(bits.shape, coded / bits.size)
