"""Hyper indices retried: not the nearest word, but the one that costs least.

A hyper index sets what the prior expects of 16 latent positions. A single pass takes the word nearest to the
hyper-latent; of the eight nearest, another one is better for three cells of four. Which one has to be tried. Every
second cell in both directions changes its word at the same time, and each is judged by what happens in it and half way
to the next: so a candidate for every cell takes four looks at the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ....networks.glc import GlcNetwork

__all__ = ["nearest_words", "retried"]

_STRIDE = 2


def nearest_words(net: GlcNetwork, y: Tensor, indices: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Candidates ``(h/4, w/4, count)`` for each cell: those nearest to the hyper-latent, without the one it has.

    Parameters
    ----------
    net
        The networks.
    y
        Coefficients ``(1, N, h, w)``.
    indices
        The words of the cells, ``(h/4, w/4)``.
    count
        How many.
    """
    latent = net.hyper_analyse(y)[0].flatten(1).t().float()
    distances = torch.cdist(latent, net.z_vq.embedding.weight.float())
    distances.scatter_(1, torch.from_numpy(indices).reshape(-1, 1).to(distances.device), torch.inf)
    found: NDArray[np.int64] = distances.topk(count, largest=False).indices.cpu().numpy()
    return found.reshape(*indices.shape, count)


def retried(
    indices: NDArray[np.int64], candidates: NDArray[np.int64], cost: Callable[[NDArray[np.int64]], Tensor]
) -> NDArray[np.int64]:
    """Better indices, if there are any.

    Parameters
    ----------
    indices
        To begin with, ``(h/4, w/4)``.
    candidates
        From :func:`nearest_words`.
    cost
        What indices cost in each cell, ``(h/4, w/4)``.
    """
    best, now = indices, cost(indices)
    rows, columns = np.indices(indices.shape)
    for phase in range(_STRIDE**2):
        members = (rows % _STRIDE == phase // _STRIDE) & (columns % _STRIDE == phase % _STRIDE)
        chosen, least = best, torch.zeros_like(now)
        for number in range(candidates.shape[2]):
            trial = np.where(members, candidates[..., number], best)
            change = _around(cost(trial) - now)
            chosen = np.where(members & (change < least).cpu().numpy(), trial, chosen)
            least = torch.minimum(least, change)
        if (chosen != best).any():
            then = cost(chosen)
            if float(then.sum()) < float(now.sum()):
                best, now = chosen, then
    return best


def _around(cells: Tensor) -> Tensor:
    """Sums of cells, half of their neighbours, and a quarter of those across."""
    taps = torch.tensor([0.5, 1, 0.5], device=cells.device)
    return F.conv2d(cells[None, None], torch.outer(taps, taps)[None, None], padding=1)[0, 0]
