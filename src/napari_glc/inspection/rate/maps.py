"""Where the decoder adds what the bits of a file do not carry; where the bits go is :attr:`RateStep.bits`.

All maps have one element for each latent position (`f` x `f` pixels) and are aligned with the picture's corner.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ...errors import UnsupportedArrayError

__all__ = ["absolute_error", "detail_beyond", "detail_unlike", "local_energy"]

Map = NDArray[np.float64]
Pixels = NDArray[np.uint8]

_DETAIL_SIGMA = 4.0
"""Standard deviation in pixels of the Gaussian below which structure counts as detail."""


def local_energy(difference: NDArray[np.floating], cell: int) -> Map:
    """Root of the mean square in cells of `cell` x `cell` pixels, those at the border cut.

    Parameters
    ----------
    difference
        ``(Y, X)`` or ``(Y, X, C)``; channels are averaged.
    cell
        Pixels.

    Returns
    -------
    NDArray
        ``(ceil(Y / cell), ceil(X / cell))`` in the unit of `difference`.
    """
    square = np.square(difference, dtype=np.float64)
    if square.ndim == 3:
        square = square.mean(axis=-1)
    rows, columns = (np.arange(0, side, cell) for side in square.shape)
    sums = np.add.reduceat(np.add.reduceat(square, rows, axis=0), columns, axis=1)
    counts = np.outer(*(np.diff([*starts, side]) for starts, side in zip((rows, columns), square.shape, strict=True)))
    return np.sqrt(sums / counts)


def detail_beyond(decoded: Pixels, preview: Pixels, cell: int) -> Map:
    """How far the decoded picture departs from what the hyper-prior alone gives, in grey levels.

    The preview is decoded from a few bytes; whatever the picture shows beyond it was added by the symbols and
    by what the generator makes of them.

    Parameters
    ----------
    decoded, preview
        uint8, of equal shape.
    cell
        Pixels per element.
    """
    _same_shape(decoded, preview)
    return local_energy(np.subtract(decoded, preview, dtype=np.float64), cell)


def detail_unlike(original: Pixels, decoded: Pixels, cell: int) -> Map:
    """Detail of the decoded picture that the original's does not explain, in grey levels.

    Detail is what a Gaussian of 4 pixels takes away. Around every pixel the decoded detail is projected onto the
    original's; what is left has nothing to do with the original there, so no bit can have carried it. Sharper or
    paler copies of the original's detail do not count. Noise-free flat areas are dark, invented texture is bright.

    Parameters
    ----------
    original, decoded
        uint8, of equal shape.
    cell
        Pixels per element.
    """
    _same_shape(original, decoded)
    channels = original.shape[2] if original.ndim == 3 else 1
    left = np.empty((*original.shape[:2], channels))
    for channel in range(channels):
        truth = _detail(original[..., channel] if original.ndim == 3 else original)
        made = _detail(decoded[..., channel] if decoded.ndim == 3 else decoded)
        common = gaussian_filter(truth * made, _DETAIL_SIGMA)
        energy = gaussian_filter(truth * truth, _DETAIL_SIGMA)
        # a share of the original's detail below zero would be detail turned over: that is invented as well
        share = np.maximum(common, 0) / np.maximum(energy, 1e-9)
        left[..., channel] = made - share * truth
    return local_energy(left, cell)


def _detail(channel: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = channel.astype(np.float32)
    detail: NDArray[np.float32] = values - gaussian_filter(values, _DETAIL_SIGMA)
    return detail


def absolute_error(original: Pixels, decoded: Pixels) -> Pixels:
    """Absolute difference ``(Y, X)`` in grey levels, of three channels the largest."""
    _same_shape(original, decoded)
    error = np.where(original > decoded, original - decoded, decoded - original)
    result: Pixels = error.max(axis=-1) if error.ndim == 3 else error
    return result


def _same_shape(a: Pixels, b: Pixels) -> None:
    if a.shape != b.shape:
        raise UnsupportedArrayError(f"pictures of shapes {a.shape} and {b.shape} cannot be compared")
