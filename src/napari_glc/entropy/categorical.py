"""Indices under explicit probabilities, coded by a range coder in the order in which they become known.

The coder is ``constriction``'s ``RangeEncoder``: a queue, as autoregressive models need it. Weights are
integer-valued float64, so its sums and quotients are the same on every machine.
"""

from __future__ import annotations

import constriction
import numpy as np
from numpy.typing import NDArray

from ..errors import DamagedFileError

__all__ = ["LEAST_BITS", "CategoricalReader", "CategoricalWriter", "integer_weights"]

_MODEL = constriction.stream.model.Categorical(perfect=False)
_WORD = 4
_FLOOR = 2.0**-7

LEAST_BITS = 0.0112
"""Bits any index costs at least, because a small share of the weight is spread over all values.

So the length of a stream bounds the number of its indices, and a short file cannot claim a huge map.
"""


def integer_weights(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights fit for coding: integers, none of them zero, none of them nearly everything.

    Parameters
    ----------
    weights
        ``(n, K)``, integer-valued, not negative, with a positive sum of less than 2**40 in each row.
    """
    share = np.floor(weights.sum(-1, keepdims=True) * (_FLOOR / weights.shape[-1]))
    raised: NDArray[np.float64] = weights + share + 1
    return raised


class CategoricalWriter:
    """Codes indices one group after the other."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def write(self, indices: NDArray[np.int64], weights: NDArray[np.float64]) -> None:
        """Append indices ``(n,)`` with positive integer weights ``(n, K)`` of all values each could have."""
        if len(indices):
            self._coder.encode(indices.astype(np.int32), _MODEL, np.ascontiguousarray(weights))

    def finish(self) -> bytes:
        """The stream; trailing zero bytes are left out, a reader supplies them."""
        return bytes(self._coder.get_compressed().astype(">u4").tobytes().rstrip(b"\0"))


class CategoricalReader:
    """Reads what :class:`CategoricalWriter` wrote.

    Parameters
    ----------
    data
        The stream. Most bytes decode to some indices; whether they are the right ones is for checksums to say.
    """

    def __init__(self, data: bytes) -> None:
        padded = data + bytes(-len(data) % _WORD + 2 * _WORD)
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, ">u4").astype(np.uint32))

    def read(self, weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """The next indices ``(n,)``, given the weights ``(n, K)``.

        Raises
        ------
        DamagedFileError
            If no encoder writes such a stream.
        """
        if not len(weights):
            return np.zeros(0, np.int64)
        try:
            indices: NDArray[np.int64] = self._coder.decode(_MODEL, np.ascontiguousarray(weights)).astype(np.int64)
        except AssertionError as error:  # constriction's word for a point beyond the coder's range
            raise DamagedFileError("an index stream holds bytes which no encoder writes") from error
        return indices
