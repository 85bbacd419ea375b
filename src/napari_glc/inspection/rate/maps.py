"""Where the decoder adds what the bits of a file do not carry; where the bits go is :attr:`RateStep.bits`.

All maps have one element for each latent position (`f` x `f` pixels) and are aligned with the picture's corner.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...metrics import check_shapes

__all__ = ["detail_beyond", "detail_unlike", "local_energy"]

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
    from skimage.measure import block_reduce

    square = np.square(difference, dtype=np.float64)
    if square.ndim == 3:
        square = square.mean(axis=-1)
    # what the last cells lack is filled with NaN, which the mean leaves out
    energy: Map = np.sqrt(block_reduce(square, cell, np.nanmean, cval=np.nan))
    return energy


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
    check_shapes(decoded, preview)
    return local_energy(np.subtract(decoded, preview, dtype=np.float64), cell)


def detail_unlike(original: Pixels, decoded: Pixels, cell: int) -> Map:
    """Detail of the decoded picture that the original's does not explain, in grey levels.

    Detail is what a Gaussian of 4 pixels takes away. Around every pixel the decoded detail is projected onto the
    original's; what is left has nothing to do with the original there, so no bit can have carried it. Sharper or
    paler copies of the original's detail do not count. Flat areas without noise are dark, hallucinated texture is
    bright.

    Parameters
    ----------
    original, decoded
        uint8, of equal shape.
    cell
        Pixels per element.
    """
    from skimage.filters import gaussian

    check_shapes(original, decoded)
    blurred = partial(
        gaussian,
        sigma=_DETAIL_SIGMA,
        mode="reflect",
        channel_axis=-1 if original.ndim == 3 else None,
        preserve_range=True,
    )
    truth, made = (values - blurred(values) for values in (original.astype(np.float32), decoded.astype(np.float32)))
    common, energy = blurred(truth * made), blurred(truth * truth)
    # a share of the original's detail below zero would be its negative: that is hallucinated as well
    share = np.maximum(common, 0) / np.maximum(energy, 1e-9)
    return local_energy(made - share * truth, cell)
