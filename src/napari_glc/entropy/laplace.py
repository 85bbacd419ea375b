"""Integers under Laplace distributions of stored means and scales, coded by a range coder as they become known.

The coder is ``constriction``'s ``RangeEncoder``: a queue, as autoregressive models need it. Parameters are entries of
stored tables, so they are the same on every machine.
"""

from __future__ import annotations

import constriction
import numpy as np
from numpy.typing import NDArray

from ..errors import DamagedFileError

__all__ = ["LEAST", "LEVELS", "LOWEST_LEVEL", "MEAN_STEPS", "MOST", "LaplaceReader", "write_laplace"]

LEAST, MOST = -128, 127
"""Range of a symbol."""
MEAN_STEPS = 16
"""Steps of a mean in a unit."""
LEVELS = 192
"""Scales."""
LOWEST_LEVEL = -96
"""Binary logarithm of the smallest scale, in sixteenths."""

# rounded, so that the table does not depend on the last bit of anybody's power function
_SCALES = np.round(2.0 ** ((np.arange(LEVELS) + LOWEST_LEVEL) / 16) * 2**24) / 2**24
_MODEL = constriction.stream.model.QuantizedLaplace(LEAST, MOST)
_WORD = 4


def _means(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.clip(steps, LEAST * MEAN_STEPS, MOST * MEAN_STEPS) / MEAN_STEPS


def write_laplace(symbols: NDArray[np.integer], means: NDArray[np.int64], levels: NDArray[np.int64]) -> bytes:
    """Code symbols in the order in which they will be read.

    Parameters
    ----------
    symbols
        ``(n,)``, within :data:`LEAST` to :data:`MOST`.
    means
        ``(n,)``, in sixteenths.
    levels
        ``(n,)``, scales as 0 to :data:`LEVELS` - 1.

    Returns
    -------
    bytes
        Trailing zero bytes are left out, a reader supplies them.
    """
    coder = constriction.stream.queue.RangeEncoder()
    coder.encode(symbols.astype(np.int32), _MODEL, _means(means), _SCALES[levels])
    return bytes(coder.get_compressed().astype(">u4").tobytes().rstrip(b"\0"))


class LaplaceReader:
    """Reads what :func:`write_laplace` wrote, group after group.

    Parameters
    ----------
    data
        The stream. Most bytes decode to some symbols; whether they are the right ones is for checksums to say.
    """

    def __init__(self, data: bytes) -> None:
        padded = data + bytes(-len(data) % _WORD + 2 * _WORD)
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, ">u4").astype(np.uint32))

    def read(self, means: NDArray[np.int64], levels: NDArray[np.int64]) -> NDArray[np.int32]:
        """The next symbols ``(n,)``; see :func:`write_laplace`.

        Raises
        ------
        DamagedFileError
            If no encoder writes such a stream.
        """
        try:
            symbols: NDArray[np.int32] = self._coder.decode(_MODEL, _means(means), _SCALES[levels])
        except AssertionError as error:  # constriction's word for a point beyond the coder's range
            raise DamagedFileError("a stream of grids holds bytes which no encoder writes") from error
        return symbols
