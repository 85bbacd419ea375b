"""The latent of a plane, and what a codec makes of it.

Three chains, one for each kind of codec::

    coefficients  plane --> latent --> coefficients y --> payload --read back--> symbols, scale levels, hyper indices
    index map     plane --> latent --> index map --> codewords
    grids         plane --> latent --> grids at several resolutions --> payload --read back--> grids and their bits

All maps are ``(C, h, w)`` or ``(h, w)`` with one element for ``factor`` x ``factor`` pixels. The networks see planes
padded to whole steps (64 pixels with ``glc-small``, 16 with ``vqgan-small``), so maps may reach
beyond the picture at the right and bottom border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..._base.progress import Progress, no_progress
from ...codecs.grid_coded import CodedGrids
from ...codecs.transform_coded import CodedLatent
from ...container import DEFAULT_TILE

if TYPE_CHECKING:
    from ...codecs.base import Plane
    from ...codecs.grid_coded import GridCoded
    from ...codecs.index_mapped import IndexMapped
    from ...codecs.transform_coded import TransformCoded
    from ...files.opened import GlcFile

__all__ = [
    "CodedGrids",
    "CodedLatent",
    "IndexedLatent",
    "LatentColours",
    "coded_grids",
    "coded_latent",
    "indexed_latent",
    "latent_colours",
    "stored_grids",
]

Map = NDArray[np.float32]


@dataclass(frozen=True)
class IndexedLatent:
    """What a codec of index maps makes of a plane.

    Attributes
    ----------
    factor
        Pixels per latent position in each direction.
    latent
        Output of the autoencoder's encoder, float32 ``(C, h, w)``.
    indices
        Nearest codewords, int64 ``(h, w)``.
    codewords
        These codewords, float32 ``(C, h, w)``.
    level, codebook_size
        Rate level, and how many codewords its codebook has.
    """

    factor: int
    latent: Map
    indices: NDArray[np.int64]
    codewords: Map
    level: int
    codebook_size: int


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


def coded_latent(
    codec: TransformCoded, plane: Plane, quality: float, tile: int = DEFAULT_TILE, progress: Progress = no_progress
) -> CodedLatent:
    """Code a plane and take the stream apart again.

    Symbols, levels and hyper indices are those a decoder reads from the bytes.

    Parameters
    ----------
    codec
        One with coefficients.
    plane
        ``(H, W, 3)`` uint8.
    quality
        0 to 100.
    tile
        Side of a tile in pixels, a multiple of 64; 0 for a single tile.
    progress
        Called with steps done and in all; whatever it raises stops the work.
    """
    return codec.coded_latent(plane, quality, tile, progress)


def coded_grids(codec: GridCoded, plane: Plane, quality: float, progress: Progress = no_progress) -> CodedGrids:
    """Code a plane as grids and read them back.

    Parameters
    ----------
    codec
        One with grids.
    plane
        ``(H, W, 3)`` uint8.
    quality
        0 to 100.
    progress
        Called with steps done and in all; whatever it raises stops the work.
    """
    return codec.coded_grids(plane, quality, progress)


def stored_grids(file: GlcFile, place: tuple[int, ...] = (), progress: Progress = no_progress) -> CodedGrids:
    """The grids a file holds of a plane, as they are.

    Parameters
    ----------
    file
        Of a codec with grids.
    place
        Where the plane lies along the leading axes of the file.
    progress
        Called with steps done and in all; whatever it raises stops the work.

    Raises
    ------
    DamagedFileError, TruncatedFileError
        If a tile of the plane is not intact.
    """
    number, _ = file.layout.plane_of(place)
    codec = cast("GridCoded", file.decoder)
    coding, first = file.coding(number), file.container.first_chunk(number, 0)
    pixels = file.plane_pixels(number, 0, coding.grid.plane, progress)
    payloads = [file.chunk(first + tile) for tile in range(len(coding.grid))]
    return codec.stored_grids(pixels, coding, payloads, progress)


@torch.inference_mode()
def indexed_latent(codec: IndexMapped, plane: Plane, quality: float, progress: Progress = no_progress) -> IndexedLatent:
    """Find the nearest codewords of a plane's latent.

    Parameters
    ----------
    codec
        One with an index map.
    plane
        ``(H, W, 3)`` uint8.
    quality
        0 to 100; picks the codebook.
    progress
        Called with steps done and in all; whatever it raises stops the work.
    """
    level = codec.level(quality)
    codebook = codec.net.codebook(level)
    latent = codec.walk.analyse(plane, codec.net.analyse, lambda done, total: progress(done, total + 1)).contiguous()
    indices = codebook.indices(latent.to(codec.walk.device))
    codewords = codebook.lookup(indices).cpu()
    progress(1, 1)
    return IndexedLatent(
        codec.factor,
        _array(latent),
        indices[0].cpu().numpy(),
        _array(codewords),
        level,
        codec.codebook_sizes()[level],
    )


def _array(tensor: torch.Tensor) -> Map:
    array: Map = np.ascontiguousarray(tensor[0].float().numpy())
    return array
