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
    """Rounds channels to levels in [-1, 1]; the index of a codeword is a number in mixed radix, first channel first.

    Parameters
    ----------
    levels
        Levels of each channel, at least two.
    """

    steps: Tensor
    radix: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = tuple(levels)
        counts = torch.tensor(self.levels)
        self.register_buffer("steps", (counts - 1).float().view(-1, 1, 1), persistent=False)
        radix = torch.cumprod(torch.tensor([1, *self.levels[:-1]]), 0)
        self.register_buffer("radix", radix.view(-1, 1, 1), persistent=False)

    @property
    def size(self) -> int:
        """Number of codewords."""
        return int(torch.tensor(self.levels).prod())

    def digits(self, x: Tensor) -> Tensor:
        """Level of each channel, float ``(B, d, h, w)`` of whole numbers, of unbounded values of that shape."""
        return (torch.sigmoid(_SLOPE * x) * self.steps).round()

    def forward(self, x: Tensor) -> Tensor:
        """Rounded values in [-1, 1] of unbounded ones ``(B, d, h, w)``; gradients pass the rounding unchanged."""
        bounded = 2 * torch.sigmoid(_SLOPE * x) - 1
        rounded = self._values(self.digits(x))
        return bounded + (rounded - bounded).detach()

    def indices(self, x: Tensor) -> Tensor:
        """Index of the codeword, int64 ``(B, h, w)``, of unbounded values ``(B, d, h, w)``."""
        return (self.digits(x).long() * self.radix).sum(1)

    def lookup(self, indices: Tensor) -> Tensor:
        """Values ``(B, d, h, w)`` in [-1, 1] of indices ``(B, h, w)``, exactly those of :meth:`forward`."""
        digits = (indices.unsqueeze(1) // self.radix) % torch.tensor(self.levels, device=indices.device).view(-1, 1, 1)
        return self._values(digits.float())

    def _values(self, digits: Tensor) -> Tensor:
        return 2 * digits / self.steps - 1
