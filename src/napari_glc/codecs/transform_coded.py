"""What a codec of quantised coefficients offers beyond coding (capability ``coefficients``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._base.progress import Progress
from ..container import Box
from ..entropy.packed import index_bits
from ..entropy.scales import SCALES
from .base import Codec, Plane, PlaneCoding, ReadChunk

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CodedLatent", "TransformCoded"]

Map = NDArray[np.float32]


@dataclass(frozen=True)
class CodedLatent:
    """What transform coding makes of a plane.

    Attributes
    ----------
    factor
        Pixels per latent position in each direction; a hyper-latent position is four times as wide.
    latent
        Output of the autoencoder's encoder, float32 ``(C, h, w)``.
    y
        Coefficients of the latent transform at the quality asked for, float32 ``(C, h, w)``.
    y_hat
        The same as the decoder knows them, float32 ``(C, h, w)``.
    symbols
        Quantised residuals, int16 ``(C, h, w)``, within ±255.
    levels
        Number of each symbol's scale in the stored table, uint8 ``(C, h, w)``; 0 means that the symbol is not coded.
    hyper_indices
        Codewords of the hyper-latent, int64 ``(h/4, w/4)``.
    hyper_codewords
        Size of the hyper codebook.
    tiles
        Tiles of the stream, in latent positions.
    payload_bytes
        Bytes of each tile, as in a file without its frame.
    """

    factor: int
    latent: Map
    y: Map
    y_hat: Map
    symbols: NDArray[np.int16]
    levels: NDArray[np.uint8]
    hyper_indices: NDArray[np.int64]
    hyper_codewords: int
    tiles: tuple[Box, ...]
    payload_bytes: tuple[int, ...]

    @property
    def scales(self) -> Map:
        """Standard deviations of the symbols, float32 ``(C, h, w)``, 0.12 to 32."""
        return SCALES[self.levels].astype(np.float32)

    @property
    def hyper_bits(self) -> int:
        """Bits of one hyper index, stored at fixed length; sixteen latent positions share it."""
        return index_bits(self.hyper_codewords)


class TransformCoded(Codec, Protocol):
    """A codec of quantised coefficients with stored scales under a hyper-prior."""

    net: Any
    walk: Any

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        ...

    @property
    def encoder(self) -> nn.Module:
        """The autoencoder's encoder."""
        ...

    def coded_latent(self, plane: Plane, quality: float, tile: int, progress: Progress) -> CodedLatent:
        """Code a plane and take the stream apart again: what a decoder reads from the bytes."""
        ...

    def bits_of(self, read_chunk: ReadChunk, coding: PlaneCoding) -> NDArray[np.float64]:
        """Bits at each latent position ``(h, w)`` of a plane that is coded already."""
        ...
