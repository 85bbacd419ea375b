"""Ways of looking at a picture: turned, shifted by some pixels, recoloured.

A feature network is easily pleased: in a few dozen steps an optimiser finds patterns that one network, at one phase of
its strides, takes for the original, and nobody else does. Whoever looks at both pictures in another way each time
leaves it nothing to find but what is really nearer (Kettunen, Härkönen and Lehtinen 2019, "E-LPIPS"). Measured
on held-out training pictures: docs/explanation/effort.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["AS_IT_IS", "VIEWS", "View"]


@dataclass(frozen=True)
class View:
    """One way of looking.

    Attributes
    ----------
    flips
        Axes along which the picture is reversed: 2 for rows, 3 for columns.
    turned
        Whether rows and columns change places.
    top, left
        Pixels left out at two borders, so that strides fall elsewhere.
    channels
        Order of red, green and blue.
    contrast
        By what differences from mid-grey are multiplied.
    """

    flips: tuple[int, ...] = ()
    turned: bool = False
    top: int = 0
    left: int = 0
    channels: tuple[int, int, int] = (0, 1, 2)
    contrast: float = 1.0

    def placed(self, maps: Tensor) -> Tensor:
        """Values of pixels ``(B, C, H, W)``, moved but not changed."""
        seen = maps[..., self.top :, self.left :]
        if self.flips:
            seen = seen.flip(self.flips)
        return seen.transpose(2, 3) if self.turned else seen

    def __call__(self, picture: Tensor) -> Tensor:
        """A picture ``(B, 3, H, W)`` in [-1, 1] as it is seen."""
        seen = self.placed(picture)
        if self.channels != (0, 1, 2):
            seen = seen[:, self.channels]
        if self.contrast != 1:
            seen = seen * self.contrast
        return seen.contiguous(memory_format=torch.channels_last)


AS_IT_IS = View()

VIEWS = (
    AS_IT_IS,
    View((3,), False, 5, 11, (2, 1, 0), 0.85),
    View((2,), True, 9, 2, (0, 2, 1), 0.95),
    View((2, 3), False, 14, 7, (1, 0, 2), 0.8),
    View((), True, 3, 13, (0, 1, 2), 0.9),
    View((3,), True, 12, 4, (1, 2, 0), 1.0),
    View((2,), False, 6, 15, (0, 1, 2), 0.75),
    View((2, 3), True, 1, 8, (2, 0, 1), 0.9),
)
"""Taken in turns while a picture is optimised; shifts are below 16, the widest stride of the network."""
