"""Hyper-latents to bytes and back, with probabilities that come with the model.

Channel after channel of the hyper-latent is coded, in diagonal waves from the upper left corner. A level's probability
depends on those of the same channel to the left and above; tables of integer weights, counted in training, say how. All
sums are of integers, so any machine finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...entropy.categorical import LEAST_BITS, CategoricalReader, CategoricalWriter, integer_weights
from ...errors import DamagedFileError

__all__ = ["count_levels", "level_bits", "level_weights", "read_levels", "write_levels"]

Levels = NDArray[np.int64]
Tables = NDArray[np.float64]
"""Integer weights ``(channels, most + 1, most + 1, most)``: by channel, level to the left and level above, where `most`
stands for none, of each level."""
Tick = Callable[[], None]

_SMOOTHING = 8.0
"""How many observations in context weigh as much as the overall frequencies."""
_LARGEST = 1024


def write_levels(levels: Levels, tables: Tables, counts: Sequence[int], tick: Tick) -> bytes:
    """Code a hyper-latent.

    Parameters
    ----------
    levels
        ``(d, h, w)``, those of a channel below its count.
    tables
        See the module.
    counts
        Levels of each channel.
    tick
        Called often; whatever it raises stops the work.
    """
    writer = CategoricalWriter()
    for channel, count in enumerate(counts):
        padded = _padded(levels[channel], tables)
        for rows, columns in _waves(*levels.shape[1:]):
            tick()
            writer.write(levels[channel, rows, columns], _weights(tables[channel], padded, rows, columns, count))
    return writer.finish()


def read_levels(data: bytes, tables: Tables, counts: Sequence[int], height: int, width: int, tick: Tick) -> Levels:
    """Undo :func:`write_levels`: levels ``(d, height, width)``.

    Raises
    ------
    DamagedFileError
        If the data are too short for so many levels, or no encoder writes them.
    """
    if len(data) < int(len(counts) * height * width * LEAST_BITS / 8):
        raise DamagedFileError(f"{len(data)} bytes are too short for a hyper-latent of {height} x {width}")
    reader = CategoricalReader(data)
    levels = np.zeros((len(counts), height, width), np.int64)
    for channel, count in enumerate(counts):
        padded = _padded(levels[channel], tables)
        for rows, columns in _waves(height, width):
            tick()
            found = reader.read(_weights(tables[channel], padded, rows, columns, count))
            padded[rows + 1, columns + 1] = found
        levels[channel] = padded[1:, 1:]
    return levels


def level_bits(levels: Levels, tables: Tables, counts: Sequence[int]) -> NDArray[np.float64]:
    """Bits :func:`write_levels` spends at each position, ``(h, w)``."""
    rows, columns = (place.ravel() for place in np.indices(levels.shape[1:]))
    bits = np.zeros(rows.size)
    for channel, count in enumerate(counts):
        weights = _weights(tables[channel], _padded(levels[channel], tables), rows, columns, count)
        chosen = weights[np.arange(rows.size), levels[channel].ravel()]
        bits += np.log2(weights.sum(1) / chosen)
    return bits.reshape(levels.shape[1:])


def count_levels(levels: Levels, counted: NDArray[np.int64]) -> None:
    """Add the levels ``(d, h, w)`` of a picture to counts of the shape of tables."""
    for channel, of_channel in enumerate(levels):
        padded = _padded(of_channel, counted)
        np.add.at(counted[channel], (padded[1:, :-1], padded[:-1, 1:], of_channel), 1)


def level_weights(counted: NDArray[np.int64], counts: Sequence[int]) -> NDArray[np.float32]:
    """Tables made of counts of the same shape.

    What was seen with neighbours is smoothed by what was seen at all. Weights are at most 1024, so half precision holds
    them exactly.
    """
    tables = np.zeros(counted.shape, np.float32)
    for channel, count in enumerate(counts):
        seen = counted[channel, :, :, :count].astype(np.float64)
        overall = seen.sum((0, 1)) + 1
        smoothed = seen + _SMOOTHING * overall / overall.sum()
        tables[channel, :, :, :count] = np.round(_LARGEST * smoothed / smoothed.max(-1, keepdims=True))
    return tables


def _padded(levels: Levels, tables: NDArray[np.generic]) -> Levels:
    """Levels of a channel, with a row above and a column to the left that say there is nothing."""
    return np.pad(levels, ((1, 0), (1, 0)), constant_values=tables.shape[-1])


def _weights(
    table: Tables, padded: Levels, rows: NDArray[np.int64], columns: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    return integer_weights(table[padded[rows + 1, columns], padded[rows, columns + 1], :count])


def _waves(height: int, width: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows and columns of the positions of each diagonal, from above."""
    for wave in range(height + width - 1):
        rows = np.arange(max(0, wave - width + 1), min(height, wave + 1))
        yield rows, wave - rows
