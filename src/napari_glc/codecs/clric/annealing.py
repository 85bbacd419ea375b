"""Stochastic Gumbel annealing of grids (Yang, Bamler and Mandt 2020, section 3.2).

Rounding has no gradient. So every value is rounded at random, up or down, more likely to the nearer integer, and what
enters the loss lies between the two, the closer to one of them the lower the temperature. What such values cost says
little of what rounded ones cost, so every now and then the rounded ones are judged, and the best are what counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...entropy.laplace import LEAST, MOST

__all__ = ["Evaluate", "Judged", "Look", "Schedule", "anneal", "rounded"]

_EDGE = 1e-5


@dataclass(frozen=True)
class Schedule:
    """How grids and what is learned beside them move.

    Attributes
    ----------
    iterations
        Steps of Adam.
    grids, others
        Its rates, of values of grids in steps, and of everything else.
    warm, cooling
        Temperature at the beginning, and the logarithm of how much lower it is at the end.
    hard
        Share of the iterations, at the end, in which grids stay as rounded and the rest alone goes on.
    looks
        How often rounded grids are judged, beginning and end included.
    """

    iterations: int
    grids: float
    others: float = 0.0
    warm: float = 0.5
    cooling: float = 3.0
    hard: float = 0.0
    looks: int = 12


@dataclass(frozen=True)
class Judged:
    """What rounded grids lead to.

    Attributes
    ----------
    error
        Squared error of the latent, a sum.
    bits
        Estimated bits of the grids.
    """

    error: float
    bits: float


Evaluate = Callable[[Sequence[Tensor]], tuple[Tensor, Tensor]]
"""From grids to squared error and bits, differentiable in both."""
Look = Callable[[int, Judged, bool], bool]
"""Called with iterations done, what rounded grids lead to, and whether that is the best so far; ``True`` ends the
work."""


def rounded(grids: Sequence[Tensor]) -> list[Tensor]:
    """Grids as they are coded."""
    return [grid.detach().round().clamp(LEAST, MOST) for grid in grids]


def anneal(
    grids: Sequence[Tensor],
    others: Sequence[Tensor],
    evaluate: Evaluate,
    worth: float,
    how: Schedule,
    step: Callable[[int, int], None],
    look: Look | None = None,
) -> None:
    """Move grids and parameters, in place, so that the error plus what the bits are worth falls.

    Grids end rounded, and they and the parameters are the best of all that was judged, what they began as included.

    Parameters
    ----------
    grids
        Real values of each grid.
    others
        What else is learned.
    evaluate
        See :data:`Evaluate`.
    worth
        Error a bit is worth.
    how
        See :class:`Schedule`.
    step
        Called with iterations done and in all; whatever it raises stops the work.
    look
        See :data:`Look`.
    """
    generator = torch.Generator().manual_seed(0)
    variables = [*grids, *others]
    soft = round(how.iterations * (1 - how.hard))
    looks = {round(soft * i / max(1, how.looks - 1)) for i in range(how.looks)} | {how.iterations}
    best, kept, ended = math.inf, [v.detach().clone() for v in variables], False

    def judge(done: int) -> None:
        nonlocal best, kept, ended
        with torch.no_grad():
            hard = rounded(grids)
            error, bits = (float(x) for x in evaluate(hard))
            better = error + worth * bits < best
            if better:
                best, kept = error + worth * bits, [*hard, *(other.detach().clone() for other in others)]
        if look is not None:
            ended = look(done, Judged(error, bits), better) or ended

    for variable in variables:
        variable.requires_grad_(True)
    groups = [{"params": list(grids), "lr": how.grids}, {"params": list(others), "lr": how.others}]
    peaks = [how.grids, how.others]
    optimizer = torch.optim.Adam([group for group in groups if group["params"]], betas=(0.9, 0.99))
    size = sum(grid.numel() for grid in grids)
    fixed: list[Tensor] = []
    for done in range(how.iterations):
        step(done, how.iterations)
        if done in looks:
            judge(done)
        if ended:
            break
        if done == soft:
            _restore(variables, kept)
            fixed = rounded(grids)
        temperature = how.warm * math.exp(-how.cooling * done / max(1, soft))
        with torch.enable_grad():
            error, bits = evaluate(fixed or [_between(grid, temperature, generator) for grid in grids])
            loss = (error + worth * bits) / size
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        factor = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done / how.iterations))
        for group, peak in zip(optimizer.param_groups, peaks, strict=False):
            group["lr"] = peak * factor
        optimizer.step()
    if not ended:
        judge(how.iterations)
    _restore(variables, kept)
    for variable in variables:
        variable.requires_grad_(False)


def _restore(variables: Sequence[Tensor], kept: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for variable, value in zip(variables, kept, strict=True):
            variable.copy_(value)


def _between(grid: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """Values between the two nearest integers, drawn so that the nearer one is likelier."""
    below = grid.detach().floor()
    up = (grid - below).clamp(_EDGE, 1 - _EDGE)
    uniform = torch.rand(grid.shape, generator=generator).clamp(1e-6, 1 - 1e-6)
    noise = torch.log(uniform) - torch.log1p(-uniform)
    preference = torch.atanh(up) - torch.atanh(1 - up)
    return below + torch.sigmoid((preference / temperature + noise) / temperature)
