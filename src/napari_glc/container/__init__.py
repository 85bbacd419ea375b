"""``.glc`` bytes to structure and back: header, index, checksums. Pure Python, no torch, no codec.

The format is written down byte by byte in ``docs/reference/format.md``.
"""

from .file import ARRAY_KEY, ChunkPlace, Container, longest_tile, parse, parse_head, read_chunk
from .header import DEFAULT_TILE, TILE_UNIT, ArrayKind, Extension, Header
from .tiles import BLOCK, Box, TileGrid
from .writer import Spool, pack

__all__ = [
    "ARRAY_KEY",
    "BLOCK",
    "DEFAULT_TILE",
    "TILE_UNIT",
    "ArrayKind",
    "Box",
    "ChunkPlace",
    "Container",
    "Extension",
    "Header",
    "Spool",
    "TileGrid",
    "longest_tile",
    "pack",
    "parse",
    "parse_head",
    "read_chunk",
]
