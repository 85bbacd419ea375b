"""Stochastic Gumbel annealing of values that are coded as integers (Yang, Bamler and Mandt 2020, section 3.2).

Rounding has no gradient. So every value is rounded at random, up or down, more likely to the nearer integer, and
what enters the loss lies between the two: close to one of them, the closer the lower the temperature. The temperature
falls until the choice is certain; the last iterations round as the writer does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .adam import Adam
from .steering import Step

__all__ = ["Annealing", "Rounded", "Rounding", "anneal"]

Rounding = Callable[[Tensor], Tensor]
"""From values ``(...)``, in units of what one integer is worth, to integers, or to what is between two."""

_COLD = 0.012
"""Temperature at the end: nearly every choice is certain."""
_HARD = 0.1
"""Share of the iterations that round, at the end."""
_SLOWER_FROM, _SLOWER = 0.8, 0.3
_EDGE = 1e-5


class Rounded(Protocol):
    """What values are once they are rounded, and what that costs."""

    def evaluate(self, parts: Sequence[Tensor], rounding: Rounding) -> tuple[Tensor, float, Tensor]:
        """Distortion, distance of features, and bits of what a way of rounding leads to."""
        ...


@dataclass(frozen=True)
class Annealing:
    """How long, how fast.

    Attributes
    ----------
    iterations
        Number of steps.
    learning_rate
        Of Adam, in what one integer is worth.
    warmth
        Temperature at the beginning. At the 0.5 of the paper, which takes 2000 iterations, one value in seven is
        rounded to the farther integer: a few dozen iterations do not make up for that.
    seed
        Of the random roundings.
    """

    iterations: int
    learning_rate: float
    warmth: float
    seed: int = 0


def anneal(
    values: Sequence[Tensor],
    free: Sequence[Tensor] | None,
    rounded: Rounded,
    price: Callable[[], float],
    how: Annealing,
) -> Iterator[Step]:
    """Move values so that the distortion plus the price of the bits falls; yields after each iteration.

    Parameters
    ----------
    values
        What is to be rounded; changed in place.
    free
        1 where values may move, 0 where not, of the same shapes; ``None`` if all may.
    rounded
        What they cost and what picture they make.
    price
        Price of a bit, asked for before every iteration.
    how
        Iterations, learning rate, seed.
    """
    generator = torch.Generator().manual_seed(how.seed)
    variables = [value.requires_grad_() for value in values]
    adam = Adam(variables, how.learning_rate)
    try:
        for iteration in range(how.iterations):
            done = iteration / how.iterations
            adam.rate = how.learning_rate * (_SLOWER if done >= _SLOWER_FROM else 1.0)
            temperature = how.warmth * (_COLD / how.warmth) ** done
            rounding = _Annealed(None if done >= 1 - _HARD else temperature, generator)
            with torch.enable_grad():
                distance, look, bits = rounded.evaluate(variables, rounding)
                loss = distance + price() * bits
            loss.backward()
            if free is not None:
                for variable, mask in zip(variables, free, strict=True):
                    variable.grad = None if variable.grad is None else variable.grad * mask
            adam.step()
            yield Step(iteration + 1, float(distance.detach()), look, float(bits.detach()))
    finally:
        for variable in variables:
            variable.requires_grad_(False)


@dataclass(frozen=True)
class _Annealed:
    """Symbols, or at a temperature random numbers between two symbols."""

    temperature: float | None
    generator: torch.Generator

    def __call__(self, residual: Tensor) -> Tensor:
        if self.temperature is None:
            return residual + (residual.round() - residual).detach()
        below = residual.detach().floor()
        up = (residual - below).clamp(_EDGE, 1 - _EDGE)
        uniform = torch.rand(up.shape, generator=self.generator).clamp(1e-6, 1 - 1e-6).to(up.device)
        noise = torch.log(uniform) - torch.log1p(-uniform)
        preference = torch.atanh(up) - torch.atanh(1 - up)
        return below + torch.sigmoid((preference / self.temperature + noise) / self.temperature)
