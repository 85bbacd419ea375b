"""Bounds checked before anything is allocated."""

from __future__ import annotations

__all__ = [
    "MAX_METADATA",
    "MAX_METADATA_PACKED",
    "MAX_READ_PIXELS",
    "MAX_SIDE",
    "MAX_TILES",
    "MAX_TILE_BYTES",
]

MAX_SIDE = 1 << 20
"""Longest side of a plane, in pixels."""

MAX_TILES = 1 << 20
"""Most tiles of a file; their index is at most 5 MiB."""

MAX_TILE_BYTES = 1 << 26
"""Longest chunk of one tile, in bytes."""

MAX_METADATA_PACKED = 1 << 20
"""Longest metadata block in the file, in bytes."""

MAX_METADATA = 1 << 23
"""Longest metadata block after decompression, in bytes."""

MAX_READ_PIXELS = 1 << 29
"""Most pixels decoded in one read; larger planes are read region by region."""
