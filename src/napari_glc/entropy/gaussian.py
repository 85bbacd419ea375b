"""Integers under zero-mean Gaussians of stored scales, coded by asymmetric numeral systems.

The coder is ``constriction``'s ``AnsCoder``: a stack, so the parts of a stream are pushed in reverse order
and popped in theirs. Its probabilities come from float64 arithmetic in pure Rust and are the same on every
machine for the same parameters, and the parameters are entries of a stored table.

A Gaussian's probabilities are multiples of 2**-24: every symbol within ±255 gets one such unit, and the others are
shared out by the cumulative distribution function (``constriction``'s ``LeakyQuantizer``). So no symbol costs more
than 24 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import constriction
import numpy as np
from numpy.typing import NDArray

from ..errors import DamagedFileError
from .scales import SCALES, SKIPPED_LEVEL

__all__ = ["MAX_SYMBOL", "GaussianReader", "cumulative_units", "symbol_bits", "write_gaussian"]

MAX_SYMBOL = 255
"""Largest magnitude of a symbol."""

_MODEL = constriction.stream.model.QuantizedGaussian(-MAX_SYMBOL, MAX_SYMBOL)
_WORD = 4
_UNITS = 1 << 24
"""Units of probability that the symbols of a Gaussian share."""


def _means(count: int) -> NDArray[np.float64]:
    return np.zeros(count)


def write_gaussian(parts: Sequence[tuple[NDArray[np.int32], NDArray[np.int64]]]) -> bytes:
    """Code parts of a stream, in the order in which they will be read.

    Parameters
    ----------
    parts
        Pairs of symbols within ±255 and levels of :data:`~napari_glc.entropy.scales.SCALES`, one-dimensional
        and of equal length. A symbol at the skipped level must be zero; it takes no space.

    Returns
    -------
    bytes
        Empty if nothing had to be coded.
    """
    coder = constriction.stream.stack.AnsCoder()
    for symbols, levels in reversed(parts):
        kept = levels != SKIPPED_LEVEL
        if kept.any():
            coded = np.ascontiguousarray(symbols[kept], dtype=np.int32)
            coder.encode_reverse(coded, _MODEL, _means(len(coded)), SCALES[levels[kept]])
    # the last word is never zero, so its leading zero bytes need not be stored
    return bytes(coder.get_compressed().astype("<u4").tobytes().rstrip(b"\0"))


class GaussianReader:
    """Reads the parts of a stream written by :func:`write_gaussian`.

    Parameters
    ----------
    data
        The stream. Any bytes decode to some symbols; whether they are the right ones is for checksums to say.
    """

    def __init__(self, data: bytes) -> None:
        words = np.frombuffer(data + bytes(-len(data) % _WORD), dtype="<u4").astype(np.uint32)
        if len(words) and words[-1] == 0:
            raise DamagedFileError("a symbol stream ends in zeros, which no encoder writes")
        self._coder = constriction.stream.stack.AnsCoder(words)

    def read(self, levels: NDArray[np.int64]) -> NDArray[np.int32]:
        """Symbols of the next part, given its levels."""
        symbols = np.zeros(len(levels), np.int32)
        kept = levels != SKIPPED_LEVEL
        count = int(kept.sum())
        if count:
            symbols[kept] = self._coder.decode(_MODEL, _means(count), SCALES[levels[kept]])
        return symbols

    def finish(self) -> None:
        """Check that nothing is left.

        Raises
        ------
        DamagedFileError
            If symbols were decoded that the stream does not hold, or not all of it was read.
        """
        if not self._coder.is_empty():
            raise DamagedFileError("a symbol stream holds more than its symbols")


def symbol_bits(symbols: NDArray[np.integer], levels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Bits the coder spends on symbols, given their scales.

    Parameters
    ----------
    symbols
        Within ±255, of any shape.
    levels
        Levels of :data:`~napari_glc.entropy.scales.SCALES`, of the same shape.

    Returns
    -------
    NDArray[np.float64]
        ``-log2`` of the probability with which each symbol is coded, 0 to 24; exactly 0 at the skipped level.
    """
    bits: NDArray[np.float64] = _bit_table()[levels, np.add(symbols, MAX_SYMBOL, dtype=np.int64)]
    return bits


@cache
def _bit_table() -> NDArray[np.float64]:
    """Bits of the symbols -255 to 255 at every level, ``(64, 511)``."""
    units = np.diff(cumulative_units(), axis=-1)
    bits = -np.log2(units / _UNITS)
    bits[SKIPPED_LEVEL] = 0
    bits.setflags(write=False)
    return bits


def cumulative_units() -> NDArray[np.int64]:
    """Where the symbols' shares of the probability begin and end.

    Returns
    -------
    NDArray[np.int64]
        ``(64, 512)``: symbol s at level k has the units ``[k, s + 255]`` to ``[k, s + 256]`` of 2**24.
    """
    from scipy.special import erf

    borders = np.arange(-MAX_SYMBOL, MAX_SYMBOL + 2) - 0.5
    # not ndtr, which rounds otherwise: this is how constriction computes it
    below = (1 + erf(borders / (SCALES[:, np.newaxis] * np.sqrt(2)))) / 2
    below[:, 0], below[:, -1] = 0, 1  # the outermost symbols take the tails
    guaranteed = np.arange(len(borders))
    shared = _UNITS - guaranteed[-1]
    units: NDArray[np.int64] = np.floor(shared * below).astype(np.int64) + guaranteed
    return units
