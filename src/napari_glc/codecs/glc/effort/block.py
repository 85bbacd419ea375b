"""One block of a tile as an optimisation problem: what its coefficients cost and what picture they make."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ...._base.interruption import checkpoint
from ....container import Box
from ....entropy.estimate import gaussian_bits
from ....entropy.gaussian import MAX_SYMBOL
from ....entropy.scales import LOG_SCALE_MAX, LOG_SCALE_MIN, level_thresholds
from ....metrics.views import VIEWS
from ....networks.glc import GlcNetwork
from ....networks.narrow_floats import narrow_convolutions, narrow_is_fast
from ....networks.prior import MIN_QUANT_STEP, PriorParameters, StepVisitor
from ....networks.quadtree import STEPS, step_mask
from ...optimising.annealing import Rounding
from ...optimising.loss import Distortion, fast_precision, in_eight_bits

__all__ = ["Block", "Slopes", "prior_parameters"]

_CELL = 4
"""Latent positions of a hyper index in each direction."""
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
        Of the distortion and the priced bits of all *other* symbols by each symbol, ``(h w N/4,)`` a coding step.
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
    return _bounded(found)


def _bounded(found: PriorParameters) -> PriorParameters:
    step, *others = (x.float() for x in (found.quant_step, found.scale, found.mean, found.context))
    return PriorParameters(step.clamp_min(MIN_QUANT_STEP), *others)


class Block:
    """Coefficients that may move, and all that depends on them.

    Three rectangles of latent positions hold it: those coded together with the block (`coded`, within the tile) and
    those seen together with it (`seen`, within the plane) are both larger than the block where there is more.

    Coefficients, and what is known of each, are kept as they lie in the stream: a flat tensor ``(h w N/4,)`` for each
    of the four coding steps, in the quantisation steps of the parameters the block began with.

    Parameters
    ----------
    net
        The networks.
    paint
        The generator as decoders have it.
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
        paint: nn.Module,
        position: float,
        parameters: PriorParameters,
        coded: Box,
        seen: Box,
        surroundings: Tensor,
        distortion: Distortion,
        views: int = len(VIEWS),
    ) -> None:
        self.net, self.paint, self.position, self.distortion = net, paint, position, distortion
        self.parameters = parameters
        self._narrow = _narrow(net)
        self.channels = net.config.channels // STEPS
        self._turn, self._views = 0, VIEWS[:views]
        self.place = coded.relative_to(seen)
        self.surroundings = surroundings.clone(memory_format=torch.channels_last)
        self.surroundings[(..., *self.place.slices)] = 0
        self._shape = coded.height, coded.width, net.config.channels
        masks = [step_mask(step, net.config.channels, coded.height, coded.width) for step in range(STEPS)]
        self._places = [_flat(mask[None]).nonzero()[:, 0].to(parameters.mean.device) for mask in masks]
        self._steps = _flat(parameters.quant_step)
        self._finer: Tensor | None = None

    def expect(self, parameters: PriorParameters) -> None:
        """Go on with other parameters of the prior; coefficients stay what they are."""
        self.parameters = parameters
        self._finer = self._steps / _flat(parameters.quant_step)

    @torch.no_grad()
    def cells(self, parts: Sequence[Tensor], indices: NDArray[np.int64], price: float) -> Tensor:
        """What coefficients cost in each cell ``(h/4, w/4)`` of a hyper index, were the indices these.

        Only differences mean anything. The parameters of the prior are those of these indices afterwards, in half the
        digits.
        """
        words = self.net.z_vq.lookup(torch.from_numpy(indices)[None].to(self.surroundings.device))
        with fast_precision(self.surroundings.device):
            self.expect(_bounded(self._narrow.prior(words, self.position)))
        y_hat, coded = self._coded(parts, torch.round)
        height, width, _ = self._shape
        bits = torch.zeros(height * width, device=y_hat.device)
        for kept, own in coded:
            bits.index_add_(0, kept // self.channels, own)
        rows, columns = (side // _CELL for side in self.surroundings.shape[2:])
        seen = self.distortion.cells(self._render(y_hat), rows, columns)
        top, left = self.place.top // _CELL, self.place.left // _CELL
        inner = seen[top : top + height // _CELL, left : left + width // _CELL]
        return inner + price * bits.view(height // _CELL, _CELL, width // _CELL, _CELL).sum((1, 3))

    def _residuals(self, parts: Sequence[Tensor], step: int, mean: Tensor, kept: Tensor) -> Tensor:
        """What of the coefficients of a step is to be coded, given the means and which of them are."""
        scaled = parts[step]
        if self._finer is not None:
            scaled = scaled * self._finer.index_select(0, self._places[step])
        return (scaled - mean).index_select(0, kept)

    def split(self, coefficients: Tensor) -> list[Tensor]:
        """Coefficients ``(1, N, h, w)`` of `coded` as they are kept here."""
        scaled = _flat(coefficients) / self._steps
        return [scaled.index_select(0, places) for places in self._places]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Undo :meth:`split`."""
        scaled = torch.zeros_like(self._steps)
        for part, places in zip(parts, self._places, strict=True):
            scaled[places] = part
        return self._plane(scaled * self._steps)

    def _plane(self, flat: Tensor) -> Tensor:
        return flat.view(1, *self._shape).permute(0, 3, 1, 2)

    def evaluate(self, parts: Sequence[Tensor], rounding: Rounding) -> tuple[Tensor, float, Tensor]:
        """Distortion, distance of features, and bits of what a way of rounding leads to.

        Every time, the picture is looked at in another way.
        """
        y_hat, bits = self.code(parts, rounding)
        picture = self._render(y_hat)
        distance, look = self.distortion(picture, self._views[self._turn % len(self._views)])
        self._turn += 1
        return distance, look, bits

    @torch.no_grad()
    def nearest(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """Symbols of coefficients, 0 where none is coded."""
        symbols: list[Tensor] = []

        def visit(step: int, mask: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
            mean, _, kept = self._step(step, scale, mean)
            residual = self._residuals(parts, step, mean, kept)
            symbols.append(torch.zeros_like(mean).index_copy(0, kept, residual.round()))
            return self._spread(step, mean + symbols[step])

        self._run(visit)
        return symbols

    def slopes(self, symbols: list[Tensor], price: float, *, needed: bool = True) -> Slopes:
        """What symbols cost, and how the cost of everything else changes with each of them.

        Parameters
        ----------
        symbols
            Whole numbers, as coefficients are kept.
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
            mean, deviation, kept = self._step(step, scale, mean)
            taken, deviation = variables[step].index_select(0, kept), deviation.index_select(0, kept)
            own.append(gaussian_bits(taken.detach(), deviation).sum())
            deviations.append(torch.zeros_like(mean).index_copy(0, kept, deviation).detach())
            means.append(mean.detach())
            return self._spread(step, mean.index_add(0, kept, taken))

        with torch.set_grad_enabled(needed):
            picture = self._render(self._dequantised(self._run(visit)))
            distance, look = self.distortion(picture)
            bits = torch.stack(own).sum()
            if needed:
                (distance + price * bits).backward()
        gradients = [torch.zeros_like(v) if v.grad is None else v.grad for v in variables]
        return Slopes(float(distance.detach()), look, float(bits.detach()), gradients, deviations, means)

    def _step(self, step: int, scale: Tensor, mean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Means and standard deviations ``(h w N/4,)`` of the symbols of a step, and the numbers of those coded."""
        mean, logarithm = (_flat(x).index_select(0, self._places[step]).float() for x in (mean, scale))
        if not self.net.config.log_scale:
            logarithm = logarithm.clamp_min(1e-6).log()
        kept = (logarithm.detach() >= _SKIPPED_BELOW).nonzero()[:, 0]
        return mean, logarithm.clamp(LOG_SCALE_MIN, LOG_SCALE_MAX).exp(), kept

    def _spread(self, step: int, dense: Tensor) -> Tensor:
        nothing = torch.zeros_like(self._steps)
        return self._plane(nothing.index_copy(0, self._places[step], dense))

    def _run(self, visit: StepVisitor) -> Tensor:
        with fast_precision(self.surroundings.device):
            return self._narrow.code_steps(self.parameters, visit).float()

    def _dequantised(self, y_hat: Tensor) -> Tensor:
        return y_hat * self.parameters.quant_step

    def code(self, parts: Sequence[Tensor], rounding: Rounding) -> tuple[Tensor, Tensor]:
        """Dequantised coefficients ``(1, N, h, w)`` and estimated bits of what a way of rounding leads to."""
        y_hat, coded = self._coded(parts, rounding)
        return y_hat, torch.stack([bits.sum() for _, bits in coded]).sum()

    def _coded(self, parts: Sequence[Tensor], rounding: Rounding) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """The same, bits with the numbers of the coefficients they are spent on, for each step."""
        coded: list[tuple[Tensor, Tensor]] = []

        def visit(step: int, mask: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
            mean, deviation, kept = self._step(step, scale, mean)
            symbols = rounding(self._residuals(parts, step, mean, kept)).clamp(-MAX_SYMBOL, MAX_SYMBOL)
            coded.append((kept, gaussian_bits(symbols, deviation.index_select(0, kept))))
            return self._spread(step, mean.index_add(0, kept, symbols))

        return self._dequantised(self._run(visit)), coded

    def _render(self, y_hat: Tensor) -> Tensor:
        height, width = self.surroundings.shape[2:]
        around = (self.place.left, width - self.place.right, self.place.top, height - self.place.bottom)
        whole = F.pad(y_hat, around) + self.surroundings if any(around) else y_hat
        if not torch.is_grad_enabled():
            picture: Tensor = self.paint(self.net.synthesise_latent(whole, self.position))
            return picture
        with fast_precision(whole.device):
            latent = self._narrow.synthesise_latent(whole, self.position)
            picture = self._narrow.generate(latent)
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
        picture = self.paint(self.net.synthesise_latent(whole, self.position))
        distance, look = self.distortion(in_eight_bits(picture))
        return float(distance), look


def _flat(plane: Tensor) -> Tensor:
    """``(1, C, h, w)`` to ``(h w C,)``, without a copy where channels are last in memory."""
    return plane.permute(0, 2, 3, 1).reshape(-1)


_narrowed: WeakKeyDictionary[GlcNetwork, GlcNetwork] = WeakKeyDictionary()


def _narrow(net: GlcNetwork) -> GlcNetwork:
    """The networks with convolutions in bfloat16 where that is fast, so that weights are not converted every time."""
    if not narrow_is_fast(net.q_dec.device):
        return net
    if net not in _narrowed:
        # what only an encoder has is not needed twice
        shared = (net.enc, net.hyper_enc, net.vqgan.encoder, net.vqgan.quantize, net.z_vq)
        copied = copy.deepcopy(net, {id(module): module for module in shared})
        priors = [module for name, module in copied.named_children() if "prior" in name]
        narrow_convolutions(copied.dec, copied.vqgan.generator, copied.hyper_dec, *priors)
        _narrowed[net] = copied
    return _narrowed[net]


def _look_up(gradient: Tensor) -> None:
    checkpoint()
