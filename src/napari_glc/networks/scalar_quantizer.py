"""Finite scalar quantisation (Mentzer et al., ICLR 2024): a codebook that cannot collapse because it is a grid.

Each channel is bounded and rounded to a few equidistant levels; the codeword is all of them together. The bound is
``2 sigmoid(1.6 x) - 1`` in place of the hyperbolic tangent: normally distributed values then use all levels about
equally often.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["ScalarQuantizer"]

_SLOPE = 1.6


class ScalarQuantizer(nn.Module):
    """Rounds channels to levels, which stand for values in [-1, 1]; a codeword is the levels of all channels.

    Parameters
    ----------
    levels
        Levels of each channel, at least two.
    """

    steps: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.register_buffer("steps", (torch.tensor(self.levels) - 1).float().view(-1, 1, 1), persistent=False)

    def numbers(self, x: Tensor) -> Tensor:
        """Numbers of the levels of unbounded values ``(B, d, h, w)``: floats of that shape."""
        return (torch.sigmoid(_SLOPE * x) * self.steps).round()

    def forward(self, x: Tensor) -> Tensor:
        """Rounded values in [-1, 1] of unbounded ones ``(B, d, h, w)``; gradients pass the rounding unchanged."""
        bounded = 2 * torch.sigmoid(_SLOPE * x) - 1
        rounded = self._values(self.numbers(x))
        return bounded + (rounded - bounded).detach()

    def lookup(self, levels: Tensor) -> Tensor:
        """Values ``(B, d, h, w)`` in [-1, 1] of levels of that shape, exactly those of :meth:`forward`."""
        return self._values(levels.float())

    def _values(self, numbers: Tensor) -> Tensor:
        return 2 * numbers / self.steps - 1
