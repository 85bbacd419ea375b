"""Lagrange multipliers that steer each rate point to its target."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["RateSteering"]

_MEMORY = 0.98
_START = 3.0


class RateSteering:
    """Weights of the rate in the loss, adapted to the rates that are measured.

    A search over multipliers costs a training for each point; a controller finds them in one.

    Parameters
    ----------
    points
        Number of rate points.
    """

    def __init__(self, points: int) -> None:
        self.multipliers = torch.full((points,), _START)
        self.measured = torch.zeros(points)

    def positions(self, batch: int) -> Tensor:
        """Rate positions of a batch: every point in turn, then points moved at random towards the next."""
        points = len(self.multipliers)
        position = torch.arange(batch).float() % points
        moved = (torch.arange(batch) // points) % 2 == 1
        return torch.where(moved, (position + torch.rand(batch)).clamp_max(points - 1), position)

    def update(self, targets: Sequence[float], strength: float, position: Tensor, bpp: Tensor) -> None:
        """Absorb the rates ``(B,)`` of pictures at `position` and move the multipliers.

        Parameters
        ----------
        targets
            Wanted rate of each point.
        strength
            Relative change of a multiplier a step, per e-fold of deviation.
        position, bpp
            Rate position and estimated bits per pixel of each picture.
        """
        for i, target in enumerate(targets):
            here = position == i
            if here.any():
                now = bpp[here].mean()
                self.measured[i] = now if self.measured[i] == 0 else _MEMORY * self.measured[i] + (1 - _MEMORY) * now
                deviation = math.log(self.measured[i] / target)
                self.multipliers[i] *= math.exp(strength * max(-1.0, min(1.0, deviation)))

    def at(self, position: Tensor) -> Tensor:
        """Multiplier at each position, linear in the logarithm between points."""
        low = position.floor().clamp_max(len(self.multipliers) - 2).long()
        logs = self.multipliers.log()
        return torch.exp(torch.lerp(logs[low], logs[low + 1], position - low))

    def record(self) -> dict[str, float]:
        """Measured rates and multipliers for the log."""
        rates = {f"bpp{i}": float(v) for i, v in enumerate(self.measured)}
        return rates | {f"lambda{i}": float(v) for i, v in enumerate(self.multipliers)}
