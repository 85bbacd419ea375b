"""``.glc`` bytes to structure and back: header, index, checksums. Pure Python, no torch, no codec.

The format is written down byte by byte in ``docs/reference/format.md``.
"""

from .file import ARRAY_KEY, Container, longest_tile, parse, parse_head, read_chunk
from .header import CODECS, INDEX_CODERS, MAX_PACKETS, ArrayKind, Header
from .tiles import Box, TileGrid
from .writer import Spool, pack

__all__ = [
    "ARRAY_KEY",
    "CODECS",
    "INDEX_CODERS",
    "MAX_PACKETS",
    "ArrayKind",
    "Box",
    "Container",
    "Header",
    "Spool",
    "TileGrid",
    "longest_tile",
    "pack",
    "parse",
    "parse_head",
    "read_chunk",
]
