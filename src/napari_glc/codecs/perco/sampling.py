"""The sampler: from noise to a residual of the latent, without further noise (DDIM)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ..._base.progress import Progress
from ...networks.perco import Conditions, PercoNetwork

__all__ = ["noise_levels", "painted"]

_FIRST = math.atan(20.0)
"""Noise level at which sampling begins: a twentieth of what there is to paint is left in it, which nobody misses."""


def noise_levels(steps: int) -> list[float]:
    """Falling noise levels: where each step begins, then zero."""
    return [_FIRST * (1 - step / steps) for step in range(steps)] + [0.0]


def _nobody(_: Callable[[], Tensor]) -> None:
    pass


def painted(
    net: PercoNetwork,
    conditions: Conditions,
    description: Tensor,
    noise: Tensor,
    *,
    rate: int,
    steps: int,
    guidance: float,
    progress: Progress,
    show: Callable[[Callable[[], Tensor]], None] = _nobody,
) -> Tensor:
    """A latent ``(1, C, h, w)`` that fits the conditions.

    Guidance (Ho and Salimans 2021) acts on the description alone, as in PerCo: the velocity is that without the
    description plus `guidance` times what the description changes.

    Parameters
    ----------
    net
        The network.
    conditions
        From the hyper-decoder, a batch of one.
    description
        See :meth:`~napari_glc.networks.perco.Denoiser.hints`.
    noise
        ``(1, C, h, w)``, standard normal.
    rate
        Its number.
    steps
        Evaluations of the denoiser, or pairs of them if `guidance` is not 1.
    guidance
        How much the description counts.
    progress
        Called before each step.
    show
        Called in each step with a function that gives the latent as it is expected to become.
    """
    guided = guidance != 1
    hints = net.denoiser.hints(conditions, description)
    if guided:
        unknown = net.denoiser.hints(conditions, None)
        hints = tuple(torch.cat(pair) for pair in zip(hints, unknown, strict=True))
    count = 2 if guided else 1
    mean = conditions.mean.expand(count, -1, -1, -1)
    rates = torch.full((count,), rate, device=noise.device)
    levels = noise_levels(steps)
    residual = noise
    for step, (now, then) in enumerate(zip(levels, levels[1:], strict=False)):
        progress(step, steps)
        t = torch.full((count,), now, device=noise.device)
        velocity = net.denoiser(residual.expand(count, -1, -1, -1), mean, hints, t, rates)
        if guided:
            told, untold = velocity.chunk(2)
            velocity = torch.lerp(untold, told, guidance)
        show(partial(_latent, net, conditions, rate, residual, velocity, now))
        residual = math.cos(now - then) * residual - math.sin(now - then) * velocity
    return _latent(net, conditions, rate, residual, residual, 0.0)


def _latent(
    net: PercoNetwork, conditions: Conditions, rate: int, residual: Tensor, velocity: Tensor, t: float
) -> Tensor:
    """The latent, all noise taken out at once."""
    return conditions.mean + net.residual_deviation[rate] * (math.cos(t) * residual - math.sin(t) * velocity)
