"""Grids to bytes and back, by the model all functions share, in exact arithmetic.

Weights are rounded to multiples of 2**-10 and values are integers; hidden values are rounded down to the same
multiples and limited. So every product and sum stays below 2**53 and is exact in double precision, in any order.

Order as in :mod:`.grid_coder`: the value of channel c at row y and column x belongs to wave ``x + 2 y + c``. A wave has
at most one diagonal ``x + 2 y`` of each channel, so the channels' perceptrons are a batch of small products.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ...entropy.laplace import LEVELS, LOWEST_LEVEL, LaplaceReader, write_laplace
from ...errors import DamagedFileError, SymbolMismatchError
from ...networks.function import CAUSAL_OFFSETS, GridModel, causal_mask
from .grid_coder import Symbols, checked
from .layout import GRIDS, LEAST_LEVEL, PLACES, grid_sizes

__all__ = ["FRACTION", "SharedModel", "rounded_weights"]

FRACTION = 1024
"""Steps of a weight in a unit."""
_MOST_WEIGHT = 32 * FRACTION
_MOST_HIDDEN = float(1 << 20)
_BULK = 4096

Array = NDArray[np.float64]


def rounded_weights(model: GridModel) -> None:
    """Round all weights of a model, in place, to what the coder takes them for."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(_steps_of(parameter) / FRACTION)


def _steps_of(parameter: torch.Tensor) -> torch.Tensor:
    return (parameter.double() * FRACTION).round().clamp(-_MOST_WEIGHT, _MOST_WEIGHT)


def _integers(parameter: torch.Tensor) -> Array:
    found: Array = _steps_of(parameter.detach().cpu()).numpy()
    return found


class SharedModel:
    """The autoregressive model that comes with the weights, at one quality.

    Parameters
    ----------
    model
        The network.
    place
        On the range of rates, in :data:`~napari_glc.codecs.clric.layout.PLACES`.
    """

    def __init__(self, model: GridModel, place: int) -> None:
        channels, hidden = model.channels, model.config.hidden
        self.channels = channels
        rows, columns = zip(*CAUSAL_OFFSETS, strict=True)
        taps = ([2 + dy for dy in rows], [2 + dx for dx in columns])
        mask = causal_mask(channels).numpy().astype(np.float64)

        def contexts(weight: Array) -> Array:
            """``(outputs, C, 3, 4)`` to ``(outputs, offsets * C)``."""
            return weight[:, :, taps[0], taps[1]].transpose(0, 2, 1).reshape(len(weight), -1)

        causal = _integers(model.causal.weight).reshape(channels, hidden, channels, 3, 4) * mask[:, None]
        self._causal = contexts(causal.reshape(-1, channels, 3, 4)).reshape(channels, hidden, -1).transpose(0, 2, 1)
        self._causal = self._causal * FRACTION
        linear = contexts(_integers(model.linear.weight) * mask)
        self._linear = (linear * FRACTION)[..., None]
        self._parent = _integers(model.parent.weight).reshape(4 * model.config.parent, -1)
        self._parent_bias = _integers(model.parent.bias)  # type: ignore[arg-type]
        inherited = _integers(model.inherited.weight).reshape(channels, hidden, -1)
        self._inherited = np.ascontiguousarray(inherited.transpose(0, 2, 1))
        own = _integers(model.inherited.bias) * FRACTION  # type: ignore[arg-type]
        # grids without a coarser one have no features and not their bias either
        table = _between(_integers(model.hidden_bias), place) * FRACTION
        table[:-1] += own
        self._hidden_bias = table.reshape(GRIDS, channels, 1, hidden)
        out = _integers(model.out.weight).reshape(channels, 2, hidden)
        self._out = np.ascontiguousarray(out.transpose(0, 2, 1))
        bias = _integers(model.out.bias) + _between(_integers(model.out_bias), place)  # type: ignore[arg-type]
        self._out_bias = bias.reshape(GRIDS, channels, 1, 2) * FRACTION
        self._offsets = np.array(CAUSAL_OFFSETS)

    # -- both ways ------------------------------------------------------------------------------------------

    def _features(self, coarser: Array | None, rows: int, columns: int) -> Array | None:
        """Features ``(rows * columns, parent)`` of the next coarser grid ``(C, h, w)``."""
        if coarser is None:
            return None
        channels, height, width = coarser.shape
        padded = np.pad(coarser, ((0, 0), (1, 1), (1, 1)))
        seen = np.stack([padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)], 1)
        seen = seen.reshape(9 * channels, height * width)
        made = np.clip(self._parent @ seen + self._parent_bias[:, None], 0, _MOST_HIDDEN)
        made = made.reshape(-1, 2, 2, height, width).transpose(0, 3, 1, 4, 2).reshape(-1, 2 * height, 2 * width)
        return np.ascontiguousarray(made[:, :rows, :columns].reshape(len(made), -1).T)

    def _told(self, contexts: Array, features: Array | None, grid: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Means in sixteenths and levels of scales ``(C, n)`` from contexts ``(C, n, offsets * C)``."""
        hidden = contexts @ self._causal + self._hidden_bias[grid]
        if features is not None:
            hidden += features @ self._inherited
        hidden = np.clip(np.floor(hidden / FRACTION), 0, _MOST_HIDDEN)
        out = hidden @ self._out + self._out_bias[grid]
        out[..., :1] += contexts @ self._linear
        steps = np.floor(out / (FRACTION * FRACTION / 16) + 0.5)
        means = np.clip(steps[..., 0], -(2**20), 2**20).astype(np.int64)
        levels = np.clip(steps[..., 1] - LOWEST_LEVEL, LEAST_LEVEL, LEVELS - 1).astype(np.int64)
        return means, levels

    # -- writing --------------------------------------------------------------------------------------------

    def write(self, grids: Symbols) -> bytes:
        """The stream of grids, and a byte to check them."""
        symbols, means, levels = [], [], []
        for k in reversed(range(GRIDS)):
            channels, rows, columns = grids[k].shape
            coarser = grids[k + 1].astype(np.float64) if k + 1 < GRIDS else None
            features = self._features(coarser, rows, columns)
            order = _order(channels, rows, columns)
            padded = order.padded(grids[k]).ravel()
            mean = np.empty((channels, rows * columns), np.int64)
            level = np.empty_like(mean)
            for begin in range(0, rows * columns, _BULK):
                part = slice(begin, begin + _BULK)
                contexts = padded[order.places[part, None] + order.around]
                some = None if features is None else features[part]
                told = self._told(np.broadcast_to(contexts, (channels, *contexts.shape)), some, k)
                mean[:, part], level[:, part] = told
            symbols.append(grids[k].reshape(-1)[order.sequence])
            means.append(mean.ravel()[order.sequence])
            levels.append(level.ravel()[order.sequence])
        stream = write_laplace(np.concatenate(symbols), np.concatenate(means), np.concatenate(levels))
        return stream + checked(grids)

    # -- reading --------------------------------------------------------------------------------------------

    def read(self, data: bytes, height: int, width: int) -> Symbols:
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
        reader = LaplaceReader(data[:-1])
        grids: list[NDArray[np.int16]] = []
        for k, (rows, columns) in reversed(list(enumerate(grid_sizes(height, width)))):
            coarser = grids[0].astype(np.float64) if grids else None
            grids.insert(0, self._read_grid(reader, k, coarser, rows, columns))
        if checked(grids) != data[-1:]:
            raise SymbolMismatchError("a tile does not decode to the values its encoder knew")
        return grids

    def _read_grid(
        self, reader: LaplaceReader, k: int, coarser: Array | None, rows: int, columns: int
    ) -> NDArray[np.int16]:
        features = self._features(coarser, rows, columns)
        order = _order(self.channels, rows, columns)
        grid = np.zeros(order.shape)
        flat = grid.ravel()
        for positions, valid in order.waves():
            places = order.places[positions]
            some = None if features is None else features[positions]
            means, levels = self._told(flat[places[..., None] + order.around], some, k)
            values = reader.read(means[valid], levels[valid])
            flat[(places + order.of_channel)[valid]] = values
        return np.ascontiguousarray(grid[:, 2:, 2:-1]).astype(np.int16)


def _between(table: Array, place: int) -> Array:
    """A table of integers over the range of rates at a place in it, rounded: exact."""
    cells = len(table) - 1
    low = min(place * cells // PLACES, cells - 1)
    share = place * cells - low * PLACES
    found: Array = np.floor((table[low] * (PLACES - share) + table[low + 1] * share) / PLACES + 0.5)
    return found


class _Order:
    """Where values of a grid lie in a padded array, and diagonals of positions.

    Parameters
    ----------
    channels, rows, columns
        Shape of the grid.
    """

    def __init__(self, channels: int, rows: int, columns: int) -> None:
        self.channels, self.rows, self.columns = channels, rows, columns
        self.shape = (channels, rows + 2, columns + 3)
        stride, plane = columns + 3, (rows + 2) * (columns + 3)
        y, x = (axis.ravel() for axis in np.indices((rows, columns)))
        self.places = (y + 2) * stride + x + 2
        near = np.array([dy * stride + dx for dy, dx in CAUSAL_OFFSETS])
        self.around = (near[:, None] + plane * np.arange(channels)).ravel()
        self.of_channel = plane * np.arange(channels)[:, None]
        self._diagonal = x + 2 * y
        self._by_diagonal = np.argsort(self._diagonal, kind="stable")

    def padded(self, grid: NDArray[np.int16]) -> Array:
        """A grid with zeros around."""
        padded = np.zeros(self.shape)
        padded[:, 2:, 2:-1] = grid
        return padded

    @property
    def sequence(self) -> NDArray[np.int64]:
        """Values of a grid in the order of coding, as indices into it."""
        wave = self._diagonal + np.arange(self.channels)[:, None]
        found: NDArray[np.int64] = np.argsort(wave.ravel(), kind="stable")
        return found

    def waves(self) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
        """Of each wave the positions ``(C, n)``, and which of them there are."""
        counts = np.bincount(self._diagonal)
        begins = np.concatenate([[0], np.cumsum(counts)])
        found = []
        for wave in range(len(counts) + self.channels - 1):
            diagonals = [wave - channel for channel in range(self.channels)]
            lengths = [int(counts[d]) if 0 <= d < len(counts) else 0 for d in diagonals]
            positions = np.zeros((self.channels, max(lengths)), np.int64)
            for channel, (d, length) in enumerate(zip(diagonals, lengths, strict=True)):
                if length:
                    positions[channel, :length] = self._by_diagonal[begins[d] : begins[d] + length]
            found.append((positions, np.arange(max(lengths)) < np.array(lengths)[:, None]))
        return found


_known = lru_cache(maxsize=4 * GRIDS)(_Order)
_LARGEST_KNOWN = 1 << 18


def _order(channels: int, rows: int, columns: int) -> _Order:
    return (_Order if channels * rows * columns > _LARGEST_KNOWN else _known)(channels, rows, columns)
