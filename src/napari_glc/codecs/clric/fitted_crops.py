"""Grids that are fitted while the networks learn from them: which batch a step takes, and a little more of its fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...entropy.laplace import LEAST, MOST
from ...networks.function import FunctionNetwork
from .descent import FEWER, MORE, MOST_SHARE, SHARE, STUCK, cheapest_change
from .function import LOG_SCALES, laplace_bits
from .layout import worth_at
from .shared import spread

__all__ = ["Fits", "batch_of_step", "fitted_further", "positions_of_batch"]


def batch_of_step(step: int, kept: int, visits: int) -> int:
    """The number of the batch that a step learns from.

    `kept` batches take turns. Each is replaced by the next one of its place after so many `visits`; the first ones live
    shorter the later their place, so that new ones come in evenly.
    """
    place, turn = step % kept, step // kept
    life = (turn + place * visits // kept) // visits
    return life * kept + place


def positions_of_batch(size: int, seed: int, number: int) -> Tensor:
    """Where the crops of a batch lie on the range of rates, 0 to 1, ``(B,)``: spread evenly."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
    return (torch.randperm(size, generator=generator) + torch.rand(size, generator=generator)) / size


@dataclass(frozen=True)
class Fits:
    """How far the fits of a batch are.

    Attributes
    ----------
    grids
        Int8 integers, ``(B, C, rows, columns)``, the finest first.
    share
        Of the changes that pay, how many are made at once, of each crop ``(B,)``.
    """

    grids: list[Tensor]
    share: Tensor

    @classmethod
    def begun(cls, grids: Sequence[Tensor]) -> Fits:
        """Nothing done yet."""
        return cls([grid.to(torch.int8) for grid in grids], torch.full((len(grids[0]),), SHARE))


@dataclass
class _Point:
    grids: list[Tensor]
    moves: list[tuple[Tensor, Tensor]]
    loss: Tensor


def fitted_further(net: FunctionNetwork, latent: Tensor, position: Tensor, fits: Fits, iterations: int) -> Fits:
    """Fits of crops after some more iterations of a descent like that of files, many crops at a time.

    Parameters
    ----------
    net
        The networks as they are now.
    latent
        ``(B, C, h, w)``.
    position
        On the range of rates, ``(B,)``.
    fits
        What the descent goes on from.
    iterations
        How many.
    """
    worth = worth_at(position)[:, None, None, None]
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    squares = net.synthesis.steps(position).square()[..., None, None]
    curvature = [squares[:, k] * reach for k, reach in enumerate(spread(net))]

    def point(grids: list[Tensor]) -> _Point:
        seen = [grid.clone().requires_grad_(True) for grid in grids]
        told = [(mean, torch.exp2(-scale.clamp(*LOG_SCALES))) for mean, scale in net.model(seen, position)]
        # with what is coded itself held fixed, gradients say what a value does to others
        own = [worth * laplace_bits((g - mean).abs(), rate) for g, (mean, rate) in zip(grids, told, strict=True)]
        error = (net.synthesis(seen, position) - latent).square()
        loss = torch.stack([part.flatten(1).sum(1) for part in (error, *own)]).sum(0)
        slopes = torch.autograd.grad(loss.sum(), seen)
        with torch.no_grad():
            moves = [
                cheapest_change(grid, slope, bend, worth, mean, rate, now)
                for grid, slope, bend, (mean, rate), now in zip(grids, slopes, curvature, told, own, strict=True)
            ]
        return _Point(grids, moves, loss.detach())

    share, now = fits.share.to(latent.device), point([grid.float() for grid in fits.grids])
    for _ in range(iterations):
        tried = point(
            [
                (
                    grid + sign * ((change < 0) & (torch.rand(grid.shape).to(grid.device) < share[:, None, None, None]))
                ).clamp(LEAST, MOST)
                for grid, (sign, change) in zip(now.grids, now.moves, strict=True)
            ]
        )
        better = tried.loss < now.loss
        share = torch.where(better, (share * MORE).clamp(max=MOST_SHARE), share * FEWER)
        # where nothing is left to gain, networks that have changed may find something again
        share = torch.where(share < STUCK, SHARE / 2, share)
        now = _chosen(better, tried, now)
    for parameter in learning:
        parameter.requires_grad_(True)
    return Fits([grid.to(torch.int8) for grid in now.grids], share)


def _chosen(better: Tensor, tried: _Point, now: _Point) -> _Point:
    """Of each crop the better point."""
    of = better[:, None, None, None]
    return _Point(
        [torch.where(of, a, b) for a, b in zip(tried.grids, now.grids, strict=True)],
        [
            (torch.where(of, a[0], b[0]), torch.where(of, a[1], b[1]))
            for a, b in zip(tried.moves, now.moves, strict=True)
        ],
        torch.where(better, tried.loss, now.loss),
    )
