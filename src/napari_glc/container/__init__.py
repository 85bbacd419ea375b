"""``.glc`` bytes to structure and back: header, index, checksums. Pure Python, no torch, no codec.

The format is written down byte by byte in ``docs/reference/format.md``.
"""

from .file import Container, parse, parse_head, read_tile
from .header import CODECS, ArrayKind, Header
from .tiles import Box, TileGrid
from .writer import pack

__all__ = [
    "CODECS",
    "ArrayKind",
    "Box",
    "Container",
    "Header",
    "TileGrid",
    "pack",
    "parse",
    "parse_head",
    "read_tile",
]
