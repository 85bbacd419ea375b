"""Reading: head, index and single tiles.

::

    header | index: one varint a chunk | CRC-16 of both | metadata, CRC-16 | chunk 0 | chunk 1 | ...

A chunk is ``payload, CRC-16 of the payload``: a tile, one of the packets a tile is divided into, or a stream that tiles
share. Chunks are ordered by plane, level of resolution, tile, packet; the file's stream is the first of all, a plane's
comes before its tiles. What a payload holds is the codec's business.
"""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, Literal

from ..errors import DamagedFileError, EmptyFileError, TruncatedFileError
from .bytesio import HeadReader, check16
from .header import Header
from .limits import beyond, get_limits
from .tiles import TileGrid

__all__ = ["ARRAY_KEY", "CHECK_SIZE", "ChunkPlace", "Container", "longest_tile", "parse", "parse_head", "read_chunk"]

CHECK_SIZE = 2
ARRAY_KEY = "array"
"""Key of the metadata block under which an array is described."""


@dataclass(frozen=True)
class ChunkPlace:
    """What a chunk holds.

    Attributes
    ----------
    kind
        ``"tile"``: a packet of a tile; ``"plane"``: what the tiles of a plane at a level share; ``"file"``: what all
        share.
    plane, level, tile, packet
        Their numbers, as far as they apply.
    """

    kind: Literal["file", "plane", "tile"]
    plane: int = 0
    level: int = 0
    tile: int = 0
    packet: int = 0


@dataclass(frozen=True)
class Container:
    """The head of a file.

    Attributes
    ----------
    header
        See :class:`Header`.
    metadata
        Layer metadata, or an empty dictionary.
    grid
        The tiles of a plane at full resolution.
    offsets
        Start of every chunk in the file, and the end of the last one; see :meth:`first_chunk`.
    available
        Bytes there are; fewer than the last offset if a packetised file was cut off.
    array
        What array the planes make up, as the file says; ``None`` for a single uint8 plane.
    """

    header: Header
    metadata: dict[str, Any]
    grid: TileGrid
    offsets: tuple[int, ...]
    available: int
    array: dict[str, Any] | None = None

    @property
    def size(self) -> int:
        """Bytes of the file as it is."""
        return min(self.offsets[-1], self.available)

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return len(self.offsets) - 1

    @cached_property
    def grids(self) -> tuple[TileGrid, ...]:
        """Tiles of a plane at every level of resolution."""
        return tuple(self.grid.level(level) for level in range(self.header.levels))

    @cached_property
    def _level_chunks(self) -> tuple[int, ...]:
        """Chunks of a plane at every level, its stream included."""
        return tuple(self.header.plane_streams + len(grid) * self.header.packets for grid in self.grids)

    def first_chunk(self, plane: int, level: int = 0) -> int:
        """Chunk of the first packet of the first tile of a plane at a level.

        Packet p of tile t is ``t * packets + p`` further on; the plane's stream, if it has one, comes just before.
        """
        header = self.header
        before = plane * sum(self._level_chunks) + sum(self._level_chunks[:level])
        return header.file_stream + before + header.plane_streams

    def place(self, chunk: int) -> ChunkPlace:
        """What a chunk holds."""
        header = self.header
        if header.file_stream and chunk == 0:
            return ChunkPlace("file")
        plane, rest = divmod(chunk - header.file_stream, sum(self._level_chunks))
        level = 0
        while rest >= self._level_chunks[level]:
            rest -= self._level_chunks[level]
            level += 1
        if header.plane_streams and rest == 0:
            return ChunkPlace("plane", plane, level)
        tile, packet = divmod(rest - header.plane_streams, header.packets)
        return ChunkPlace("tile", plane, level, tile, packet)


def parse_head(stream: BinaryIO, size: int) -> Container:
    """Read everything before the first tile.

    Parameters
    ----------
    stream
        Binary stream at the start of the file.
    size
        Bytes of the whole file.

    Raises
    ------
    GlcError
        A subclass that says what is wrong.
    """
    if size == 0:
        raise EmptyFileError("the file is empty")
    reader = HeadReader(stream)
    header = Header.parse(reader)
    grid = TileGrid(header.height, header.width, header.tile)
    grid.check_count()
    # every chunk takes at least a byte of index, which must be there even if the chunk is not
    tiles = [len(grid.level(level)) * header.packets for level in range(header.levels)]
    chunks = header.file_stream + header.planes * (sum(tiles) + header.plane_streams * header.levels)
    if chunks > get_limits().chunks:
        raise beyond(f"{chunks} tiles or packets are", "chunks")
    if chunks > size:
        raise TruncatedFileError(f"{size} bytes cannot hold the {chunks} tiles or packets the header announces")
    lengths = [reader.varint() for _ in range(chunks)]
    seen = bytes(reader.seen)
    if reader.take(CHECK_SIZE) != check16(seen):
        raise DamagedFileError("the header is damaged: its checksum does not match")
    if max(lengths) > get_limits().chunk_bytes:
        raise beyond(f"a tile of {max(lengths)} bytes is", "chunk_bytes")

    position = len(reader.seen)
    metadata_end = position + (header.metadata_size + CHECK_SIZE if header.metadata_size else 0)
    offsets = [metadata_end]
    for length in lengths:
        offsets.append(offsets[-1] + length + CHECK_SIZE)
    # a packetised file survives the loss of its end as it survives other losses
    if offsets[-1] > size and (header.packets == 1 or metadata_end > size):
        raise TruncatedFileError(f"the file has {size} bytes of {offsets[-1]}: it was cut off")
    if offsets[-1] < size:
        raise DamagedFileError(f"{size - offsets[-1]} bytes follow the end of the file's content")
    metadata = _parse_metadata(reader, header.metadata_size) if header.metadata_size else {}
    array = metadata.pop(ARRAY_KEY, None) if header.kind.described else None
    if header.kind.described and not isinstance(array, dict):
        raise DamagedFileError("the metadata block does not describe the array the planes make up")
    return Container(header, metadata, grid, tuple(offsets), size, array)


def _parse_metadata(reader: HeadReader, size: int) -> dict[str, Any]:
    packed = reader.take(size)
    if reader.take(CHECK_SIZE) != check16(packed):
        raise DamagedFileError("the metadata block is damaged: its checksum does not match")
    inflate, most = zlib.decompressobj(-15), get_limits().metadata
    try:
        text = inflate.decompress(packed, most)
        if inflate.unconsumed_tail:
            raise beyond("the metadata block expands", "metadata")
        if not inflate.eof or inflate.unused_data:
            raise DamagedFileError("the metadata block does not end where its data ends")
        # json would take UTF-16, a byte order mark and NaN as well, which the format and other readers do not
        metadata = json.loads(text.decode(), parse_constant=_refuse_constant)
    except (zlib.error, ValueError, RecursionError) as error:
        raise DamagedFileError(f"the metadata block cannot be read: {error}") from error
    if not isinstance(metadata, dict):
        raise DamagedFileError("the metadata block is not a JSON object")
    return metadata


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def parse(data: bytes) -> Container:
    """Read the head of a file held in memory."""
    return parse_head(io.BytesIO(data), len(data))


def read_chunk(stream: BinaryIO, container: Container, index: int) -> bytes:
    """Payload of one chunk.

    Raises
    ------
    DamagedFileError
        If its checksum does not match.
    TruncatedFileError
        If the file ends before it.
    """
    start, end = container.offsets[index], container.offsets[index + 1]
    stream.seek(start)
    chunk = stream.read(end - start)
    if len(chunk) < end - start:
        raise TruncatedFileError(f"the file ends before {_place(container, index)} is complete")
    payload, check = chunk[:-CHECK_SIZE], chunk[-CHECK_SIZE:]
    if check != check16(payload):
        raise DamagedFileError(f"{_place(container, index)} is damaged: its checksum does not match")
    return payload


def longest_tile(data: bytes) -> int:
    """Payload bytes of the longest tile of a file held in memory, all its packets together."""
    container = parse(data)
    sizes: dict[tuple[int, int, int], int] = {}
    for chunk in range(container.chunks):
        place = container.place(chunk)
        if place.kind == "tile":
            key = (place.plane, place.level, place.tile)
            length = container.offsets[chunk + 1] - container.offsets[chunk] - CHECK_SIZE
            sizes[key] = sizes.get(key, 0) + length
    return max(sizes.values())


def _place(container: Container, index: int) -> str:
    """Words for the place of a chunk in file and picture."""
    place, header = container.place(index), container.header
    grid = container.grids[place.level]
    within = f" of plane {place.plane} of {header.planes}" if header.planes > 1 else ""
    within += f" at 1/{1 << place.level} of its size" if place.level else ""
    if place.kind == "file":
        return "the stream of the file"
    if place.kind == "plane":
        return f"the stream{within or ' of the plane'}"
    box = grid[place.tile]
    of = f"packet {place.packet} of {header.packets} of " if header.packets > 1 else ""
    rows = f"rows {box.top} to {box.bottom}, columns {box.left} to {box.right}"
    return f"{of}tile {place.tile} of {len(grid)} ({rows}){within}"
