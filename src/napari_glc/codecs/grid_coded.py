"""What a codec of grids at several resolutions offers beyond coding (capability ``grids``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .._base.progress import Progress
from .base import Codec, Plane, PlaneCoding

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
    added
        What each grid changes in the latent, root of the mean square over channels, float32 ``(h, w)`` each: the
        latent of this grid and the coarser ones, less that of the coarser ones alone.
    payload_bytes
        Bytes of each tile, as in a file without its frame.
    stored
        Whether they are those of a file; `latent` is then that of its picture.
    """

    factor: int
    latent: NDArray[np.float32]
    made: NDArray[np.float32]
    grids: tuple[NDArray[np.int16], ...]
    bits: tuple[NDArray[np.float64], ...]
    added: tuple[NDArray[np.float32], ...]
    payload_bytes: tuple[int, ...]
    stored: bool = False


class GridCoded(Codec, Protocol):
    """A codec whose pictures are grids of integers."""

    @property
    def factor(self) -> int:
        """Pixels per latent position and direction."""
        ...

    def coded_grids(self, plane: Plane, quality: float, progress: Progress) -> CodedGrids:
        """Code a plane, by a short fit where there is one."""
        ...

    def stored_grids(
        self, plane: Plane, coding: PlaneCoding, payloads: Sequence[bytes], progress: Progress
    ) -> CodedGrids:
        """The grids that a file holds of a plane; `plane` is what it decodes to."""
        ...
