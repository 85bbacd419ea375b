"""Networks of codec ``clric`` that come with the model: what all fitted functions share.

A function is seven grids of integers; these networks say how probable the grids are, which latent they make, and, to
the encoder alone, which grids a latent might have. Cool-chic and CLRIC (Ameen et al., arXiv 2502.14937) fit and send
such networks for every picture; learned once over many pictures they can be larger and cost no bytes::

    grids --GridModel--> mean and scale of every value     (masked convolution, exact where bytes are made)
    grids --Synthesis--> latent                            (steps, upsampling, a few convolutions)
    latent --Guess--> grids                                (from the coarsest to the finest, encoder only)

Whatever depends on the rate is a table over its range and interpolated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .function_config import FunctionConfig

__all__ = ["CAUSAL_OFFSETS", "FunctionNetwork", "GridModel", "Guess", "Synthesis", "causal_mask", "doubled", "halved"]

Grids = Sequence[Tensor]
"""Values of each grid, ``(B, C, rows, columns)``, the finest first."""
Quantise = Callable[[int, Tensor], Tensor]
"""From the number of a grid and its real values to those that are coded, or stand for them in training."""

CAUSAL_OFFSETS = ((0, 0), (0, -1), (0, -2), (-1, -1), (-1, 0), (-1, 1), (-2, 0))
"""Rows and columns from a value to the neighbours the model sees, in all channels that come before it."""
_KERNEL = (3, 4)
"""Rows -2 to 0, columns -2 to 1."""
_SLOPE = 0.1
_BICUBIC = (-0.0234375, -0.0703125, 0.2265625, 0.8671875)
"""Keys' kernel (a = -1/2) at 1.75, 1.25, 0.75 and 0.25: where upsampling begins."""


@cache
def causal_mask(channels: int) -> Tensor:
    """Which inputs of the masked convolution exist: ``(C, C, 3, 4)``, outputs first.

    A value of channel c at row y and column x comes at ``x + 2 y + c``; it sees what comes earlier.
    """
    mask = torch.zeros(channels, channels, *_KERNEL)
    for dy, dx in CAUSAL_OFFSETS:
        for theirs in range(channels):
            for ours in range(channels):
                if dx + 2 * dy + theirs - ours < 0:
                    mask[ours, theirs, 2 + dy, 2 + dx] = 1
    return mask


def doubled(x: Tensor, taps: Tensor, rows: int, columns: int) -> Tensor:
    """``(B, C, h, w)`` to ``(B, C, rows, columns)``, twice as large or one less, by a symmetric kernel of 8 taps."""
    batch, channels = x.shape[:2]
    kernel = torch.cat((taps, taps.flip(0)))
    x = F.pad(x.flatten(0, 1)[:, None], (2, 2, 2, 2), mode="replicate")
    x = F.conv_transpose2d(x, kernel.view(1, 1, 8, 1), stride=(2, 1))[:, :, 7 : 7 + rows]
    x = F.conv_transpose2d(x, kernel.view(1, 1, 1, 8), stride=(1, 2))[..., 7 : 7 + columns]
    out: Tensor = x[:, 0].unflatten(0, (batch, channels))
    return out


def halved(x: Tensor) -> Tensor:
    """``(B, C, h, w)`` to half the sides, rounded up: means of 2 x 2, the border repeated."""
    return F.avg_pool2d(F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), mode="replicate"), 2)


def _between(table: Tensor, position: Tensor) -> Tensor:
    """A table ``(nodes, ...)`` at positions ``(B,)`` of 0 to 1, ``(B, ...)``."""
    place = position * (len(table) - 1)
    low = place.floor().long().clamp(0, len(table) - 2)
    share = (place - low).view(-1, *[1] * (table.ndim - 1))
    return table[low] + share * (table[low + 1] - table[low])


class GridModel(nn.Module):
    """Mean and binary logarithm of the scale of every value, from values that are decoded before it.

    For each channel a perceptron of one hidden layer, of the values around in all channels (:func:`causal_mask`) and of
    features of the next coarser grid.
    """

    def __init__(self, channels: int, config: FunctionConfig) -> None:
        super().__init__()
        hidden = channels * config.hidden
        self.channels, self.config = channels, config
        self.causal = nn.Conv2d(channels, hidden, _KERNEL, bias=False)
        self.parent = nn.Conv2d(channels, 4 * config.parent, 3, padding=1)
        self.inherited = nn.Conv2d(config.parent, hidden, 1)
        self.out = nn.Conv2d(hidden, 2 * channels, 1, groups=channels)
        self.linear = nn.Conv2d(channels, channels, _KERNEL, bias=False)
        self.hidden_bias = nn.Parameter(torch.zeros(config.nodes, config.grids, hidden))
        self.out_bias = nn.Parameter(torch.zeros(config.nodes, config.grids, 2 * channels))
        with torch.no_grad():
            nn.init.normal_(self.causal.weight, std=0.15)
            nn.init.normal_(self.inherited.weight, std=0.1)
            nn.init.normal_(self.parent.weight, std=0.1)
            nn.init.zeros_(self.linear.weight)
            nn.init.normal_(self.out.weight, std=0.02)
            self.out.weight[1::2].abs_()
            self.out.bias.view(channels, 2)[:, 1] = -1.5  # type: ignore[union-attr]

    def forward(self, grids: Grids, position: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Means and logarithms of scales of each grid, ``(B, C, rows, columns)`` each."""
        found = []
        mask = causal_mask(self.channels).to(self.causal.weight.device)
        hidden_mask = mask.repeat_interleave(self.config.hidden, 0)
        hidden_bias, out_bias = _between(self.hidden_bias, position), _between(self.out_bias, position)
        for k, grid in enumerate(grids):
            rows, columns = grid.shape[2:]
            seen = F.pad(grid, (2, 1, 2, 0))
            hidden = F.conv2d(seen, self.causal.weight * hidden_mask)
            hidden = hidden + hidden_bias[:, k, :, None, None]
            if k + 1 < len(grids):
                parent = F.pixel_shuffle(F.relu(self.parent(grids[k + 1])), 2)[..., :rows, :columns]
                hidden = hidden + self.inherited(parent)
            out = self.out(F.relu(hidden)) + out_bias[:, k, :, None, None]
            mean, log_scale = out.unflatten(1, (self.channels, 2)).unbind(2)
            found.append((mean + F.conv2d(seen, self.linear.weight * mask), log_scale))
        return found


class _ResBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        nn.init.normal_(self.conv2.weight, std=1e-3)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(x, _SLOPE)), _SLOPE))
        return out + x


class Synthesis(nn.Module):
    """From grids to the latent: values times steps, added up from the coarsest on, then a few convolutions."""

    def __init__(self, channels: int, config: FunctionConfig) -> None:
        super().__init__()
        self.config = config
        # a step suits the price of a bit at the ends of the range: see codecs/clric/layout.py
        ends = torch.linspace(1.0, -1.75, config.nodes)
        self.log_step = nn.Parameter(ends.view(-1, 1, 1).repeat(1, config.grids, channels))
        self.kernel = nn.Parameter(torch.tensor(_BICUBIC).repeat(config.grids - 1, 1))
        self.rate = nn.Parameter(torch.zeros(config.nodes, config.width))
        self.enter = nn.Conv2d(2 * channels, config.width, 3, padding=1)
        self.blocks = nn.Sequential(*[_ResBlock(config.width) for _ in range(config.depth)])
        self.leave = nn.Conv2d(config.width, channels, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def steps(self, position: Tensor) -> Tensor:
        """Quantisation steps, ``(B, grids, C)``."""
        return _between(self.log_step, position).exp2()

    def up(self, total: Tensor, grid: int, rows: int, columns: int) -> Tensor:
        """The sum so far at the resolution of a grid."""
        return doubled(total, self.kernel[grid], rows, columns)

    def refined(self, total: Tensor, coarse: Tensor, position: Tensor) -> Tensor:
        """The latent ``(B, C, h, w)`` of the sum of all grids and of all but the finest."""
        x = self.enter(torch.cat((total, coarse), 1)) + _between(self.rate, position)[:, :, None, None]
        out: Tensor = self.leave(F.leaky_relu(self.blocks(x), _SLOPE))
        return total + out

    def forward(self, grids: Grids, position: Tensor) -> Tensor:
        """The latent ``(B, C, h, w)`` at positions ``(B,)`` on the range of rates."""
        steps = self.steps(position)[..., None, None]
        total = coarse = torch.zeros_like(grids[-1])
        for k in reversed(range(len(grids))):
            if k + 1 < len(grids):
                coarse = total = self.up(total, k, *grids[k].shape[2:])
            total = total + steps[:, k] * grids[k]
        return self.refined(total, coarse, position)


class Guess(nn.Module):
    """Grids of a latent in one pass: each gets what the coarser ones, as coded, leave, as far as it pays."""

    def __init__(self, channels: int, config: FunctionConfig) -> None:
        super().__init__()
        width = config.guess
        self.rate = nn.Parameter(torch.zeros(config.nodes, config.grids, width))
        self.enter = nn.Conv2d(3 * channels, width, 3, padding=1)
        self.middle = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, wanted: Tensor, coarse: Tensor, grid: int, step: Tensor, position: Tensor) -> Tensor:
        """Real values of a grid, in steps ``(B, C)``, of the latent at its resolution and the sum of coarser grids."""
        step = step[:, :, None, None]
        rest = (wanted - coarse) / step
        x = torch.cat((wanted, coarse, rest.clamp(-8, 8)), 1)
        x = self.enter(x) + _between(self.rate, position)[:, grid, :, None, None]
        x = self.middle(F.leaky_relu(x, _SLOPE))
        out: Tensor = rest + self.leave(F.leaky_relu(x, _SLOPE))
        return out


class FunctionNetwork(nn.Module):
    """The three networks.

    Parameters
    ----------
    channels
        Of the latent.
    config
        Their sizes.
    """

    def __init__(self, channels: int, config: FunctionConfig) -> None:
        super().__init__()
        self.channels, self.config = channels, config
        self.model = GridModel(channels, config)
        self.synthesis = Synthesis(channels, config)
        self.guess = Guess(channels, config)

    def guessed(self, latent: Tensor, position: Tensor, quantise: Quantise) -> tuple[list[Tensor], Tensor]:
        """Grids of a latent ``(B, C, h, w)``, and the latent they make.

        Parameters
        ----------
        latent
            ``(B, C, h, w)``.
        position
            On the range of rates, 0 to 1, ``(B,)``.
        quantise
            See :data:`Quantise`.
        """
        levels = [latent]
        for _ in range(self.config.grids - 1):
            levels.append(halved(levels[-1]))
        steps = self.synthesis.steps(position)
        total = coarse = torch.zeros_like(levels[-1])
        grids: list[Tensor] = []
        for k in reversed(range(len(levels))):
            if k + 1 < len(levels):
                coarse = total = self.synthesis.up(total, k, *levels[k].shape[2:])
            grid = quantise(k, self.guess(levels[k], total, k, steps[:, k], position))
            grids.insert(0, grid)
            total = total + steps[:, k, :, None, None] * grid
        return grids, self.synthesis.refined(total, coarse, position)
