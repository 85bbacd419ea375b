"""Which patches of a picture the distances between crowds are about. No torch at import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError

__all__ = ["PatchGrid"]


@dataclass(frozen=True)
class PatchGrid:
    """Square patches side by side from the upper left corner, and once more from half a patch down and right.

    The protocol of Mentzer et al. (HiFiC, NeurIPS 2020), which generative codecs report FID and KID by: patches of 256
    pixels, 28,650 of the 428 pictures of CLIC 2020 test, 192 of Kodak. GLC's script takes patches of 64 pixels of
    Kodak. What lies beyond whole patches is left out.

    Attributes
    ----------
    size
        Pixels a side.
    shifted
        Whether the second grid counts.

    Raises
    ------
    OptionError
        If the size is not 32, 64, 96 ... pixels.

    Examples
    --------
    >>> PatchGrid().count(512, 768), PatchGrid(64).count(512, 768)
    (8, 173)
    """

    size: int = 256
    shifted: bool = True

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 32:
            raise OptionError(
                f"patches of {self.size} pixels are not looked into; take a multiple of 32, such as 64 or 256"
            )

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where the grids begin, down and to the right."""
        return (0, self.size // 2) if self.shifted else (0,)

    def count(self, height: int, width: int) -> int:
        """Patches of a picture of that size."""
        return sum(len(self._places(height, offset)) * len(self._places(width, offset)) for offset in self.offsets)

    def corners(self, height: int, width: int) -> Iterator[tuple[int, int]]:
        """Upper left corners, grid by grid, row by row."""
        for offset in self.offsets:
            for top in self._places(height, offset):
                for left in self._places(width, offset):
                    yield top, left

    def cut(self, pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        """The patches of a picture ``(Y, X)`` or ``(Y, X, 3)``, as views."""
        for top, left in self.corners(*pixels.shape[:2]):
            yield pixels[top : top + self.size, left : left + self.size]

    def _places(self, side: int, offset: int) -> range:
        return range(offset, side - self.size + 1, self.size)
