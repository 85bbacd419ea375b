"""Functions whose networks come with the model: a file holds grids alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...networks.function import FunctionNetwork, doubled
from .descent import Descent, Distributions
from .fit import Fit, Function, one_thread, weight_pyramid
from .function import LOG_SCALES, laplace_bits
from .grid_coder import Symbols
from .layout import GRIDS, PLACES, place_of, trade_off
from .shared_coder import SharedModel, rounded_weights

__all__ = ["SharedFunctions", "descent_under", "function_under", "spread"]


def spread(net: FunctionNetwork) -> list[float]:
    """Of each grid: squared sum of what a value of one in it adds to the sum of all grids at full resolution."""
    found = []
    with torch.inference_mode(False), torch.no_grad():
        for grid in range(GRIDS):
            x = torch.zeros(1, 1, 9, 9)
            x[0, 0, 4, 4] = 1
            for k in reversed(range(grid)):
                x = doubled(x, net.synthesis.kernel[k], 2 * x.shape[2], 2 * x.shape[3])
            found.append(float(x.square().sum()))
    return found


def function_under(net: FunctionNetwork, position: Tensor) -> Function:
    """What grids are under networks, at a position on the range of rates, 0 to 1, ``(1,)``."""

    def function(grids: Sequence[Tensor]) -> tuple[Tensor, Distributions]:
        told = [(mean, torch.exp2(-scale.clamp(*LOG_SCALES))) for mean, scale in net.model(grids, position)]
        return net.synthesis(grids, position), told

    return function


def descent_under(
    net: FunctionNetwork,
    spread: Sequence[float],
    latent: Tensor,
    position: Tensor,
    grids: Sequence[Tensor],
    worth: float,
    weight: Tensor | None = None,
) -> Descent:
    """A descent over the grids of a latent, the networks as they are.

    Parameters
    ----------
    net, spread
        The networks, and :func:`spread` of them.
    latent
        ``(1, C, h, w)``.
    position
        On the range of rates, 0 to 1, ``(1,)``.
    grids
        To begin with.
    worth
        Squared error a bit is worth.
    weight
        Of the squared errors, ``(h, w)``; ``None`` for ones.
    """
    function = function_under(net, position)

    def evaluate(grids: Sequence[Tensor]) -> tuple[Tensor, Distributions]:
        made, told = function(grids)
        square = (made - latent).square()
        return (square if weight is None else square * weight).sum(), told

    with torch.no_grad():
        squares = net.synthesis.steps(position)[0].square()
        curvature = [squares[k][:, None, None] * spread[k] for k in range(GRIDS)]
        if weight is not None:
            curvature = [bend * each for bend, each in zip(curvature, weight_pyramid(weight), strict=True)]
    return Descent(grids, lambda: curvature, evaluate, worth)


class SharedFunctions:
    """Fits, writes and reads functions under a model's networks.

    Parameters
    ----------
    net
        The networks; the weights of the autoregressive model are rounded to what the coder takes them for.
    """

    def __init__(self, net: FunctionNetwork) -> None:
        rounded_weights(net.model)
        self.net = net
        self._spread = spread(net)

    def begin(
        self,
        latent: NDArray[np.float32],
        quality: float,
        weights: NDArray[np.float32] | None = None,
        start: Sequence[Tensor] | None = None,
    ) -> Fit:
        """A function to be fitted to a latent; it is a guess, or `start`, whichever is better.

        Parameters
        ----------
        latent
            ``(C, h, w)``, of about unit variance.
        quality
            0 to 100.
        weights
            Of the squared errors, ``(h, w)``; ``None`` for ones.
        start
            Grids of the same latent at another quality, in units of this one's steps.
        """
        with one_thread():
            target = torch.tensor(latent)[None]
            position = torch.tensor([place_of(quality) / PLACES])
            weight = None if weights is None else torch.tensor(weights)
            with torch.no_grad():
                guess, _ = self.net.guessed(target, position, lambda _, values: values.round())
            descent = descent_under(self.net, self._spread, target, position, guess, trade_off(quality), weight)
            if start is not None:
                descent.offer(start)
            step = self.net.synthesis.steps(position)[0, 0].detach()[:, None, None]
        function = function_under(self.net, position)
        return Fit(descent, lambda symbols: self._model(quality).write(symbols), function, target, step)

    def rescaled(self, grids: Sequence[Tensor], quality: float, wanted: float) -> list[Tensor]:
        """Grids of a quality in the steps of another."""
        with torch.inference_mode(False), torch.no_grad():
            old, new = (self.net.synthesis.steps(torch.tensor([place_of(q) / PLACES]))[0] for q in (quality, wanted))
            return [(grid * (old / new)[k][:, None, None]).round() for k, grid in enumerate(grids)]

    def read(self, payload: bytes, quality: float, height: int, width: int) -> Symbols:
        """Grids of a payload; see :meth:`~napari_glc.codecs.clric.shared_coder.SharedModel.read`."""
        return self._model(quality).read(payload, height, width)

    @torch.inference_mode()
    def latent(self, symbols: Symbols, quality: float) -> Tensor:
        """The latent ``(C, h, w)`` that grids make."""
        grids = [torch.from_numpy(grid.astype(np.float32))[None] for grid in symbols]
        made: Tensor = self.net.synthesis(grids, torch.tensor([place_of(quality) / PLACES]))[0]
        return made

    @torch.inference_mode()
    def bits(self, symbols: Symbols, quality: float) -> list[NDArray[np.float64]]:
        """Estimated bits of each value of each grid."""
        grids = [torch.from_numpy(grid.astype(np.float32))[None] for grid in symbols]
        told = self.net.model(grids, torch.tensor([place_of(quality) / PLACES]))
        return [
            laplace_bits((grid - mean).abs(), torch.exp2(-scale.clamp(*LOG_SCALES)))[0].double().numpy()
            for grid, (mean, scale) in zip(grids, told, strict=True)
        ]

    def _model(self, quality: float) -> SharedModel:
        return SharedModel(self.net.model, place_of(quality))
