"""Fitting a function to a latent: grids and parameters by gradients, then steps of the parameters by search.

The loss is the squared error of the latent plus the bits, weighted by quality. Rounding is soft and noisy first and
hard at the end (Cool-chic 5; C3, Kim et al. 2024). Everything is deterministic on one machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...entropy.laplace import LEAST, MOST
from .function import Grids, TorchParameters, as_tensors, grid_bits, latent_of, upsampled
from .grid_coder import Symbols, write_grids
from .layout import GRIDS, Parameters, grid_sizes, parts, start_parameters, trade_off
from .stated import FINEST, Stated

__all__ = ["ITERATIONS", "Fitted", "fit"]

ITERATIONS = (0, 60, 120, 200, 350, 600, 1000, 2000, 4000, 8000)
"""By effort. One takes about 20 ms of one core at 512 x 768 pixels, so 5 takes 12 s and 9 not quite three minutes."""
_HARD = 0.2
"""Share of the iterations at the end in which grids stay what they round to and parameters alone go on: gradients that
pass by a hard rounding make grids worse."""
_LOOKS = 20
"""How often the soft part is looked at with hard eyes."""
_GRID_RATE, _PARAMETER_RATE = 0.06, 0.012
_SOFTNESS = (0.3, 0.05)
_NOISE = (0.2, 0.1)


@dataclass(frozen=True)
class Fitted:
    """A function as a file holds it.

    Attributes
    ----------
    stated
        Its parameters.
    symbols
        Its grids.
    stream
        The grids coded.
    """

    stated: Stated
    symbols: Symbols
    stream: bytes


def fit(latent: NDArray[np.float32], quality: float, iterations: int, step: Callable[[int, int], None]) -> Fitted:
    """The function of a latent.

    Parameters
    ----------
    latent
        ``(C, h, w)``, of about unit variance.
    quality
        0 to 100.
    iterations
        Of gradient descent.
    step
        Called with iterations done and in all; whatever it raises stops the work.
    """
    channels = len(latent)
    with _one_thread(), torch.inference_mode(False), torch.enable_grad():
        target = torch.tensor(latent)
        worth = trade_off(quality)
        start = start_parameters(channels, quality)
        parameters = as_tensors(start)
        grids = _first_grids(target, parameters)
        _descend(grids, parameters, target, worth, iterations, step)
        with torch.no_grad():
            rounded = [_hard(grid) for grid in grids]
            stated = _state(rounded, parameters, target, worth, quality)
    symbols = [grid.numpy().astype(np.int16) for grid in rounded]
    return Fitted(stated, symbols, write_grids(symbols, stated.parameters(channels, quality)))


@contextmanager
def _one_thread() -> Iterator[None]:
    """The order of sums, and so the file, must not depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _first_grids(target: Tensor, parameters: TorchParameters) -> Grids:
    """A pyramid: each grid holds what the coarser ones, rounded, leave of the latent at its resolution."""
    sizes = grid_sizes(*target.shape[1:])
    levels = [target]
    for rows, columns in sizes[1:]:
        above = levels[-1]
        padded = F.pad(above[None], (0, 2 * columns - above.shape[2], 0, 2 * rows - above.shape[1]), mode="replicate")
        levels.append(F.avg_pool2d(padded, 2)[0])
    gain = parameters["gain"].exp2()
    total = torch.zeros_like(levels[-1])
    grids: Grids = []
    for k in reversed(range(GRIDS)):
        if k < GRIDS - 1:
            total = upsampled(total, parameters["kernel"], *sizes[k])
        wanted = (levels[k] - total) / gain[k]
        # small values cost more than they are worth; the grids below see what is left
        kept = wanted.sign() * (wanted.abs() - 0.2).clamp(min=0)
        grids.insert(0, kept if k == 0 else kept.round())
        total = total + gain[k] * kept.round()
    return [grid.clamp(LEAST, MOST).contiguous() for grid in grids]


def _descend(
    grids: Grids,
    parameters: TorchParameters,
    target: Tensor,
    worth: float,
    iterations: int,
    step: Callable[[int, int], None],
) -> None:
    generator = torch.Generator().manual_seed(0)
    learned = [*grids, *parameters.values()]
    for tensor in learned:
        tensor.requires_grad_(True)
    optimizer = torch.optim.Adam(
        [{"params": grids, "lr": _GRID_RATE}, {"params": list(parameters.values()), "lr": _PARAMETER_RATE}],
        betas=(0.9, 0.99),
    )
    peaks = (_GRID_RATE, _PARAMETER_RATE)
    soft = round(iterations * (1 - _HARD))
    every = max(1, soft // _LOOKS)
    best, kept = math.inf, [tensor.detach().clone() for tensor in learned]

    def look() -> None:
        """Keep what is best as it would be written: soft rounding flatters, the more the longer it lasts."""
        nonlocal best, kept
        with torch.no_grad():
            hard = [_hard(grid) for grid in grids]
            loss = float((latent_of(hard, parameters) - target).square().sum() + worth * grid_bits(hard, parameters))
        if loss < best:
            best, kept = loss, [tensor.detach().clone() for tensor in learned]

    for done in range(iterations):
        step(done, iterations)
        if done <= soft and (done % every == 0 or done == soft):
            look()
        if done == soft:
            with torch.no_grad():
                for tensor, value in zip(learned, kept, strict=True):
                    tensor.copy_(value)
        if done < soft:
            share = done / max(1, soft)
            temperature = _SOFTNESS[0] + share * (_SOFTNESS[1] - _SOFTNESS[0])
            noise = _NOISE[0] + share * (_NOISE[1] - _NOISE[0])
            seen = [_softly(grid, temperature, noise, generator) for grid in grids]
        else:
            seen = [_hard(grid) for grid in grids]
        error = (latent_of(seen, parameters) - target).square().sum()
        loss = (error + worth * grid_bits(seen, parameters)) / target.numel()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        factor = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done / iterations))
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * factor
        optimizer.step()
    for tensor in learned:
        tensor.requires_grad_(False)


def _hard(grid: Tensor) -> Tensor:
    return grid.detach().round().clamp(LEAST, MOST)


def _softly(grid: Tensor, temperature: float, noise: float, generator: torch.Generator) -> Tensor:
    drawn = noise * torch.randn(grid.shape, generator=generator)
    return _soft_round(_soft_round(grid, temperature) + drawn, temperature)


def _soft_round(x: Tensor, temperature: float) -> Tensor:
    below = x.floor().detach()
    return below + 0.5 + 0.5 * torch.tanh((x - below - 0.5) / temperature) / math.tanh(0.5 / temperature)


def _state(grids: Grids, parameters: TorchParameters, target: Tensor, worth: float, quality: float) -> Stated:
    """Choose the step of each part: what it adds to error and bits of the grids, and what it takes itself."""
    channels = len(target)
    exact: Parameters = {name: tensor.numpy().astype(np.float64) for name, tensor in parameters.items()}
    digits = {part.name: FINEST for part in parts(channels)}

    def stated(choice: dict[str, int]) -> Stated:
        return Stated.rounded(exact, choice, channels, quality)

    def cost(choice: dict[str, int]) -> float:
        found = stated(choice)
        values = as_tensors(found.parameters(channels, quality))
        error = float((latent_of(grids, values) - target).square().sum())
        bits = float(grid_bits(grids, values)) + sum(found.bits(name) for name in choice)
        return error + worth * bits

    for name in digits:
        costs = {fine: cost(digits | {name: fine}) for fine in range(FINEST + 1)}
        digits[name] = min(costs, key=lambda fine: costs[fine])
    return stated(digits)
