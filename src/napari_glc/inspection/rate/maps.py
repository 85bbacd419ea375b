"""Where the bits of a file go, and where the decoder adds what they do not carry.

All maps have one element for each latent position (`f` x `f` pixels) and are aligned with the picture's corner.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...entropy.gaussian import symbol_bits
from ...entropy.packed import index_bits
from ...metrics import check_shapes

if TYPE_CHECKING:
    from ...codecs.glc.symbols import TileSymbols
    from .session import RateSession, RateStep

__all__ = ["bit_map", "detail_beyond", "detail_unlike", "local_energy", "tile_bits"]

Map = NDArray[np.float64]
Pixels = NDArray[np.uint8]

_DETAIL_SIGMA = 4.0
"""Standard deviation in pixels of the Gaussian below which structure counts as detail."""


def tile_bits(tile: TileSymbols, hyper_codewords: int) -> Map:
    """Bits of a tile's payload at each latent position, ``(h, w)``, checksums left out.

    Parameters
    ----------
    tile
        What the payload says.
    hyper_codewords
        Size of the hyper codebook; an index takes its logarithm, spread over the 4 x 4 positions it serves.
    """
    height, width = tile.y_hat.shape[-2:]
    total = np.full((height, width), index_bits(hyper_codewords) / 16)
    for symbols, levels in tile.parts:
        total += symbol_bits(symbols, levels).reshape(-1, height, width).sum(axis=0)
    return total


def bit_map(session: RateSession, step: RateStep) -> Map:
    """Estimated bits spent at each latent position.

    Codec ``glc``: the information of the symbols under the probabilities they are coded with, plus the hyper
    indices. The sum agrees with the streams of the file within a few percent.
    Codec ``vqgan``: the information of each index under the histogram of the whole map, scaled so that the sum is
    that of the streams; where the index coder itself saved bits by context is not seen.

    Parameters
    ----------
    session, step
        A step of the session.

    Returns
    -------
    NDArray
        ``(h, w)``, in bits. It covers whole units of the codec (64 pixels for ``glc``), so it may reach beyond the
        right and bottom border of the picture: what was padded is coded too.
    """
    from ...codecs.glc.codec import GlcCodec

    coder = session.coder
    if isinstance(coder, GlcCodec):
        area = coder.area(session.grid.plane)
        bits: Map = np.zeros((area.height, area.width))
        for box, tile in zip(session.grid, step.symbols, strict=True):
            bits[coder.area(box).slices] = tile_bits(tile, coder.config.hyper_codewords)
        return bits
    assert step.indices is not None
    _, place, counts = np.unique(step.indices, return_inverse=True, return_counts=True)
    bits = -np.log2(counts / step.indices.size)[place].reshape(step.indices.shape)
    coded = 8.0 * step.payload
    total = bits.sum()
    return bits * (coded / total) if total > 0 else np.full(bits.shape, coded / bits.size)


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
