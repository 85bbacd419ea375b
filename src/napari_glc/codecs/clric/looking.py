"""The last part of a fit looks at the picture: through the decoder, which stands still, at structure and features.

An error of the latent says little of how the picture looks, and a decoder has no gradient that a change by whole steps
could follow: what one way of looking at the picture recommends, the next one takes back. So values are annealed, as
the coefficients of codec ``glc`` are: small steps average over many looks. They begin at the grids of the descent, the
finest one with what rounding left over, and whatever is not better in the end is not taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...entropy.laplace import LEAST, MOST
from ...metrics.views import VIEWS
from ..optimising.aims import Aim, Cheapest, Found, Within
from ..optimising.annealing import Annealing, Rounding, anneal
from ..optimising.steering import Step
from .fit import Fit, one_thread
from .function import laplace_bits
from .options import ClricOptions
from .picture import TilePicture

__all__ = ["Glance", "look_at", "looks_of"]

_LOOKS = (0, 4, 8, 12, 20, 36, 60, 100, 160, 240)
"""By effort: iterations of a tile that look at the picture. One takes a second of one core at 512 x 768 pixels."""

_EXCHANGE = 36.0
"""Distortion of the picture, a sum over its pixels, that is worth one squared error of a latent value: measured on
held-out training pictures, so that files are about as large as those of fits in the latent alone."""
_WARMTH = 0.3
_RATES = (0.012, 0.03)
"""Least and most of Adam's rate, the lower the longer the run."""
_LOOSE = 0.25
"""How far from their integers values begin, at random: on an integer there is no gradient."""
_MOST_LEFT = 0.45
"""Of what rounding left over, in steps, so much at most is given back to the finest grid."""
_JUDGED = 8
"""How often on the way what there is is truly written and painted, at most."""
_SPARE = 0.01
"""Share of a number of bytes that is not aimed at, so that there is room on both sides."""
_TURNS = 4
"""Iterations for each way of looking at a picture, at least: to prepare one takes a third of an iteration."""


def looks_of(options: ClricOptions) -> int:
    """Iterations of a tile that look at the picture."""
    return _LOOKS[options.effort] if options.distortion == "picture" else 0


@dataclass(frozen=True)
class Glance:
    """After an iteration: what it led to, and whether what would be kept has become better.

    Attributes
    ----------
    bits
        Estimated.
    distance, best_distance
        Distortion of this moment, and of what would be kept, sums over pixels.
    improved
        Whether that is new.
    """

    bits: float
    distance: float
    best_distance: float
    improved: bool


def look_at(
    fit: Fit, picture: TilePicture, iterations: int, most: float | None, told: Callable[[Glance], bool]
) -> None:
    """Go on with a fit so that the picture comes nearer or takes less; what is not better is not taken.

    Parameters
    ----------
    fit
        Of a tile.
    picture
        Of the same tile.
    iterations
        How many.
    most
        Bytes of the payload, to be used up; ``None``: what the price of a bit gives.
    told
        Told before the first iteration and after each; ends the work by ``True``.
    """
    with one_thread():
        _Looking(fit, picture, iterations, most, told).run()


class _Looking:
    def __init__(
        self, fit: Fit, picture: TilePicture, iterations: int, most: float | None, told: Callable[[Glance], bool]
    ) -> None:
        self.fit, self.picture, self.iterations, self.told = fit, picture, iterations, told
        self.price = _EXCHANGE * fit.worth
        self.most = most
        self.aim: Aim = Cheapest(self.price) if most is None else Within(most)
        self.views = VIEWS[: max(1, iterations // _TURNS)]
        self.turn = 0
        with torch.no_grad():
            self.best = self._found(fit.grids, len(fit.payload))

    def run(self) -> None:
        found, looks = self.best, _looks(self.iterations)
        with torch.no_grad():
            before = float(self._bits(self.fit.grids, self.fit.function(self.fit.grids)[1]))
            values = self._begun()
        spare = 0.0 if self.most is None else 8 * (len(self.fit.payload) + _SPARE * self.most) - before
        if self.told(Glance(before, found.distance, found.distance, False)):
            return
        price = self.aim.price(self.price, spare, self.iterations)
        for step in anneal(values, None, self, price, _annealing(self.iterations)):
            price.hear(step)
            improved = step.iteration in looks and self._taken(values)
            if self._tell(step, improved):
                if step.iteration not in looks:
                    self._taken(values)
                break

    def evaluate(self, parts: Sequence[Tensor], rounding: Rounding) -> tuple[Tensor, float, Tensor]:
        """See :class:`~napari_glc.codecs.optimising.annealing.Rounded`."""
        grids = [rounding(part).clamp(LEAST, MOST) for part in parts]
        made, told = self.fit.function(grids)
        distance, look = self.picture(made, self.views[self.turn % len(self.views)])
        self.turn += 1
        return distance, look, self._bits(grids, told)

    @staticmethod
    def _bits(grids: Sequence[Tensor], told: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        own = [laplace_bits((grid - mean).abs(), rate).sum() for grid, (mean, rate) in zip(grids, told, strict=True)]
        return torch.stack(own).sum()

    def _begun(self) -> list[Tensor]:
        """Values that round to the grids there are, mostly."""
        generator = torch.Generator().manual_seed(0)
        values = [grid + _LOOSE * (2 * torch.rand(grid.shape, generator=generator) - 1) for grid in self.fit.grids]
        left = (self.fit.wanted - self.fit.function(self.fit.grids)[0]) / self.fit.step
        values[0] = self.fit.grids[0] + left.clamp(-_MOST_LEFT, _MOST_LEFT)
        return values

    @torch.no_grad()
    def _taken(self, values: Sequence[Tensor]) -> bool:
        """Write what there is; take it if it is better."""
        grids = [value.detach().round().clamp(LEAST, MOST) for value in values]
        found = self._found(grids, self.fit.size_of(grids))
        if self.aim.key(found) >= self.aim.key(self.best):
            return False
        self.best = found
        self.fit.take(grids)
        return True

    def _found(self, grids: Sequence[Tensor], size: int) -> Found:
        return Found(size, *self.picture.judged(self.fit.function(grids)[0]))

    def _tell(self, step: Step, improved: bool) -> bool:
        return self.told(Glance(step.bits, step.distance, self.best.distance, improved))


def _annealing(iterations: int) -> Annealing:
    least, most = _RATES
    return Annealing(iterations, min(most, max(least, 0.15 / iterations**0.5)), _WARMTH)


def _looks(iterations: int) -> set[int]:
    """After which iterations there is a true look: some evenly, not too early, the last one included."""
    return {round(iterations * (0.3 + 0.7 * (look + 1) / _JUDGED)) for look in range(_JUDGED)}
