"""Fitting grids to a latent under networks that come with the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...networks.function import FunctionNetwork
from .annealing import Look, Schedule, anneal, rounded
from .function import LOG_SCALES, laplace_bits
from .grid_coder import Symbols
from .layout import trade_off

__all__ = ["SCHEDULES", "fit_shared", "shared_bits", "shared_latent"]

SCHEDULES = tuple(Schedule(n, grids=0.05) for n in (0, 12, 25, 50, 100, 200, 350, 600, 1000, 2000))
"""By effort; 0 takes the guess as it is."""


def fit_shared(
    net: FunctionNetwork,
    latent: NDArray[np.float32],
    quality: float,
    how: Schedule,
    step: Callable[[int, int], None],
    look: Look | None = None,
    start: Sequence[Tensor] | None = None,
) -> list[Tensor]:
    """Grids of a latent, rounded, the finest first: ``(1, C, rows, columns)`` each.

    Parameters
    ----------
    net
        The networks.
    latent
        ``(C, h, w)``, of about unit variance.
    quality
        0 to 100.
    how, step, look
        See :func:`~napari_glc.codecs.clric.annealing.anneal`.
    start
        Grids to begin with, such as those of a neighbouring quality; ``None`` for a guess.
    """
    target = torch.tensor(latent)[None]
    position = torch.tensor([quality / 100])
    with torch.no_grad():
        if start is None:
            start = _guess(net, target, position)

    def evaluate(grids: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return (net.synthesis(grids, position) - target).square().sum(), shared_bits(net, grids, position)

    grids = [grid.clone() for grid in start]
    anneal(grids, [], evaluate, trade_off(quality), how, step, look)
    return rounded(grids)


def _guess(net: FunctionNetwork, target: Tensor, position: Tensor) -> list[Tensor]:
    """Real values of grids; each sees what the coarser ones, rounded, leave."""
    real: dict[int, Tensor] = {}

    def rounding(k: int, values: Tensor) -> Tensor:
        real[k] = values
        return values.round()

    net.guessed(target, position, rounding)
    return [real[k] for k in range(len(real))]


def shared_bits(net: FunctionNetwork, grids: Sequence[Tensor], position: Tensor) -> Tensor:
    """Estimated bits of all values, a sum."""
    bits = torch.zeros(())
    for grid, (mean, log_scale) in zip(grids, net.model(grids, position), strict=True):
        bits = bits + laplace_bits((grid - mean).abs(), torch.exp2(-log_scale.clamp(*LOG_SCALES))).sum()
    return bits


@torch.inference_mode()
def shared_latent(net: FunctionNetwork, symbols: Symbols, quality: float) -> Tensor:
    """The latent ``(C, h, w)`` of decoded grids."""
    grids = [torch.from_numpy(grid.astype(np.float32))[None] for grid in symbols]
    return net.synthesis(grids, torch.tensor([quality / 100]))[0]
