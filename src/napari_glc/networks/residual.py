"""The residual block of this project's own autoencoders and painters: no normalisation, so blocks of a plane agree."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SLOPE", "ResidualBlock", "residual_blocks"]

SLOPE = 0.1
"""Of leaky rectifiers."""


class ResidualBlock(nn.Module):
    """Pre-activation residual block without normalisation; starts as the identity."""

    reach = 2
    """Rows on each side that influence a row."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.normal_(self.conv2.weight, std=1e-3)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, h, w)`` to the same shape."""
        out: Tensor = self.conv1(F.leaky_relu(x, SLOPE))
        if torch.is_grad_enabled():
            out = self.conv2(F.leaky_relu(out, SLOPE))
            return out + x
        # memory that was never touched before takes as long as arithmetic
        out = self.conv2(F.leaky_relu_(out, SLOPE))
        return out.add_(x)


def residual_blocks(channels: int, count: int) -> list[nn.Module]:
    """Several in a row."""
    return [ResidualBlock(channels) for _ in range(count)]
