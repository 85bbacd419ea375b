"""A function as it is fitted: grids and parameters to a latent, and how probable they are, in torch.

Ameen et al. (arXiv 2502.14937) after Cool-chic: each grid adds detail to the upsampled sum of the coarser ones. Here
grids have as many channels as the latent: a grid of one channel could not carry what eight of them hold at high rates.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .layout import CONTEXTS, GRIDS, HIDDEN, LEAST_LOG_SCALE, OFFSETS, Parameters

__all__ = [
    "LOG_SCALES",
    "Grids",
    "TorchParameters",
    "as_tensors",
    "distributions",
    "laplace_bits",
    "latent_of",
    "upsampled",
]

Grids = list[Tensor]
"""Values of each grid, ``(C, rows, columns)``, the finest first."""
TorchParameters = dict[str, Tensor]
"""See :data:`~napari_glc.codecs.clric.layout.Parameters`."""

LOG_SCALES = (float(LEAST_LOG_SCALE), 5.9375)
"""Binary logarithms of the narrowest and the widest distribution."""


def upsampled(x: Tensor, taps: Tensor, rows: int, columns: int) -> Tensor:
    """``(C, h, w)`` to ``(C, rows, columns)``, twice as large or one less."""
    kernel = torch.cat((taps, taps.flip(0)))
    x = F.pad(x[:, None], (2, 2, 2, 2), mode="replicate")
    # a sample lies in the middle of its eight taps; two samples of padding are four outputs and 3.5 of the kernel
    x = F.conv_transpose2d(x, kernel.view(1, 1, 8, 1), stride=(2, 1))[:, :, 7 : 7 + rows]
    x = F.conv_transpose2d(x, kernel.view(1, 1, 1, 8), stride=(1, 2))[..., 7 : 7 + columns]
    return x[:, 0]


def latent_of(grids: Grids, parameters: TorchParameters) -> Tensor:
    """The latent ``(C, h, w)`` that grids and parameters describe."""
    channels = len(grids[0])
    gain = parameters["gain"].exp2()
    taps = parameters["kernel"]
    total = torch.zeros_like(grids[-1])
    for k in reversed(range(GRIDS)):
        if k < GRIDS - 1:
            total = upsampled(total, taps, *grids[k].shape[1:])
        total = total + gain[k] * grids[k]
    total = total * gain[GRIDS:, None, None]
    inner, outer = parameters["mix_weight"].chunk(2)
    bias = parameters["mix_bias"]
    flat = total.flatten(1)
    hidden = F.relu(torch.addmm(bias[: 2 * channels, None], inner.view(2 * channels, channels), flat))
    mixed = torch.addmm(bias[2 * channels :, None], outer.view(channels, 2 * channels), hidden)
    return total + mixed.view_as(total)


def _contexts(grids: Grids) -> Tensor:
    """Contexts ``(CONTEXTS, values)`` of all values, grid after grid from the finest on."""
    found = []
    for k, grid in enumerate(grids):
        rows, columns = grid.shape[1:]
        padded = F.pad(grid, (2, 1, 2, 0))
        near = [padded[:, 2 + y : 2 + y + rows, 2 + x : 2 + x + columns] for y, x in OFFSETS]
        before = torch.cat((torch.zeros_like(grid[:1]), grid[:-1]))
        if k + 1 < GRIDS:
            above = grids[k + 1].repeat_interleave(2, 1)[:, :rows].repeat_interleave(2, 2)[:, :, :columns]
        else:
            above = torch.zeros_like(grid)
        found.append(torch.stack((*near, before, above)).view(CONTEXTS, -1))
    return torch.cat(found, 1)


def _scale_bias(grids: Grids, bias: Tensor) -> Tensor:
    """What grid and channel add to the logarithm of the scale, for all values."""
    of_grid, of_channel = bias[HIDDEN + 2 :].split((GRIDS, len(grids[0])))
    return torch.cat([(of_grid[k] + of_channel).repeat_interleave(grid[0].numel()) for k, grid in enumerate(grids)])


def distributions(grids: Grids, parameters: TorchParameters) -> list[tuple[Tensor, Tensor]]:
    """Of each grid's values the mean and one over the scale, ``(C, rows, columns)`` each."""
    weight, bias = parameters["arm_weight"], parameters["arm_bias"]
    first, second, linear = weight.split((HIDDEN * CONTEXTS, 2 * HIDDEN, 2 * CONTEXTS))
    contexts = _contexts(grids)
    hidden = F.relu(torch.addmm(bias[:HIDDEN, None], first.view(HIDDEN, CONTEXTS), contexts))
    out = torch.addmm(bias[HIDDEN : HIDDEN + 2, None], second.view(2, HIDDEN), hidden)
    out = out + linear.view(2, CONTEXTS) @ contexts
    log_scale = (out[1] + _scale_bias(grids, bias)).clamp(*LOG_SCALES)
    sizes = [grid.numel() for grid in grids]
    told = zip(grids, out[0].split(sizes), torch.exp2(-log_scale).split(sizes), strict=True)
    return [(mean.view_as(grid), rate.view_as(grid)) for grid, mean, rate in told]


def laplace_bits(distance: Tensor, rate: Tensor) -> Tensor:
    """Bits of an interval of width 1 whose middle is that far from the mean of a Laplace distribution; rate 1/scale."""
    tail = 1 + (distance - 0.5) * rate / math.log(2) - torch.log2(-torch.expm1(-rate))
    inside = distance.clamp(max=0.5)
    middle = 1 - 0.5 * (torch.exp((inside - 0.5) * rate) + torch.exp(-(inside + 0.5) * rate))
    return torch.where(distance > 0.5, tail, -torch.log2(middle.clamp(min=1e-7)))


def as_tensors(parameters: Parameters) -> TorchParameters:
    """Parameters for torch, in single precision."""
    return {name: torch.tensor(values, dtype=torch.float32) for name, values in parameters.items()}
