"""What a codec is to the rest of the package: one protocol all have, and two that some have."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._base.progress import Progress
from ..container import Box, TileGrid
from .goals import Goal
from .options import CodecOptions

__all__ = [
    "Codec",
    "CodedStep",
    "Encoded",
    "Plane",
    "PlaneCoding",
    "PlaneShown",
    "RateSteps",
    "ReadChunk",
    "SharedStreams",
    "TileCache",
    "nobody_looks",
]

Plane = NDArray[np.uint8]
"""One picture the networks see: ``(H, W, 3)`` uint8 RGB. To encode, anything with that shape that gives such arrays
when it is sliced will do."""

ReadChunk = Callable[[int], bytes]
"""Returns the payload of a chunk of the plane, its checksum verified. Chunk ``tile * packets + packet``."""

TileCache = MutableMapping[Hashable, Any]
"""What was decoded of tiles before, for a decoder to look up and to add to. What it holds is the codec's business; the
key of a tile is its number, and the key of anything that options for decoding change says them."""


@dataclass(frozen=True)
class PlaneCoding:
    """How a plane is coded: all a codec is told besides its pixels or payloads.

    Attributes
    ----------
    grid
        The plane and its tiles.
    quality
        0 to 100, in half steps.
    options
        Of the codec.
    file_stream, plane_stream
        What the tiles of the file, or of the plane, share; empty if the codec has no such streams.
    goal
        For an encoder that optimises (capability ``effort``); no decoder looks at it.
    """

    grid: TileGrid
    quality: float
    options: Any = field(default_factory=CodecOptions)
    file_stream: bytes = b""
    plane_stream: bytes = b""
    goal: Goal = field(default_factory=Goal)

    @property
    def packets(self) -> int:
        """Chunks a tile."""
        return int(self.options.packets)

    @property
    def effort(self) -> int:
        """How much an encoder optimises; 0 also for codecs that have no such option."""
        return int(getattr(self.options, "effort", 0))

    @property
    def fast(self) -> bool:
        """Whether half the digits are to do; false also for codecs that have no such option."""
        return bool(getattr(self.options, "fast", False))


@dataclass(frozen=True)
class Encoded:
    """What an encoder hands to the file.

    Attributes
    ----------
    options
        Those it was given, every choice made that was left to it.
    chunks
        Payloads: the packets of the first tile, of the second, and so on.
    """

    options: Any
    chunks: Sequence[bytes]


class Codec(Protocol):
    """Planes to payloads and back."""

    def analyse(self, plane: Plane, grid: TileGrid, progress: Progress, tiles: Sequence[int] | None = None) -> Any:
        """What encoding needs of a plane, or of some tiles of it, and no quality changes; with ``nbytes``."""
        ...

    def encode(
        self,
        plane: Plane,
        coding: PlaneCoding,
        progress: Progress,
        tiles: Sequence[int] | None = None,
        analysed: Any = None,
    ) -> Encoded:
        """Payloads of all tiles in the order of the grid, or of some that make up a rectangle.

        `analysed` is what :meth:`analyse` gave for the same tiles, if it is at hand.
        """
        ...

    def decode(
        self,
        read_chunk: ReadChunk,
        coding: PlaneCoding,
        box: Box,
        progress: Progress,
        *,
        preview: bool = False,
        sample: int = 0,
        cache: TileCache | None = None,
        decoding: Any = None,
    ) -> Plane:
        """Pixels of a region; touches only the tiles the region depends on.

        `preview` and `sample` are given to codecs that have them. `decoding` holds the options of the codec for
        decoding (:attr:`~napari_glc.codecs.entry.CodecEntry.decoding`), ``None`` for their defaults.
        """
        ...

    def symbols(
        self, read_chunk: ReadChunk, coding: PlaneCoding, tile: int, progress: Progress
    ) -> Iterator[NDArray[np.integer[Any]]]:
        """All that entropy decoding of a tile yields, in the types and the order the codec's page of the format states.

        Raises
        ------
        DamagedFileError
            If the tile does not decode to the symbols its encoder knew.
        """
        ...

    def qualities(self) -> Sequence[float]:
        """The qualities worth trying, rising: all half steps, or one for each level."""
        ...


class SharedStreams(Protocol):
    """A codec with streams that tiles share (capabilities ``file_stream``, ``plane_stream``)."""

    def file_stream(self, options: Any) -> bytes:
        """What all planes share."""
        ...

    def plane_stream(self, plane: Plane, coding: PlaneCoding, progress: Progress) -> bytes:
        """What the tiles of a plane share."""
        ...


PlaneShown = Callable[[Plane], None]
"""Called with the pixels of a plane before the rest of the work on it is done."""


def nobody_looks(pixels: Plane) -> None:
    """Do nothing: a :data:`PlaneShown` where all is wanted at once."""


@dataclass(frozen=True, eq=False)
class CodedStep:
    """A plane at one quality.

    Attributes
    ----------
    encoded
        Its payloads.
    pixels
        As decoded, ``(H, W, 3)`` uint8.
    bits
        Computes the estimated bits at each latent position, ``(h, w)``. It covers whole units of the codec, so it may
        reach beyond the right and bottom border of the picture: what was padded is coded too.
    plane_stream
        What its tiles share; empty if its file has no such stream.
    """

    encoded: Encoded
    pixels: Plane
    bits: Callable[[], NDArray[np.float64]]
    plane_stream: bytes = b""


class RateSteps(Codec, Protocol):
    """A codec that goes from one quality to another for less than another encoding (capability ``rate_steps``)."""

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        ...

    def level(self, quality: float) -> int:
        """What of a quality matters: equal levels have equal payloads and pixels."""
        ...

    def step(
        self, plane: Plane, coding: PlaneCoding, analysed: Any, progress: Progress, shown: PlaneShown = nobody_looks
    ) -> CodedStep:
        """The plane at a quality: there and back. What it takes may depend on earlier steps from the same analysis.

        `shown` is called with the decoded pixels as early as they are known, which may be before the bytes are; what it
        raises stops the step.
        """
        ...
