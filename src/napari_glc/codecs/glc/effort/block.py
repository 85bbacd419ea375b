"""One block of a tile as an optimisation problem: what its coefficients cost and what picture they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...._base.interruption import checkpoint
from ....container import Box
from ....entropy.estimate import gaussian_bits
from ....entropy.gaussian import MAX_SYMBOL
from ....entropy.scales import LOG_SCALE_MAX, LOG_SCALE_MIN, level_thresholds
from ....networks.glc import GlcNetwork
from ....networks.prior import MIN_QUANT_STEP, PriorParameters, StepVisitor
from ....networks.quadtree import STEPS, merge_quarters, spread_quarters, step_mask
from ...optimising.loss import Distortion, fast_precision
from ...optimising.views import VIEWS
from .annealing import Quantiser

__all__ = ["Block", "Slopes", "prior_parameters"]

_FRACTION_BITS = 24
_SKIPPED_BELOW = float(level_thresholds(_FRACTION_BITS, logarithmic=True)[0]) / 2**_FRACTION_BITS
"""Logarithm of the scale below which a symbol is not coded."""


@dataclass(frozen=True)
class Slopes:
    """What is known of a choice of symbols.

    Attributes
    ----------
    distance, look, bits
        Distortion, distance of features, estimated bits.
    slopes
        Of the distortion and the priced bits of all *other* symbols by each symbol, ``(1, N/4, h, w)`` a coding step.
    deviations
        Standard deviations of the symbols; 0 where none is coded.
    means
        What is added to the symbols.
    """

    distance: float
    look: float
    bits: float
    slopes: list[Tensor]
    deviations: list[Tensor]
    means: list[Tensor]


def prior_parameters(net: GlcNetwork, hyper_indices: NDArray[np.int64], position: float) -> PriorParameters:
    """The first answers of the prior for a tile, in floating point, the quantisation step bounded."""
    with torch.no_grad():
        words = net.z_vq.lookup(torch.from_numpy(hyper_indices)[None].to(net.q_dec.device))
        found = net.prior(words, position)
    return PriorParameters(found.quant_step.clamp_min(MIN_QUANT_STEP), found.scale, found.mean, found.context)


class Block:
    """Coefficients that may move, and all that depends on them.

    Three rectangles of latent positions hold it: those coded together with the block (`coded`, within the tile) and
    those seen together with it (`seen`, within the plane) are both larger than the block where there is more.

    Parameters
    ----------
    net
        The networks.
    position
        Rate position.
    parameters
        Of the prior, for `coded`.
    coded, seen
        Latent positions; the corner of `coded` has the parity of the tile's.
    surroundings
        Dequantised coefficients of `seen`, ``(1, N, h, w)``.
    distortion
        Of the picture of `seen`.
    views
        In how many ways it is looked at in turns.
    """

    def __init__(
        self,
        net: GlcNetwork,
        position: float,
        parameters: PriorParameters,
        coded: Box,
        seen: Box,
        surroundings: Tensor,
        distortion: Distortion,
        views: int = len(VIEWS),
    ) -> None:
        self.net, self.position, self.parameters, self.distortion = net, position, parameters, distortion
        self._turn, self._views = 0, VIEWS[:views]
        self.place = coded.relative_to(seen)
        self.surroundings = surroundings.clone()
        self.surroundings[(..., *self.place.slices)] = 0
        channels = net.config.channels
        device = parameters.mean.device
        self.masks = [step_mask(step, channels, coded.height, coded.width).float().to(device) for step in range(STEPS)]

    def split(self, coefficients: Tensor) -> list[Tensor]:
        """Coefficients ``(1, N, h, w)`` of `coded` in quantisation steps, ``(1, N/4, h, w)`` for each coding step."""
        scaled = coefficients / self.parameters.quant_step
        return [merge_quarters(scaled * mask) for mask in self.masks]

    def join(self, parts: list[Tensor]) -> Tensor:
        """Undo :meth:`split`."""
        spread = [spread_quarters(part, mask) for part, mask in zip(parts, self.masks, strict=True)]
        return torch.stack(spread).sum(0) * self.parameters.quant_step

    def evaluate(self, quantise: Quantiser) -> tuple[Tensor, float, Tensor]:
        """Distortion, distance of features, and bits of what a way of rounding leads to.

        Every time, the picture is looked at in another way.
        """
        y_hat, bits = self.code(quantise)
        picture = self._render(y_hat * self.parameters.quant_step)
        distance, look = self.distortion(picture, self._views[self._turn % len(self._views)])
        self._turn += 1
        return distance, look, bits

    def slopes(self, symbols: list[Tensor], price: float, *, needed: bool = True) -> Slopes:
        """What symbols cost, and how the cost of everything else changes with each of them.

        Parameters
        ----------
        symbols
            Whole numbers, ``(1, N/4, h, w)`` for each coding step.
        price
            Of a bit.
        needed
            Whether the slopes are, which take twice the time of the rest; else they are 0.
        """
        variables = [part.detach().clone().requires_grad_() for part in symbols]
        deviations: list[Tensor] = []
        means: list[Tensor] = []
        own: list[Tensor] = []

        def visit(step: int, mask: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
            mean, deviation, kept = self._step(mask, scale, mean)
            taken = variables[step] * kept
            own.append((gaussian_bits(taken.detach(), deviation) * kept).sum())
            deviations.append(torch.where(kept > 0, deviation.detach(), torch.zeros_like(deviation)))
            means.append(mean.detach())
            return spread_quarters(taken + mean, mask)

        with torch.set_grad_enabled(needed):
            picture = self._render(self._run(visit) * self.parameters.quant_step)
            distance, look = self.distortion(picture)
            bits = torch.stack(own).sum()
            if needed:
                (distance + price * bits).backward()
        gradients = [torch.zeros_like(v) if v.grad is None else v.grad for v in variables]
        return Slopes(float(distance.detach()), look, float(bits.detach()), gradients, deviations, means)

    def _step(self, mask: Tensor, scale: Tensor, mean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Means and standard deviations of the symbols of a step, ``(1, N/4, h, w)``, and 1 where there are any."""
        mean, logarithm = mean.float(), scale.float()
        if not self.net.config.log_scale:
            logarithm = logarithm.clamp_min(1e-6).log()
        mean, logarithm = merge_quarters(mean * mask), merge_quarters(logarithm * mask)
        kept = (logarithm >= _SKIPPED_BELOW).float()
        return mean, logarithm.clamp(LOG_SCALE_MIN, LOG_SCALE_MAX).exp(), kept

    def _run(self, visit: StepVisitor) -> Tensor:
        with fast_precision(self.surroundings.device):
            return self.net.code_steps(self.parameters, visit).float()

    def code(self, quantise: Quantiser) -> tuple[Tensor, Tensor]:
        """Dequantised coefficients in quantisation steps and estimated bits of what a way of rounding leads to."""
        bits: list[Tensor] = []

        def visit(step: int, mask: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
            mean, deviation, kept = self._step(mask, scale, mean)
            symbols = quantise(step, mean).clamp(-MAX_SYMBOL, MAX_SYMBOL) * kept
            bits.append((gaussian_bits(symbols, deviation) * kept).sum())
            return spread_quarters(symbols + mean, mask)

        return self._run(visit), torch.stack(bits).sum()

    def _render(self, y_hat: Tensor) -> Tensor:
        height, width = self.surroundings.shape[2:]
        around = (self.place.left, width - self.place.right, self.place.top, height - self.place.bottom)
        whole = F.pad(y_hat, around) + self.surroundings if any(around) else y_hat
        with fast_precision(whole.device):
            latent = self.net.synthesise_latent(whole, self.position)
            picture = self.net.generate(latent)
        for tensor in (picture, latent, whole):
            if tensor.requires_grad:
                # the way back has no layers that could be watched
                tensor.register_hook(_look_up)
        return picture

    @torch.no_grad()
    def judged(self, y_hat: Tensor) -> tuple[float, float]:
        """Distortion of dequantised coefficients of `coded`, as a decoder shows them, and its distance of features."""
        whole = self.surroundings.clone()
        whole[(..., *self.place.slices)] = y_hat.to(whole.device)
        picture = self.net.generate(self.net.synthesise_latent(whole, self.position))
        shown = picture.add(1).mul(127.5).round().clamp(0, 255).div(127.5).sub(1)
        distance, look = self.distortion(shown)
        return float(distance), look


def _look_up(gradient: Tensor) -> None:
    checkpoint()
