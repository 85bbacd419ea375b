"""The shape of a fitted function: its grids, its parameters, and what it costs to evaluate.

Everything follows from the number of latent channels C and the size h x w of the latent of a tile. There are seven
grids of C channels, the first of the latent's size, each further one half as high and wide (rounded up).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log2, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..._base.quality import steps
from ...entropy.laplace import LOWEST_LEVEL

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "CONTEXTS",
    "GRIDS",
    "HIDDEN",
    "LEAST_LEVEL",
    "LEAST_LOG_SCALE",
    "OFFSETS",
    "PLACES",
    "TAPS",
    "WORTHS",
    "Parameters",
    "Part",
    "grid_sizes",
    "macs_per_position",
    "parts",
    "place_of",
    "start_parameters",
    "trade_off",
    "worth_at",
]

LEAST_LOG_SCALE = -4
"""Binary logarithm of the narrowest distribution of a value: a zero costs 0.0005 bits, not nothing, so that every
byte of a file stands for a limited number of values."""
LEAST_LEVEL = 16 * LEAST_LOG_SCALE - LOWEST_LEVEL
"""The same among the stored scales."""
GRIDS = 7
"""Resolutions, as published (CLRIC's count of operations fits seven)."""
OFFSETS = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
"""Rows and columns from a value to its neighbours of the same grid and channel that are decoded before it."""
CONTEXTS = len(OFFSETS) + 2
"""The neighbours, the value at the same place in the channel before, and the one above it in the next coarser grid."""
HIDDEN = 8
"""Width of the autoregressive model."""
TAPS = 4
"""Different taps of the symmetric upsampling kernel of twice as many."""

WORTHS = (2.0, 0.01)
"""Least and best rate the shared networks know: squared error of a latent value that a bit for it is worth."""

Parameters = dict[str, NDArray[np.float64]]
"""By name: ``arm_weight`` (first layer, second layer, the linear part beside them), ``arm_bias`` (first layer, second
layer, one of each grid, one of each channel), ``gain`` (binary logarithms: of each grid, of each channel),
``kernel`` (from the outside to the middle), ``mix_weight`` (two layers), ``mix_bias``; flat."""


def grid_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Rows and columns of each grid, the finest first."""
    return [(-(-height // 2**k), -(-width // 2**k)) for k in range(GRIDS)]


@dataclass(frozen=True)
class Part:
    """Some parameters that share a quantisation step."""

    name: str
    size: int


def parts(channels: int) -> Iterator[Part]:
    """The parameters in the order of the file."""
    yield Part("arm_weight", HIDDEN * CONTEXTS + 2 * HIDDEN + 2 * CONTEXTS)
    yield Part("arm_bias", HIDDEN + 2 + GRIDS + channels)
    yield Part("gain", GRIDS + channels)
    yield Part("kernel", TAPS)
    yield Part("mix_weight", 4 * channels * channels)
    yield Part("mix_bias", 3 * channels)


def worth_at(position: Tensor) -> Tensor:
    """What a bit is worth at positions of 0 to 1 on the range the shared networks know."""
    low, high = WORTHS
    return low * (high / low) ** position


def place_of(quality: float) -> int:
    """Where a quality lies on the range of rates, in :data:`PLACES`."""
    return _LEAST * 2 * 100 + (_MOST - _LEAST) * steps(quality)


def trade_off(quality: float) -> float:
    """Squared error of a latent value that a bit for it is worth, at a quality."""
    return float(WORTHS[0] * (WORTHS[1] / WORTHS[0]) ** (place_of(quality) / PLACES))


PLACES = 200_000
"""Length of the range of rates."""
_LEAST, _MOST = 75, 1000
"""Where quality 0 and quality 100 lie on it, in thousandths: about 0.02 and 0.4 bits a pixel."""


def start_parameters(channels: int, quality: float) -> Parameters:
    """Where parameters begin and what the file states differences from.

    A Laplace distribution around zero, wider beside large neighbours; a step that suits the rate; bicubic upsampling;
    the mixing layers leave everything as it is.
    """
    first = np.zeros((HIDDEN, CONTEXTS))
    for row, context in enumerate((0, 1, CONTEXTS - 2, CONTEXTS - 1)):
        first[2 * row, context], first[2 * row + 1, context] = 1, -1
    second = np.stack([np.zeros(HIDDEN), np.full(HIDDEN, 0.375)])
    bias = np.zeros(HIDDEN + 2 + GRIDS + channels)
    bias[HIDDEN + 1] = -2.5
    gain = np.zeros(GRIDS + channels)
    # uniform quantisation: error step^2 / 12, and a bit is worth 2 ln 2 times the error
    gain[:GRIDS] = log2(min(2.0, sqrt(trade_off(quality) * 12 / (2 * np.log(2)))))
    both = np.concatenate([np.eye(channels), -np.eye(channels)])
    return {
        "arm_weight": np.concatenate([first.ravel(), second.ravel(), np.zeros(2 * CONTEXTS)]),
        "arm_bias": bias,
        "gain": gain,
        "kernel": _bicubic(),
        "mix_weight": np.concatenate([both.ravel(), np.zeros(both.size)]),
        "mix_bias": np.zeros(3 * channels),
    }


def _bicubic() -> NDArray[np.float64]:
    """Keys' kernel (a = -1/2) half-way between twice as many samples: at 1.75, 1.25, 0.75 and 0.25 from its middle."""
    far, near = np.array([1.75, 1.25]), np.array([0.75, 0.25])
    outer = -0.5 * far**3 + 2.5 * far**2 - 4 * far + 2
    return np.concatenate([outer, 1.5 * near**3 - 2.5 * near**2 + 1])


def macs_per_position(channels: int, height: int, width: int) -> float:
    """Multiply-accumulates of decoding a latent of ``height x width`` positions, for each of them."""
    sizes = grid_sizes(height, width)
    values = channels * sum(rows * columns for rows, columns in sizes)
    model = HIDDEN * CONTEXTS + 2 * HIDDEN + 2 * CONTEXTS
    total = values * (model + 1)
    for rows, columns in sizes[:-1]:
        # twice as high first, then twice as wide, TAPS products each
        coarse = -(-columns // 2)
        total += channels * TAPS * (rows * coarse + rows * columns)
    total += 4 * channels * channels * height * width
    return total / (height * width)
