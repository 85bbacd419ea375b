"""Grids to bytes and back, by an autoregressive model in exact arithmetic.

Its parameters are multiples of 2**-8 and its inputs integers, so every product and sum below 2**53 is exact in double
precision, in any order: encoder and decoder agree on every machine.

Grids are coded from the coarsest to the finest. Within a grid, the value of channel c at row y and column x belongs to
wave ``x + 2 y + c``; all its contexts belong to earlier ones, so a wave is decoded at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ...entropy.laplace import LEVELS, LOWEST_LEVEL, LaplaceReader, write_laplace
from ...errors import DamagedFileError, SymbolMismatchError
from .layout import CONTEXTS, GRIDS, HIDDEN, LEAST_LEVEL, OFFSETS, Parameters, grid_sizes

__all__ = ["Symbols", "checked", "read_grids", "write_grids"]

Symbols = Sequence[NDArray[np.int16]]
"""Values of each grid, ``(C, rows, columns)``, the finest first."""

_FRACTION = 256.0


class _Model:
    """The autoregressive model of a file, as integers."""

    def __init__(self, parameters: Parameters, channels: int) -> None:
        # single parameters may begin between two multiples; rounding is part of the format
        weight = np.round(parameters["arm_weight"] * _FRACTION)
        bias = np.round(parameters["arm_bias"] * _FRACTION)
        first, second, linear = np.split(weight, [HIDDEN * CONTEXTS, HIDDEN * CONTEXTS + 2 * HIDDEN])
        self._first = first.reshape(HIDDEN, CONTEXTS).T.copy()
        self._second = second.reshape(2, HIDDEN).T.copy()
        self._linear = linear.reshape(2, CONTEXTS).T * _FRACTION
        self._inner = bias[:HIDDEN]
        self._outer = bias[HIDDEN : HIDDEN + 2] * _FRACTION
        self._of_grid, self._of_channel = np.split(bias[HIDDEN + 2 :] * _FRACTION, [GRIDS])

    def scale_bias(self, grid: int) -> NDArray[np.float64]:
        """What a grid adds to the scale of each channel."""
        bias: NDArray[np.float64] = self._of_grid[grid] + self._of_channel
        return bias

    def __call__(
        self, contexts: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Means in sixteenths and levels of scales of values with contexts ``(n, CONTEXTS)``."""
        hidden = np.maximum(contexts @ self._first + self._inner, 0)
        out = hidden @ self._second + contexts @ self._linear + self._outer
        out[:, 1] += bias
        steps = np.floor(out / 2.0**12 + 0.5)
        means = np.clip(steps[:, 0], -(2**20), 2**20).astype(np.int64)
        levels = np.clip(steps[:, 1] - LOWEST_LEVEL, LEAST_LEVEL, LEVELS - 1).astype(np.int64)
        return means, levels


class _Order:
    """Where the values of a grid lie in a padded array, wave after wave.

    Parameters
    ----------
    channels, rows, columns
        Shape of the grid.
    """

    def __init__(self, channels: int, rows: int, columns: int) -> None:
        self.padded = (channels + 1, rows + 2, columns + 3)
        stride = columns + 3
        c, y, x = (axis.ravel() for axis in np.indices((channels, rows, columns)))
        wave = x + 2 * y + c
        order = np.argsort(wave, kind="stable")
        self.values = order
        self.channel = c[order]
        self.above = ((c * -(-rows // 2) + y // 2) * -(-columns // 2) + x // 2)[order]
        self.places = (((c + 1) * (rows + 2) + y + 2) * stride + x + 2)[order]
        near = [dy * stride + dx for dy, dx in OFFSETS]
        self.contexts = self.places[:, None] + np.array([*near, -(rows + 2) * stride])
        self.bounds = np.unique(np.concatenate([[0], np.cumsum(np.bincount(wave))]))


_known = lru_cache(maxsize=4 * GRIDS)(_Order)
"""Those of the usual tiles: a picture has tiles of at most four sizes."""
_LARGEST_KNOWN = 1 << 18


def _order(channels: int, rows: int, columns: int) -> _Order:
    if channels * rows * columns > _LARGEST_KNOWN:
        return _Order(channels, rows, columns)
    return _known(channels, rows, columns)


def _above(coarser: NDArray[np.int16] | None, order: _Order) -> NDArray[np.float64]:
    if coarser is None:
        return np.zeros(len(order.places))
    above: NDArray[np.float64] = coarser.ravel()[order.above].astype(np.float64)
    return above


def write_grids(grids: Symbols, parameters: Parameters) -> bytes:
    """The stream of grids, and a byte to check them."""
    channels = len(grids[0])
    model = _Model(parameters, channels)
    symbols, means, levels = [], [], []
    for k in reversed(range(GRIDS)):
        order = _order(*grids[k].shape)
        padded = np.zeros(order.padded)
        padded[1:, 2:, 2:-1] = grids[k]
        contexts = np.empty((len(order.places), CONTEXTS))
        contexts[:, :-1] = padded.ravel()[order.contexts]
        contexts[:, -1] = _above(grids[k + 1] if k + 1 < GRIDS else None, order)
        mean, level = model(contexts, model.scale_bias(k)[order.channel])
        symbols.append(grids[k].ravel()[order.values])
        means.append(mean)
        levels.append(level)
    stream = write_laplace(np.concatenate(symbols), np.concatenate(means), np.concatenate(levels))
    return stream + checked(grids)


def read_grids(data: bytes, parameters: Parameters, channels: int, height: int, width: int) -> Symbols:
    """The grids of a latent of ``height x width`` positions.

    Raises
    ------
    DamagedFileError
        If no encoder writes such a stream.
    SymbolMismatchError
        If it decodes to other values than its encoder's.
    """
    if not data:
        raise DamagedFileError("a tile has no grids")
    model = _Model(parameters, channels)
    reader = LaplaceReader(data[:-1])
    grids: list[NDArray[np.int16]] = []
    for k, (rows, columns) in reversed(list(enumerate(grid_sizes(height, width)))):
        order = _order(channels, rows, columns)
        padded = np.zeros(order.padded)
        flat = padded.ravel()
        above = _above(grids[0] if grids else None, order)
        bias = model.scale_bias(k)[order.channel]
        for begin, end in zip(order.bounds[:-1].tolist(), order.bounds[1:].tolist(), strict=True):
            contexts = np.empty((end - begin, CONTEXTS))
            contexts[:, :-1] = flat[order.contexts[begin:end]]
            contexts[:, -1] = above[begin:end]
            flat[order.places[begin:end]] = reader.read(*model(contexts, bias[begin:end]))
        grids.insert(0, padded[1:, 2:, 2:-1].astype(np.int16))
    if checked(grids) != data[-1:]:
        raise SymbolMismatchError("a tile does not decode to the values its encoder knew")
    return grids


def checked(grids: Symbols) -> bytes:
    """A byte that tells whether grids are what their encoder knew."""
    found = 0
    for grid in reversed(grids):
        found = crc32(grid.astype("<i2").tobytes(), found)
    return bytes([found & 0xFF])
