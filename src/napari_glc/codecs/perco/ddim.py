"""The sampler of PerCo (SD): DDIM without noise of its own (Song et al. 2021), guided by the caption."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.progress import Progress
from ...networks.perco_published_config import PublishedPercoConfig

__all__ = ["Denoiser", "sampled", "signal_shares", "step_numbers"]

Denoiser = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From a noisy latent ``(B, C, h, w)``, steps of the schedule ``(B,)`` and states of the text encoder to what it
predicts."""


def signal_shares(config: PublishedPercoConfig) -> NDArray[np.float64]:
    """The share of the signal's variance at each step of the noise schedule."""
    if config.betas == "scaled":
        betas = np.linspace(config.first_beta**0.5, config.last_beta**0.5, config.train_steps) ** 2
    else:
        betas = np.linspace(config.first_beta, config.last_beta, config.train_steps)
    shares: NDArray[np.float64] = np.cumprod(1 - betas)
    return shares


def step_numbers(config: PublishedPercoConfig, steps: int) -> list[int]:
    """Steps of the schedule that are taken, falling: evenly spread from the last but some on, as published."""
    stride = config.train_steps // min(steps, config.train_steps)
    return [
        min(stride * number + config.offset, config.train_steps - 1)
        for number in reversed(range(min(steps, config.train_steps)))
    ]


def _nobody(_: Callable[[], Tensor]) -> None:
    pass


def sampled(
    config: PublishedPercoConfig,
    denoiser: Denoiser,
    noise: Tensor,
    told: Tensor,
    untold: Tensor | None,
    *,
    steps: int,
    guidance: float,
    progress: Progress,
    show: Callable[[Callable[[], Tensor]], None] = _nobody,
) -> Tensor:
    """A latent ``(1, C, h, w)``.

    Parameters
    ----------
    config
        Of the schedule.
    denoiser
        See :data:`Denoiser`.
    noise
        ``(1, C, h, w)``, standard normal.
    told, untold
        States ``(1, tokens, width)`` of the caption, and of an empty one; ``None`` to leave guidance out.
    steps
        Evaluations of the denoiser, or pairs of them with guidance.
    guidance
        How much the caption counts (Ho and Salimans 2021).
    progress
        Called before each step.
    show
        Called in each step with a function that gives the latent as it is expected to become.
    """
    shares = signal_shares(config)
    numbers = step_numbers(config, steps)
    stride = config.train_steps // min(steps, config.train_steps)
    words = told if untold is None else torch.cat([untold, told])
    latent = noise
    for place, number in enumerate(numbers):
        progress(place, len(numbers))
        share = shares[number]
        then = shares[number - stride] if number >= stride else (1.0 if config.last_is_clean else shares[0])
        step = torch.full((len(words),), number, device=noise.device)
        predicted = denoiser(latent.expand(len(words), -1, -1, -1), step, words)
        if untold is not None:
            without, within = predicted.chunk(2)
            predicted = torch.lerp(without, within, guidance)
        clean, rest = _parted(config, latent, predicted, float(share))
        show(partial(_same, clean))
        latent = float(then) ** 0.5 * clean + float(1 - then) ** 0.5 * rest
    return latent


def _parted(config: PublishedPercoConfig, latent: Tensor, predicted: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """What of a noisy latent is taken for signal, and what for noise."""
    signal, noise = share**0.5, (1 - share) ** 0.5
    if config.predicts == "noise":
        return (latent - noise * predicted) / signal, predicted
    return signal * latent - noise * predicted, signal * predicted + noise * latent


def _same(latent: Tensor) -> Tensor:
    return latent
