"""The latent of a plane, and what a codec makes of it.

Two chains, one for each kind of codec::

    glc    plane --> latent --> coefficients y --> payload --read back--> symbols, scale levels, hyper indices
    vqgan  plane --> latent --> index map --> codewords

All maps are ``(C, h, w)`` or ``(h, w)`` with one element for ``factor`` x ``factor`` pixels. The networks see planes
padded to whole steps (64 pixels for ``glc``, 16 for ``vqgan`` with the embedded models), so maps may reach
beyond the picture at the right and bottom border.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..._base.progress import Progress, no_progress
from ..._base.quality import MAX_STEPS, steps
from ...codecs.glc.symbols import Part
from ...container import Box, TileGrid
from ...container.header import DEFAULT_TILE
from ...entropy.packed import index_bits
from ...entropy.scales import SCALES
from ...networks.quadtree import spread_quarters, step_mask

if TYPE_CHECKING:
    from ...codecs.base import Plane
    from ...codecs.glc.codec import GlcCodec
    from ...codecs.vqgan.codec import VqganCodec

__all__ = [
    "CodedLatent",
    "IndexedLatent",
    "LatentColours",
    "coded_latent",
    "dense_parts",
    "indexed_latent",
    "latent_colours",
]

Map = NDArray[np.float32]


@dataclass(frozen=True)
class CodedLatent:
    """What the ``glc`` codec makes of a plane.

    Attributes
    ----------
    factor
        Pixels per latent position in each direction; a hyper-latent position is four times as wide.
    latent
        Output of the autoencoder's encoder, float32 ``(C, h, w)``.
    y
        Coefficients of the latent transform at the quality asked for, float32 ``(C, h, w)``.
    y_hat
        The same as the decoder knows them, float32 ``(C, h, w)``.
    symbols
        Quantised residuals, int16 ``(C, h, w)``, within ±255.
    levels
        Number of each symbol's scale in the stored table, uint8 ``(C, h, w)``; 0 means that the symbol is not coded.
    hyper_indices
        Codewords of the hyper-latent, int64 ``(h/4, w/4)``.
    hyper_codewords
        Size of the hyper codebook.
    tiles
        Tiles of the stream, in latent positions.
    payload_bytes
        Bytes of each tile, as in a file without its frame.
    """

    factor: int
    latent: Map
    y: Map
    y_hat: Map
    symbols: NDArray[np.int16]
    levels: NDArray[np.uint8]
    hyper_indices: NDArray[np.int64]
    hyper_codewords: int
    tiles: tuple[Box, ...]
    payload_bytes: tuple[int, ...]

    @property
    def scales(self) -> Map:
        """Standard deviations of the symbols, float32 ``(C, h, w)``, 0.12 to 32."""
        return SCALES[self.levels].astype(np.float32)

    @property
    def hyper_bits(self) -> int:
        """Bits of one hyper index; sixteen latent positions share it."""
        return index_bits(self.hyper_codewords)


@dataclass(frozen=True)
class IndexedLatent:
    """What the ``vqgan`` codec makes of a plane.

    Attributes
    ----------
    factor
        Pixels per latent position in each direction.
    latent
        Output of the autoencoder's encoder, float32 ``(C, h, w)``.
    indices
        Nearest codewords, int64 ``(h, w)``.
    words
        Those codewords, float32 ``(C, h, w)``.
    level, codewords
        Rate level, and the size of its codebook.
    """

    factor: int
    latent: Map
    indices: NDArray[np.int64]
    words: Map
    level: int
    codewords: int


@dataclass(frozen=True)
class LatentColours:
    """The three principal components of a latent as colours.

    Attributes
    ----------
    rgb
        uint8 ``(h, w, 3)``; the strongest component is red.
    explained
        Share of the latent's variance each component holds, 0 to 1.
    """

    rgb: NDArray[np.uint8]
    explained: tuple[float, float, float]


def latent_colours(latent: Map, percentile: float = 1.0) -> LatentColours:
    """Show a latent of many channels as a picture of three.

    Each component is stretched by itself, so colours tell positions of one picture apart; they do not
    compare between pictures. A component's sign is such that its largest weight is positive, so the same latent always
    gets the same colours.

    Parameters
    ----------
    latent
        ``(C, h, w)``.
    percentile
        What lies beyond this percentile and its counterpart at the other end is clipped, 0 to 50.
    """
    from skimage.exposure import rescale_intensity

    channels, height, width = latent.shape
    points = latent.reshape(channels, -1).astype(np.float64)
    points -= points.mean(axis=1, keepdims=True)
    variances, axes = np.linalg.eigh(points @ points.T / points.shape[1])
    total = max(float(variances.sum()), 0.0)
    rgb = np.full((height, width, 3), 128, np.uint8)
    explained = [0.0, 0.0, 0.0]
    for colour in range(min(3, channels)):
        variance, axis = float(variances[-1 - colour]), axes[:, -1 - colour]
        if variance <= 1e-12 * max(total, 1e-12):
            break
        axis = axis * np.sign(axis[np.abs(axis).argmax()])
        explained[colour] = variance / total
        component = axis @ points
        low, high = np.percentile(component, (percentile, 100 - percentile))
        if high > low:
            stretched = rescale_intensity(component, in_range=(low, high), out_range=(0, 255))
            rgb[..., colour] = np.rint(stretched).reshape(height, width).astype(np.uint8)
    return LatentColours(rgb, (explained[0], explained[1], explained[2]))


@torch.inference_mode()
def coded_latent(
    codec: GlcCodec, plane: Plane, quality: float, tile: int = DEFAULT_TILE, progress: Progress = no_progress
) -> CodedLatent:
    """Code a plane and take the stream apart again.

    Symbols, levels and hyper indices are those a decoder reads from the bytes.

    Parameters
    ----------
    codec
        A ``glc`` model.
    plane
        ``(H, W, 3)`` uint8.
    quality
        0 to 100.
    tile
        Side of a tile in pixels, a multiple of 64; 0 for a single tile.
    progress
        Called with steps done and in all; whatever it raises stops the work.
    """
    net, walk, config = codec.net, codec.walk, codec.config
    height, width = plane.shape[:2]
    grid = TileGrid(height, width, tile)
    blocks = len(walk.blocks(walk.aligned(grid.plane)))
    total = blocks + 2 * len(grid)
    rate = steps(quality)
    position = rate / MAX_STEPS * (config.rate_points - 1)

    def analyse(picture: torch.Tensor) -> torch.Tensor:
        latent = net.analyse(picture)
        return torch.cat((latent, net.transform(latent, position)), dim=1)

    latent, y = walk.analyse(plane, analyse, lambda done, _: progress(done, total)).chunk(2, dim=1)
    shape = (int(y.shape[1]), int(y.shape[2]), int(y.shape[3]))
    symbols, levels = np.zeros(shape, np.int16), np.zeros(shape, np.uint8)
    y_hat, hyper = np.zeros(shape, np.float32), np.zeros((shape[1] // 4, shape[2] // 4), np.int64)
    areas, sizes = [], []
    for done, box in enumerate(grid):
        area = walk.aligned(box).divided(config.factor)
        part = y[(..., *area.slices)].contiguous()
        progress(blocks + 2 * done, total)
        found = net.z_vq.indices(net.hyper_analyse(part.to(walk.device)))[0].cpu().numpy()
        payload, _ = codec.coder.write(part, found, rate)
        progress(blocks + 2 * done + 1, total)
        read = codec.coder.read(payload, area.height, area.width, rate)
        inside = (..., *area.slices)
        symbols[inside], levels[inside] = dense_parts(read.parts, *part.shape[1:])
        y_hat[inside] = read.y_hat[0].numpy()
        hyper[area.divided(4).slices] = read.hyper_indices
        areas.append(area)
        sizes.append(len(payload))
    progress(total, total)
    return CodedLatent(
        config.factor,
        _array(latent),
        _array(y),
        y_hat,
        symbols,
        levels,
        hyper,
        config.hyper_codewords,
        tuple(areas),
        tuple(sizes),
    )


def dense_parts(
    parts: Sequence[Part], channels: int, height: int, width: int
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Put what the four coding steps of a tile contributed back in its place.

    Parameters
    ----------
    parts
        Symbols and levels of each step as they lie in the stream, each ``channels * height * width / 4`` long.
    channels, height, width
        Of the tile's latent.

    Returns
    -------
    symbols, levels
        int16 and uint8, ``(channels, height, width)``.
    """
    dense = torch.zeros(2, 1, channels, height, width, dtype=torch.int64)
    for step, both in enumerate(parts):
        mask = step_mask(step, channels, height, width).long()
        for kind, values in enumerate(both):
            quarter = torch.from_numpy(np.asarray(values, np.int64)).view(1, channels // 4, height, width)
            dense[kind] += spread_quarters(quarter, mask)
    return dense[0, 0].numpy().astype(np.int16), dense[1, 0].numpy().astype(np.uint8)


@torch.inference_mode()
def indexed_latent(codec: VqganCodec, plane: Plane, quality: float, progress: Progress = no_progress) -> IndexedLatent:
    """Find the nearest codewords of a plane's latent.

    Parameters
    ----------
    codec
        A ``vqgan`` model.
    plane
        ``(H, W, 3)`` uint8.
    quality
        0 to 100; picks the codebook.
    progress
        Called with steps done and in all; whatever it raises stops the work.
    """
    level = codec.level(quality)
    book = codec.net.codebook(level)
    latent = codec.walk.analyse(plane, codec.net.analyse, lambda done, total: progress(done, total + 1)).contiguous()
    indices = book.indices(latent.to(codec.walk.device))
    words = book.lookup(indices).cpu()
    progress(1, 1)
    return IndexedLatent(
        codec.config.factor,
        _array(latent),
        indices[0].cpu().numpy(),
        _array(words),
        level,
        codec.config.codebooks[level],
    )


def _array(tensor: torch.Tensor) -> Map:
    array: Map = np.ascontiguousarray(tensor[0].float().numpy())
    return array
