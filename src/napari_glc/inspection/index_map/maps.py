"""Index maps and their numbers.

Data flow::

    picture --plane_latent--> latent --map_of_latent, for any codebook--> IndexMap --position_bits--> bits
    file -----------------------------file_map--------------------------> IndexMap

The latent does not depend on the codebook, so all nine maps of a picture cost one run of the encoder. A file's map is
read without decoding pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..._base.progress import Progress
from ...codecs.index_mapped import IndexMapped
from ...container import DEFAULT_TILE, TileGrid
from ...errors import OptionError
from ...files.opened import GlcFile
from ...imaging.planes import to_plane

__all__ = ["IndexMap", "PositionBits", "file_map", "map_of_latent", "picture_map", "plane_latent", "position_bits"]

_AT_ONCE = 1 << 13
"""Positions whose distances to all codewords are held at a time."""


@dataclass(frozen=True)
class IndexMap:
    """The index map of a picture in one codebook.

    Attributes
    ----------
    indices
        Int64 ``(H/f, W/f)``, 0 to ``size - 1``; -1 where a file has lost it.
    level
        Rate level of the codebook, 0 the smallest.
    size
        Codewords of the codebook.
    factor
        Pixels per index in each direction, f.
    shape
        Rows and columns of the picture, in pixels.
    tile, packets
        How a file divides the map, which decides what its coder knows of a position's surroundings.
    """

    indices: NDArray[np.int64]
    level: int
    size: int
    factor: int
    shape: tuple[int, int]
    tile: int = field(default=DEFAULT_TILE, kw_only=True)
    packets: int = field(default=1, kw_only=True)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each codeword occurs, ``(size,)``."""
        return np.bincount(self.indices[self.indices >= 0], minlength=self.size)

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Where indices are lost."""
        return self.indices < 0

    @property
    def used(self) -> int:
        """How many codewords occur."""
        return int(np.count_nonzero(self.counts))

    @property
    def entropy(self) -> float:
        """Bits an index would take if only the frequencies of the codewords in this map were known."""
        shares = self.counts[self.counts > 0] / max(1, self.counts.sum())
        return float(-(shares * np.log2(shares)).sum() + 0.0)

    @property
    def perplexity(self) -> float:
        """The number of equally frequent codewords with the same entropy, ``2 ** entropy``."""
        return float(2**self.entropy)

    @property
    def grid(self) -> TileGrid:
        """Tiles of the picture."""
        return TileGrid(*self.shape, self.tile)


@dataclass(frozen=True)
class PositionBits:
    """Where the bits of an index map go.

    Attributes
    ----------
    bits
        Float64 ``(H/f, W/f)``: minus the binary logarithm of each index's probability; NaN where it is lost.
    coder
        Whose probabilities: ``"transformer"``, or ``"adaptive"`` if the model has no transformer that can code.
    """

    bits: NDArray[np.float64]
    coder: str

    @property
    def total(self) -> float:
        """Bits of the whole map."""
        return float(np.nansum(self.bits))


@torch.inference_mode()
def plane_latent(codec: IndexMapped, picture: NDArray[np.uint8], progress: Progress) -> NDArray[np.float32]:
    """The latent of a picture before quantisation.

    Parameters
    ----------
    codec
        The codec.
    picture
        uint8, ``(H, W)`` or ``(H, W, 3)``.
    progress
        See :data:`~napari_glc.codecs.base.Progress`.

    Returns
    -------
    NDArray[np.float32]
        ``(C, H/f, W/f)``, sides rounded up.
    """
    plane, _ = to_plane(picture)
    latent: NDArray[np.float32] = codec.walk.analyse(plane, codec.net.analyse, progress)[0].float().numpy()
    return latent


@torch.inference_mode()
def map_of_latent(
    codec: IndexMapped, latent: NDArray[np.float32], level: int, shape: tuple[int, int], progress: Progress
) -> IndexMap:
    """The nearest codewords of a latent.

    Parameters
    ----------
    codec
        The codec.
    latent
        ``(C, H/f, W/f)``.
    level
        Rate level of the codebook.
    shape
        Rows and columns of the picture.
    progress
        See :data:`~napari_glc.codecs.base.Progress`.

    Raises
    ------
    OptionError
        If the model has no such level.
    """
    if not 0 <= level < len(codec.codebook_sizes()):
        raise OptionError(f"level must lie within 0 to {len(codec.codebook_sizes()) - 1}, not {level}")
    codebook = codec.net.codebook(level)
    rows = max(1, _AT_ONCE // latent.shape[2])
    parts = []
    for top in range(0, latent.shape[1], rows):
        progress(top, latent.shape[1])
        part = torch.from_numpy(latent[None, :, top : top + rows]).to(codec.walk.device)
        parts.append(codebook.indices(part)[0].cpu().numpy())
    return IndexMap(np.concatenate(parts), level, codebook.size, codec.factor, shape)


def picture_map(codec: IndexMapped, picture: NDArray[np.uint8], level: int, progress: Progress) -> IndexMap:
    """The index map of a picture; see :func:`plane_latent` and :func:`map_of_latent`."""
    latent = plane_latent(codec, picture, progress)
    return map_of_latent(codec, latent, level, picture.shape[:2], progress)


def file_map(file: GlcFile, progress: Progress, plane: int = 0) -> tuple[IndexMapped, IndexMap]:
    """The index map of a plane of a ``.glc`` file, without decoding pixels; lost packets are left out.

    Parameters
    ----------
    file
        The file.
    progress
        See :data:`~napari_glc.codecs.base.Progress`.

    plane
        Its number, counted through all leading axes.

    Returns
    -------
    codec, index_map
        The codec of the file's model, and the map.

    Raises
    ------
    OptionError
        If the file's codec has no index map, or the file no such plane.
    MissingModelError
        If its model is not installed.
    """
    if not file.entry.capabilities.index_map:
        raise OptionError(f"files of codec {file.codec!r} hold no index map")
    codec, header = cast("IndexMapped", file.decoder), file.container.header
    file.check_plane(plane)
    first = file.container.first_chunk(plane)
    area = file.container.grid.plane
    found = codec.read_map(lambda chunk: file.chunk(first + chunk), file.coding(plane), area, progress, strict=False)
    level = codec.level(header.quality)
    shape, size = (header.height, header.width), codec.codebook_sizes()[level]
    return codec, IndexMap(found.indices, level, size, codec.factor, shape, tile=header.tile, packets=header.packets)


@torch.inference_mode()
def position_bits(codec: IndexMapped, found: IndexMap, progress: Progress) -> PositionBits:
    """Bits of every position of an index map.

    They are those a file made with the same coder holds, up to the rounding of each packet to whole bytes: the
    probabilities are the coder's own, evaluated in fixed point.

    Parameters
    ----------
    codec
        The codec.
    found
        The map.
    progress
        See :data:`~napari_glc.codecs.base.Progress`.
    """
    bits, coder = np.full(found.indices.shape, np.nan), ""
    done, total = 0, found.indices.size

    def tick() -> None:
        progress(min(done, total), total)

    for tile in found.grid:
        area = tile.divided(found.factor)
        tick()
        bits[area.slices], coder = codec.position_bits(found.indices[area.slices], found.packets, found.level, tick)
        done += area.height * area.width
    tick()
    return PositionBits(bits, coder)
