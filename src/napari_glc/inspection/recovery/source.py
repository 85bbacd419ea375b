"""Index maps of which part can be lost: of a picture just coded, or of a file as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ..._base.progress import Progress, no_progress
from ...codecs.index_mapped import DamagedMap, IndexMap, IndexMapped
from ...codecs.loading import loaded_codec
from ...container import ArrayKind, Box, TileGrid
from ...container.limits import beyond, get_limits
from ...errors import OptionError, UnsupportedArrayError
from ...imaging.planes import from_plane, to_plane

if TYPE_CHECKING:
    from ...files.opened import GlcFile

__all__ = ["MapSource", "source_of_file", "source_of_picture"]

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class MapSource:
    """An index map, and all that is needed to make a picture of it.

    Attributes
    ----------
    codec
        With the model that made the map.
    found
        The map; -1 where a file has lost it already.
    quality
        0 to 100; tells the codebook.
    grid
        The picture and its tiles.
    kind
        Grey or RGB.
    packet
        Packet of each position ``(H, W)``, counted through all tiles.
    original
        The picture before coding, uint8 ``(Y, X)`` or ``(Y, X, 3)``, if it is at hand.
    """

    codec: IndexMapped
    found: DamagedMap
    quality: float
    grid: TileGrid
    kind: ArrayKind
    packet: IndexMap
    original: Pixels | None = None

    @property
    def intact(self) -> bool:
        """Whether every index is known."""
        return not self.found.lost.any()

    @property
    def codebook_size(self) -> int:
        """Entries of the codebook."""
        return self.codec.codebook_sizes()[self.codec.level(self.quality)]

    def render(self, indices: IndexMap, progress: Progress = no_progress) -> Pixels:
        """The picture of a complete map; unknown indices (-1) show as mid-grey.

        Parameters
        ----------
        indices
            ``(H, W)``.
        progress
            Called with blocks done and in all; whatever it raises stops the work.
        """
        known = np.where(indices < 0, self.codec.grey_index(self.quality), indices) if indices.min() < 0 else indices
        found = replace(self.found, indices=known)
        return from_plane(self.codec.render(found, self.quality, self.grid.plane, self.grid, progress), self.kind)

    def compared_with(self, original: Pixels) -> MapSource:
        """The same with an original to compare with.

        Raises
        ------
        UnsupportedArrayError
            If it has another shape than the coded picture.
        """
        shape = (self.grid.height, self.grid.width, *((3,) if self.kind is ArrayKind.RGB8 else ()))
        if original.shape != shape:
            raise UnsupportedArrayError(f"a picture of shape {original.shape} is not the original of one of {shape}")
        return replace(self, original=original)


def source_of_picture(
    codec: IndexMapped, picture: Pixels, quality: float, *, packets: int = 8, progress: Progress = no_progress
) -> MapSource:
    """Code a picture as an index map of one tile.

    Parameters
    ----------
    codec
        The model.
    picture
        uint8, ``(Y, X)`` or ``(Y, X, 3)``.
    quality
        0 to 100.
    packets
        Into how many packets the map is divided.
    progress
        Called often; whatever it raises stops the work.

    Raises
    ------
    UnsupportedArrayError
        If the array cannot be coded.
    OptionError
        If the quality is out of its range.
    """
    if not 0 <= quality <= 100:
        raise OptionError(f"quality must lie within 0 to 100, not {quality!r}")
    plane, kind = to_plane(picture)
    indices = codec.index_map(plane, quality, progress)
    area = Box(0, 0, *indices.shape)
    return MapSource(
        codec=codec,
        found=DamagedMap(area, indices, packets, ()),
        quality=quality,
        grid=TileGrid(plane.shape[0], plane.shape[1], 0),
        kind=kind,
        packet=codec.packet_map(area.height, area.width, packets),
        original=picture,
    )


def source_of_file(
    file: GlcFile, *, plane: int = 0, device: str = "auto", progress: Progress = no_progress
) -> MapSource:
    """Read the index map of a plane of a file, as far as it is intact.

    Parameters
    ----------
    file
        Of a codec with index maps.
    plane
        Its number, counted through all leading axes.
    device
        Where to render.
    progress
        Called often; whatever it raises stops the work.

    Raises
    ------
    OptionError
        If the file is of another codec, or has no such plane.
    LimitError
        If the picture holds more than 2**29 pixels.
    MissingModelError
        If the file's model is not installed.
    """
    container = file.container
    header, grid = container.header, container.grid
    if not file.entry.capabilities.index_map:
        raise OptionError(f"files of codec {file.codec!r} have no index map to lose")
    if grid.height * grid.width > get_limits().pixels:
        raise beyond(f"{grid.height} x {grid.width} pixels in one read are", "pixels")
    codec = cast("IndexMapped", loaded_codec(file.model, device))
    file.check_plane(plane)
    first = container.first_chunk(plane)
    found = codec.read_map(
        lambda chunk: file.chunk(first + chunk), file.coding(plane), grid.plane, progress, strict=False
    )
    packet = np.empty(found.indices.shape, np.int64)
    for number, tile in enumerate(grid):
        area = tile.divided(codec.factor)
        packet[area.slices] = codec.packet_map(area.height, area.width, header.packets) + number * header.packets
    kind = ArrayKind.RGB8 if file.layout.rgb else ArrayKind.GREY8
    return MapSource(codec, found, file.quality, grid, kind, packet)
