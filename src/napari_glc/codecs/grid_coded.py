"""What a codec of grids at several resolutions offers beyond coding (capability ``grids``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .._base.progress import Progress
from .base import Codec, Plane

__all__ = ["CodedGrids", "GridCoded"]


@dataclass(frozen=True)
class CodedGrids:
    """What a codec of grids makes of a plane.

    Attributes
    ----------
    factor
        Pixels per latent position in each direction; a value of grid k serves ``2 ** k`` positions in each.
    latent
        Output of the autoencoder's encoder, float32 ``(C, h, w)``.
    made
        The latent as the decoder makes it of the grids, float32 ``(C, h, w)``.
    grids
        Integers of each grid, int16 ``(C, rows, columns)``, the finest first.
    bits
        Estimated bits of each, float64 of the same shapes.
    payload_bytes
        Bytes of each tile, as in a file without its frame.
    """

    factor: int
    latent: NDArray[np.float32]
    made: NDArray[np.float32]
    grids: tuple[NDArray[np.int16], ...]
    bits: tuple[NDArray[np.float64], ...]
    payload_bytes: tuple[int, ...]


class GridCoded(Codec, Protocol):
    """A codec whose pictures are grids of integers."""

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        ...

    def coded_grids(self, plane: Plane, quality: float, progress: Progress) -> CodedGrids:
        """Code a plane, by a short fit where there is one."""
        ...
