"""Descent over integers: grids change by whole steps, each time for the better.

Rounded values have no gradient, and softly rounded ones flatter: what they cost says little of what is written. So
grids are integers all the time. One pass back through the networks estimates for every value what its change by one
up or down would add to the loss: the gradient of the error and of what it tells others, the curvature of the error, and
exactly the bits it takes itself. Of the changes that pay a random part is made at once. If together they do not pay,
they are undone and fewer are tried. Parameters that are sent follow their gradient in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..._base.interruption import checkpoint
from ...entropy.laplace import LEAST, MOST
from ..optimising.adam import Adam
from .function import laplace_bits

__all__ = [
    "FEWER",
    "MORE",
    "MOST_SHARE",
    "SHARE",
    "STUCK",
    "Descent",
    "Distributions",
    "Evaluate",
    "Look",
    "cheapest_change",
]

Distributions = Sequence[tuple[Tensor, Tensor]]
"""Of each grid's values: mean, and one over the scale."""
Evaluate = Callable[[Sequence[Tensor]], tuple[Tensor, Distributions]]
"""From grids to the latent's squared error and to distributions of their values, differentiable in both."""
Look = Callable[[int, float, float, bool], bool]
"""Called after each iteration with their number, squared error and bits of what there is, and whether it is the best so
far; ``True`` ends the work."""

SHARE, MOST_SHARE = 0.6, 0.7
"""Of the changes that pay, how many are made at once: at first, at most."""
MORE, FEWER = 1.15, 0.5
STUCK = 0.02
"""Share below which nothing is left to gain."""
_HEAT = 0.5
"""Where nothing is left, changes that cost up to about so many bits are made, before it goes down again."""
_WARM = 4
"""Iterations of that."""


def cheapest_change(
    grid: Tensor, slope: Tensor, bend: Tensor, worth: Tensor | float, mean: Tensor, rate: Tensor, now: Tensor
) -> tuple[Tensor, Tensor]:
    """Whether a step up or down adds less to the loss, 1 or -1, and what it adds.

    Parameters
    ----------
    grid
        Integers.
    slope, bend
        Gradient of the loss, the values' own bits left out; what a change by one adds by the error's curvature.
    worth
        Error a bit is worth.
    mean, rate
        Of the distribution of each value.
    now
        What their own bits are worth now.
    """
    up = slope + bend + worth * laplace_bits((grid + 1 - mean).abs(), rate) - now
    down = bend - slope + worth * laplace_bits((grid - 1 - mean).abs(), rate) - now
    return torch.where(up < down, 1.0, -1.0), torch.minimum(up, down)


@dataclass
class _Point:
    grids: list[Tensor]
    error: float
    bits: float
    loss: float
    moves: list[tuple[Tensor, Tensor]]
    """Of each grid: up or down, and what that adds to the loss."""
    gradients: list[Tensor]
    """Of the parameters."""


class Descent:
    """A descent that goes on as long as it is asked to.

    What it does in an iteration does not depend on how many follow, and the best is kept: more iterations are never
    worse.

    Parameters
    ----------
    grids
        Integers of each grid.
    curvature
        Tells of each grid what a change by one adds to the squared error in itself, of a shape that fits the grid.
    evaluate
        See :data:`Evaluate`.
    worth
        Error a bit is worth.
    parameters
        What else is learned, in place.
    rate
        Of Adam, for parameters.
    """

    def __init__(
        self,
        grids: Sequence[Tensor],
        curvature: Callable[[], Sequence[Tensor]],
        evaluate: Evaluate,
        worth: float,
        parameters: Sequence[Tensor] = (),
        rate: float = 0.01,
    ) -> None:
        self._curvature, self._evaluate, self._worth = curvature, evaluate, worth
        self._parameters = list(parameters)
        self._adam = Adam(self._parameters, rate, (0.9, 0.99)) if parameters else None
        self._generator = torch.Generator().manual_seed(0)
        self._share = SHARE
        self._heating = 0
        self.iterations = 0
        self._now = self._top = self._point([grid.detach().clone() for grid in grids])
        self._kept = [parameter.detach().clone() for parameter in self._parameters]

    @property
    def grids(self) -> list[Tensor]:
        """The best so far."""
        return self._top.grids

    @property
    def worth(self) -> float:
        """Error a bit is worth."""
        return self._worth

    @property
    def error(self) -> float:
        """Squared error of the latent they make."""
        return self._top.error

    @property
    def bits(self) -> float:
        """Estimated bits of them."""
        return self._top.bits

    def run(self, iterations: int, step: Callable[[int, int], None], look: Look | None = None) -> None:
        """Go on; :attr:`grids` and the parameters are the best afterwards.

        Parameters
        ----------
        iterations
            How many; each takes one pass there and back.
        step
            Called with iterations done and in all; whatever it raises stops the work.
        look
            See :data:`Look`.
        """
        for done in range(iterations):
            step(done, iterations)
            self._iterate()
            better = self._now.loss < self._top.loss
            if better:
                self._top = self._now
                self._kept = [parameter.detach().clone() for parameter in self._parameters]
            if look is not None and look(done + 1, self._now.error, self._now.bits, better):
                break
        with torch.no_grad():
            for parameter, value in zip(self._parameters, self._kept, strict=True):
                parameter.copy_(value)

    def offer(self, grids: Sequence[Tensor]) -> None:
        """Go on from these grids if they are better."""
        other = self._point([grid.clamp(LEAST, MOST) for grid in grids])
        if other.loss < self._now.loss:
            self._now = self._top = other

    def take(self, grids: Sequence[Tensor]) -> None:
        """Go on from these grids, whether they are better or not."""
        self._now = self._top = self._point(list(grids))

    def reprice(self, worth: float) -> None:
        """Go on at another price of a bit, from the best so far."""
        self._worth = worth
        self._now = self._top = self._point(self.grids)
        self._share, self._heating = SHARE, 0

    def _iterate(self) -> None:
        checkpoint()
        self.iterations += 1
        if self._adam is not None and self.iterations % 2:
            for parameter, gradient in zip(self._parameters, self._now.gradients, strict=True):
                parameter.grad = gradient
            self._adam.step()
            self._now = self._point(self._now.grids)
        elif self._heating:
            self._heating -= 1
            heat = _HEAT * self._worth * (self._heating + 1) / _WARM
            self._now = self._point(self._changed(lambda change: change < -heat * torch.log(self._drawn(change))))
            self._share = SHARE
        else:
            tried = self._point(self._changed(lambda change: change < 0))
            if tried.loss < self._now.loss:
                self._now, self._share = tried, min(MOST_SHARE, self._share * MORE)
            else:
                self._share *= FEWER
                if self._share < STUCK:
                    self._share = SHARE / 2
                    if self._adam is None:
                        self._now, self._heating = self._top, _WARM

    def _drawn(self, like: Tensor) -> Tensor:
        return torch.rand(like.shape, generator=self._generator).clamp_min(1e-12)

    def _changed(self, pays: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """Grids with a random part of the changes that pay."""
        return [
            (grid + sign * (pays(change) & (self._drawn(grid) < self._share))).clamp(LEAST, MOST)
            for grid, (sign, change) in zip(self._now.grids, self._now.moves, strict=True)
        ]

    def _point(self, grids: list[Tensor]) -> _Point:
        seen = [grid.clone().requires_grad_(True) for grid in grids]
        with torch.enable_grad():
            error, told = self._evaluate(seen)
            # with what is coded itself held fixed, gradients say what a value does to others
            own = [laplace_bits((grid - mean).abs(), rate) for grid, (mean, rate) in zip(grids, told, strict=True)]
            bits = torch.stack([part.sum() for part in own]).sum()
            loss = error + self._worth * bits
            gradients = torch.autograd.grad(loss, [*seen, *self._parameters], allow_unused=True)
        moves = []
        with torch.no_grad():
            for grid, gradient, bend, (mean, rate), now in zip(
                grids, gradients, self._curvature(), told, own, strict=False
            ):
                slope = torch.zeros_like(grid) if gradient is None else gradient
                moves.append(cheapest_change(grid, slope, bend, self._worth, mean, rate, self._worth * now))
        found = [
            torch.zeros_like(p) if g is None else g
            for p, g in zip(self._parameters, gradients[len(grids) :], strict=True)
        ]
        total = float(loss.detach())
        return _Point(
            grids,
            float(error.detach()),
            float(bits.detach()),
            total if math.isfinite(total) else math.inf,
            moves,
            found,
        )
