"""What can be shown of coefficients: all parts of a stream in their places, and where its bits go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ..._base.progress import Progress
from ..._base.quality import steps
from ...container import Box, TileGrid
from ...entropy.gaussian import symbol_bits
from ...entropy.packed import index_bits
from ...networks.config import GlcConfig
from ...networks.glc import GlcNetwork
from ...networks.quadtree import spread_quarters, step_mask
from ..base import Plane
from ..blocks import BlockWalk
from ..transform_coded import CodedLatent
from .symbols import RATE_STEPS, Part, SymbolCoder, TileSymbols

__all__ = ["coded_latent", "coefficient_bits", "dense_parts", "tile_bits"]

Map = NDArray[np.float32]


class CoderOfTiles(Protocol):
    """What of the codec is needed; see :class:`~napari_glc.codecs.glc.codec.GlcCodec`."""

    config: GlcConfig
    net: GlcNetwork
    walk: BlockWalk
    coder: SymbolCoder

    def area(self, tile: Box) -> Box:
        """Latent positions of a tile."""
        ...

    def hyper_indices(self, y: torch.Tensor) -> NDArray[np.int64]:
        """Hyper indices ``(h/4, w/4)`` of coefficients ``(1, N, h, w)``."""
        ...


@torch.inference_mode()
def coded_latent(codec: CoderOfTiles, plane: Plane, quality: float, tile: int, progress: Progress) -> CodedLatent:
    """Code a plane and take the stream apart again.

    Symbols, levels and hyper indices are those a decoder reads from the bytes.

    Parameters
    ----------
    codec
        The codec.
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
    position = rate / RATE_STEPS * (config.rate_points - 1)

    def analyse(picture: torch.Tensor) -> torch.Tensor:
        latent = net.analyse(picture)
        return torch.cat((latent, net.transform(latent, position)), dim=1)

    latent, y = walk.analyse(plane, analyse, lambda done, _: progress(done, total)).chunk(2, dim=1)
    shape = (int(y.shape[1]), int(y.shape[2]), int(y.shape[3]))
    symbols, levels = np.zeros(shape, np.int16), np.zeros(shape, np.uint8)
    y_hat, hyper = np.zeros(shape, np.float32), np.zeros((shape[1] // 4, shape[2] // 4), np.int64)
    areas, sizes = [], []
    for done, box in enumerate(grid):
        area = codec.area(box)
        part = y[(..., *area.slices)].contiguous()
        progress(blocks + 2 * done, total)
        payload, _ = codec.coder.write(part, codec.hyper_indices(part), rate)
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


def tile_bits(tile: TileSymbols, hyper_codewords: int) -> NDArray[np.float64]:
    """Bits of a tile's payload at each latent position, ``(h, w)``, the checksum left out.

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


def coefficient_bits(codec: CoderOfTiles, grid: TileGrid, tiles: Sequence[TileSymbols]) -> NDArray[np.float64]:
    """Bits of a plane at each latent position: the information of the symbols, and the hyper indices."""
    area = codec.area(grid.plane)
    bits = np.zeros((area.height, area.width))
    for box, tile in zip(grid, tiles, strict=True):
        bits[codec.area(box).slices] = tile_bits(tile, codec.config.hyper_codewords)
    return bits


def _array(tensor: torch.Tensor) -> Map:
    array: Map = np.ascontiguousarray(tensor[0].float().numpy())
    return array
