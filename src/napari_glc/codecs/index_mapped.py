"""What a codec of index maps offers beyond coding (capabilities ``index_map`` and ``lossy_packets``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._base.progress import Progress
from ..container import Box, TileGrid
from .base import Codec, Plane, PlaneCoding, ReadChunk, TileCache

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..recovery import Sampling

__all__ = ["RECOVERY_METHODS", "DamagedMap", "IndexMap", "IndexMapped"]

RECOVERY_METHODS = ("transformer", "both-sides", "nearest", "frequent", "none")
"""Ways of filling lost indices: the transformer as published; with the indices after a lost one as well; nearest known
index; most frequent index; mid-grey."""

IndexMap = NDArray[np.int64]


@dataclass(frozen=True)
class DamagedMap:
    """What can be read of the index map of a region.

    Attributes
    ----------
    area
        The region in indices.
    indices
        Int64 ``(area.height, area.width)``, -1 where lost.
    packets
        Chunks of the file in the region, and those of them that are lost.
    lost_packets
        Which.
    """

    area: Box
    indices: IndexMap
    packets: int
    lost_packets: tuple[int, ...]

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Where indices are lost."""
        return self.indices < 0


class IndexMapped(Codec, Protocol):
    """A codec whose pictures are maps of codewords, coded in packets any of which may be lost."""

    net: Any
    walk: Any
    config: Any
    transformer: Any

    @property
    def factor(self) -> int:
        """Pixels per index and direction."""
        ...

    @property
    def encoder(self) -> nn.Module:
        """The autoencoder's encoder."""
        ...

    def level(self, quality: float) -> int:
        """Rate level of a quality: the number of its codebook, the smallest first."""
        ...

    def codebook_sizes(self) -> tuple[int, ...]:
        """Entries of each codebook, rising."""
        ...

    def codewords(self, level: int) -> Tensor:
        """The codebook ``(K, C)`` of a level."""
        ...

    def index_map(self, plane: Plane, quality: float, progress: Progress) -> IndexMap:
        """Nearest codewords ``(H/f, W/f)`` of a plane, sides rounded up."""
        ...

    def grey_index(self, quality: float) -> int:
        """The codeword of mid-grey."""
        ...

    def packet_map(self, height: int, width: int, packets: int) -> IndexMap:
        """Packet of each position of a tile of `height` x `width` indices."""
        ...

    def read_map(
        self,
        read_chunk: ReadChunk,
        coding: PlaneCoding,
        box: Box,
        progress: Progress,
        *,
        strict: bool,
        cache: TileCache | None = None,
    ) -> DamagedMap:
        """The index map under a region of pixels; if `strict`, the first lost packet is an error."""
        ...

    def render(self, found: DamagedMap, quality: float, box: Box, grid: TileGrid, progress: Progress) -> Plane:
        """Pixels of a region from a complete index map of all it depends on."""
        ...

    def recovery_methods(self) -> tuple[str, ...]:
        """Ways of filling lost indices this model knows, the best first."""
        ...

    def fill(
        self,
        found: DamagedMap,
        quality: float,
        method: str,
        sampling: Sampling | None = None,
        progress: Progress | None = None,
        shown: Callable[[IndexMap], None] | None = None,
    ) -> DamagedMap:
        """Complete an index map; see :func:`napari_glc.codecs.vqgan.filling.fill_map`."""
        ...

    def position_bits(
        self, indices: IndexMap, packets: int, level: int, tick: Callable[[], None]
    ) -> tuple[NDArray[np.float64], str]:
        """Bits spent at each position of a tile, NaN where the index is -1, and the name of the coder that would."""
        ...
