"""What a codec is to the rest of the package."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._base.progress import Progress
from ..container import Box, Header, TileGrid

__all__ = ["Codec", "Encoded", "Plane", "Progress", "ReadChunk", "TileCache"]

Plane = NDArray[np.uint8]
"""One picture the networks see: ``(H, W, 3)`` uint8 RGB. To encode, anything with that shape that gives such arrays
when it is sliced will do."""

ReadChunk = Callable[[int], bytes]
"""Returns the payload of a chunk, its checksum verified. Chunk ``tile * packets + packet``."""

TileCache = MutableMapping[int, Any]
"""What was decoded of tiles before, for a decoder to look up and to add to; what it holds is the codec's business."""


@dataclass(frozen=True)
class Encoded:
    """What an encoder hands to the container.

    Attributes
    ----------
    header
        The header it was given, completed by what the encoder chose.
    chunks
        Payloads: the packets of the first tile, of the second, and so on.
    """

    header: Header
    chunks: Sequence[bytes]


class Codec(Protocol):
    """Planes to payloads and back.

    Attributes
    ----------
    name
        As in the file header.
    """

    name: str

    def encode(
        self, plane: Plane, header: Header, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None
    ) -> Encoded:
        """Payloads of all tiles in the order of the grid, or of some that make up a rectangle."""
        ...

    def decode(
        self,
        read_chunk: ReadChunk,
        header: Header,
        grid: TileGrid,
        box: Box,
        progress: Progress,
        *,
        preview: bool,
        cache: TileCache | None = None,
    ) -> Plane:
        """Pixels of a region; touches only the tiles the region depends on."""
        ...

    def stream_sizes(self, payload: bytes, header: Header, box: Box) -> dict[str, int]:
        """Bytes of each stream in a payload of the tile `box`."""
        ...
