"""What a codec is to the rest of the package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..container import Box, TileGrid

__all__ = ["Codec", "Plane", "Progress", "ReadTile"]

Plane = NDArray[np.uint8]
"""One picture the networks see: ``(H, W, 3)`` uint8 RGB."""

Progress = Callable[[int, int], None]
"""Called with units of work done and in all; whatever it raises stops the work."""

ReadTile = Callable[[int], bytes]
"""Returns the payload of a tile, its checksum verified."""


class Codec(Protocol):
    """Planes to tile payloads and back.

    Attributes
    ----------
    name
        As in the file header.
    """

    name: str

    def encode(self, plane: Plane, grid: TileGrid, quality: float, progress: Progress) -> Iterator[bytes]:
        """Payloads of all tiles in the order of the grid."""
        ...

    def decode(
        self, read_tile: ReadTile, grid: TileGrid, box: Box, quality: float, progress: Progress, *, preview: bool
    ) -> Plane:
        """Pixels of a region; touches only the tiles the region depends on."""
        ...

    def stream_sizes(self, payload: bytes, box: Box) -> dict[str, int]:
        """Bytes of each stream in the payload of the tile `box`."""
        ...
