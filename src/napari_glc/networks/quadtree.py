"""Order of the four coding steps of the quadtree-partition context model.

Every 2x2 cell of the latent is coded in four steps. The channels are split into four quarters and each
quarter visits the positions of the cell in an order of its own, so that at each step every position of the
latent contributes one quarter of its channels (GLC supplement; DCVC-DC, section on the quadtree)::

    step of position [[00, 01],     quarter 0 [[0, 3],   1 [[3, 0],   2 [[2, 1],   3 [[1, 2],
                      [10, 11]]                [2, 1]]      [1, 2]]      [0, 3]]      [3, 0]]

Because the four quarters of one step never overlap, adding them packs a step's symbols densely into
``(C/4, H, W)``: that is the order in which they enter the stream.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["STEPS", "merge_quarters", "scatter_step", "spread_quarters", "step_mask", "step_quarters"]

STEPS = 4

_STEP_OF_POSITION = torch.tensor([[[0, 3], [2, 1]], [[3, 0], [1, 2]], [[2, 1], [0, 3]], [[1, 2], [3, 0]]], device="cpu")


def step_mask(step: int, channels: int, height: int, width: int) -> Tensor:
    """Boolean mask ``(channels, height, width)`` of what is coded in one step.

    Parameters
    ----------
    step
        0 to 3.
    channels
        A multiple of 4.
    height, width
        Size of the latent; odd sizes cut the last cells.
    """
    cell = _STEP_OF_POSITION.eq(step)
    rows, columns = -(-height // 2), -(-width // 2)
    plane = cell.repeat(1, rows, columns)[:, :height, :width]
    return plane.repeat_interleave(channels // 4, dim=0)


def merge_quarters(masked: Tensor) -> Tensor:
    """Add the channel quarters of a masked ``(B, C, H, W)``: dense ``(B, C/4, H, W)``."""
    a, b, c, d = masked.chunk(4, dim=1)
    return a + b + c + d


def spread_quarters(dense: Tensor, mask: Tensor) -> Tensor:
    """Undo :func:`merge_quarters`: repeat ``(B, C/4, H, W)`` over the quarters and mask it."""
    return dense.repeat(1, 4, 1, 1) * mask


def step_quarters(x: Tensor, step: int) -> Tensor:
    """What is coded in one step of ``(B, C, H, W)``: dense ``(B, C/4, H, W)``, in the memory format of `x`."""
    batch, channels, height, width = x.shape
    last = torch.channels_last if x.stride(1) == 1 else torch.contiguous_format
    dense = torch.empty((batch, channels // 4, height, width), dtype=x.dtype, device=x.device, memory_format=last)
    for quarter, row, column in _places(step):
        dense[..., row::2, column::2] = x.chunk(4, dim=1)[quarter][..., row::2, column::2]
    return dense


def scatter_step(dense: Tensor, step: int, out: Tensor) -> None:
    """Undo :func:`step_quarters`: write ``(B, C/4, H, W)`` to its places in ``(B, C, H, W)``."""
    for quarter, row, column in _places(step):
        out.chunk(4, dim=1)[quarter][..., row::2, column::2] = dense[..., row::2, column::2]


def _places(step: int) -> list[tuple[int, int, int]]:
    """Which quarter is coded at each row and column of a cell: (quarter, row, column)."""
    return [(quarter, row, column) for quarter, row, column in _STEP_OF_POSITION.eq(step).nonzero().tolist()]
