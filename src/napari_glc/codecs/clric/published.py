"""Functions as published: a file holds grids and all networks. The tiles of a plane share their networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...entropy.laplace import LEAST, MOST
from ...errors import DamagedFileError
from ...networks.function import doubled
from .descent import Descent, Distributions, Evaluate
from .fit import Fit, Function, one_thread, weight_pyramid
from .function import TorchParameters, as_tensors, distributions, laplace_bits, latent_of, upsampled
from .grid_coder import Symbols, read_grids, write_grids
from .layout import GRIDS, Parameters, grid_sizes, parts, start_parameters, trade_off
from .stated import FINEST, Stated, read_parameters

__all__ = ["PublishedFunctions"]

_RATE = 0.01
"""Of Adam, for parameters."""
_STATED_AFTER = (60, 240, 960)
"""Iterations after which, and at the end, networks are stated. The best ones are taken: what is gained before they are
rounded may be lost then, above all where few bytes are to be spent."""
_USUAL = {"arm_weight": 5, "arm_bias": 4, "gain": 4, "kernel": 6, "mix_weight": 5, "mix_bias": 4}
"""How fine the parts mostly are stated, in binary digits."""


class PublishedFunctions:
    """Fits, writes and reads functions whose networks are sent.

    Parameters
    ----------
    channels
        Of the latent.
    """

    def __init__(self, channels: int) -> None:
        self.channels = channels

    def fit_networks(
        self,
        latents: Sequence[NDArray[np.float32]],
        quality: float,
        iterations: int,
        step: Callable[[int, int], None],
        start: tuple[Parameters, Sequence[Sequence[Tensor]]] | None = None,
    ) -> tuple[bytes, list[list[Tensor]]]:
        """Networks for some tiles of a plane, as a file states them, and the grids of these tiles.

        Parameters
        ----------
        latents
            Of the tiles, ``(C, h, w)`` each.
        quality
            0 to 100.
        iterations
            Of the descent over grids and parameters.
        step
            Called with iterations done and in all; whatever it raises stops the work.
        start
            Parameters and the grids of each tile to go on from, from :meth:`moved`; ``None`` to begin anew.
        """
        with one_thread():
            targets = [torch.tensor(latent) for latent in latents]
            parameters = as_tensors(start_parameters(self.channels, quality) if start is None else start[0])
            for tensor in parameters.values():
                tensor.requires_grad_(True)
            if start is None:
                starts = [grid[None] for target in targets for grid in _pyramid(target, parameters)]
            else:
                starts = [grid for grids in start[1] for grid in grids]
            worth = trade_off(quality)
            begin = as_tensors(start_parameters(self.channels, quality))
            evaluate = _with_parameters(_evaluation(targets, parameters), parameters, begin, worth)
            curvature = _curvature(parameters, len(targets))
            descent = Descent(starts, curvature, evaluate, worth, list(parameters.values()), _RATE)
            found: list[tuple[float, Stated, list[Tensor]]] = []
            done = 0
            for end in [*(length for length in _STATED_AFTER if length < iterations), iterations]:
                descent.run(end - done, _from(step, done, iterations))
                with torch.no_grad():
                    stated, cost = self._stated(descent.grids, parameters, targets, worth, quality)
                found.append((cost, stated, descent.grids))
                descent.reprice(worth)
                done = end
            _, stated, grids = min(found, key=lambda one: one[0])
            tiles = [grids[tile * GRIDS : (tile + 1) * GRIDS] for tile in range(len(targets))]
            return stated.pack(self.channels), tiles

    def moved(
        self, networks: bytes, grids: Sequence[Sequence[Tensor]], quality: float, wanted: float
    ) -> tuple[Parameters, list[list[Tensor]]]:
        """Networks and grids of a quality as a start at another, where steps are finer or coarser."""
        stated, _ = read_parameters(networks, self.channels)
        before, now = (stated.parameters(self.channels, q) for q in (quality, wanted))
        factors = np.exp2(before["gain"] - now["gain"])[:GRIDS].tolist()
        return now, [[(grid * f).round() for grid, f in zip(tile, factors, strict=True)] for tile in grids]

    def begin(
        self,
        latent: NDArray[np.float32],
        quality: float,
        networks: bytes,
        weights: NDArray[np.float32] | None = None,
        start: Sequence[Tensor] | None = None,
    ) -> Fit:
        """A function to be fitted to a latent, under networks that are stated already.

        Parameters
        ----------
        latent
            ``(C, h, w)``, of about unit variance.
        quality
            0 to 100.
        networks
            From :meth:`fit_networks`.
        weights
            Of the squared errors, ``(h, w)``; ``None`` for ones.
        start
            Grids from :meth:`fit_networks`, if the tile was among those.
        """
        with one_thread():
            stated = self._parameters(networks, quality)
            parameters = as_tensors(stated)
            target = torch.tensor(latent)
            weight = None if weights is None else torch.tensor(weights)
            with torch.no_grad():
                starts = [*([] if start is None else [start]), *self._starts(target, parameters)]
            evaluate = _evaluation([target], parameters, weight)
            descent = Descent(starts[0], _curvature(parameters, 1, weight), evaluate, trade_off(quality))
            for other in starts[1:]:
                descent.offer(other)
            gain = parameters["gain"].exp2()
            step = (gain[0] * gain[GRIDS:])[:, None, None]
        return Fit(descent, lambda symbols: write_grids(symbols, stated), _function(parameters), target[None], step)

    @staticmethod
    def _starts(target: Tensor, parameters: TorchParameters) -> list[Sequence[Tensor]]:
        """Pyramids that keep more or less, and nothing at all: networks expect few values at low qualities."""
        pyramids = [[grid[None] for grid in _pyramid(target, parameters, least)] for least in (0.2, 0.6, 1.2)]
        return [*pyramids, [torch.zeros_like(grid) for grid in pyramids[0]]]

    def read(self, payload: bytes, networks: bytes, quality: float, height: int, width: int) -> Symbols:
        """Grids of a payload; see :func:`~napari_glc.codecs.clric.grid_coder.read_grids`."""
        return read_grids(payload, self._parameters(networks, quality), self.channels, height, width)

    @torch.inference_mode()
    def latent(self, symbols: Symbols, networks: bytes, quality: float) -> Tensor:
        """The latent ``(C, h, w)`` that grids make."""
        grids = [torch.from_numpy(grid.astype(np.float32)) for grid in symbols]
        return latent_of(grids, as_tensors(self._parameters(networks, quality)))

    @torch.inference_mode()
    def bits(self, symbols: Symbols, networks: bytes, quality: float) -> list[NDArray[np.float64]]:
        """Estimated bits of each value of each grid."""
        grids = [torch.from_numpy(grid.astype(np.float32)) for grid in symbols]
        told = distributions(grids, as_tensors(self._parameters(networks, quality)))
        return [
            laplace_bits((grid - mean).abs(), rate).double().numpy()
            for grid, (mean, rate) in zip(grids, told, strict=True)
        ]

    def _parameters(self, networks: bytes, quality: float) -> Parameters:
        stated, size = read_parameters(networks, self.channels)
        if size != len(networks):
            raise DamagedFileError("the networks of a plane are followed by something else")
        return stated.parameters(self.channels, quality)

    def _stated(
        self, grids: Sequence[Tensor], parameters: TorchParameters, targets: list[Tensor], worth: float, quality: float
    ) -> tuple[Stated, float]:
        """Choose the step of each part: what it adds to error and bits of the grids, and what it takes itself.

        Also what all of that comes to.
        """
        exact: Parameters = {name: tensor.detach().numpy().astype(np.float64) for name, tensor in parameters.items()}
        digits = {part.name: FINEST for part in parts(self.channels)}

        def stated(choice: dict[str, int]) -> Stated:
            return Stated.rounded(exact, choice, self.channels, quality)

        def cost(choice: dict[str, int]) -> float:
            found = stated(choice)
            error, told = _evaluation(targets, as_tensors(found.parameters(self.channels, quality)))(grids)
            own = sum(float(laplace_bits((g - m).abs(), r).sum()) for g, (m, r) in zip(grids, told, strict=True))
            return float(error) + worth * (own + sum(found.bits(name) for name in choice))

        for name in digits:
            costs = {fine: cost(digits | {name: fine}) for fine in range(FINEST + 1)}
            digits[name] = min(costs, key=lambda fine: costs[fine])
            least = costs[digits[name]]
        return stated(digits), least


def _from(step: Callable[[int, int], None], done: int, total: int) -> Callable[[int, int], None]:
    """Progress of a part as that of the whole."""
    return lambda part, _: step(done + part, total)


def _function(parameters: TorchParameters) -> Function:
    """What the grids of a tile are under parameters."""

    def function(grids: Sequence[Tensor]) -> tuple[Tensor, Distributions]:
        own = [grid[0] for grid in grids]
        told = [(mean[None], rate[None]) for mean, rate in distributions(own, parameters)]
        return latent_of(own, parameters)[None], told

    return function


def _evaluation(
    targets: Sequence[Tensor], parameters: TorchParameters, weight: Tensor | None = None
) -> Callable[[Sequence[Tensor]], tuple[Tensor, Distributions]]:
    """Of the grids of some tiles, one tile after the other."""
    function = _function(parameters)

    def evaluate(grids: Sequence[Tensor]) -> tuple[Tensor, Distributions]:
        error = torch.zeros(())
        told: list[tuple[Tensor, Tensor]] = []
        for tile, target in enumerate(targets):
            made, of_tile = function(grids[tile * GRIDS : (tile + 1) * GRIDS])
            square = (made[0] - target).square()
            error = error + (square if weight is None else square * weight).sum()
            told += of_tile
        return error, told

    return evaluate


def _with_parameters(evaluate: Evaluate, parameters: TorchParameters, begin: TorchParameters, worth: float) -> Evaluate:
    """The same with what the parameters' own bits are worth, so that they move only where that pays.

    About: an exp-Golomb code of n takes ``1 + 2 log2(1 + n)`` bits, and steps are chosen in the end.
    """

    def with_parameters(grids: Sequence[Tensor]) -> tuple[Tensor, Distributions]:
        error, told = evaluate(grids)
        moved = [(parameters[name] - begin[name]).abs() * 2.0**fine for name, fine in _USUAL.items()]
        return error + worth * 2 * torch.log2(1 + torch.cat(moved)).sum(), told

    return with_parameters


def _curvature(parameters: TorchParameters, tiles: int, weight: Tensor | None = None) -> Callable[[], list[Tensor]]:
    """What a change by one adds to the squared error in itself, with the mixing layers left out."""
    spread = _spread(parameters["kernel"].detach())
    weights = [torch.ones(())] * GRIDS if weight is None else weight_pyramid(weight)

    def curvature() -> list[Tensor]:
        gain = parameters["gain"].detach().exp2().square()
        return [gain[k] * gain[GRIDS:, None, None] * spread[k] * weights[k] for k in range(GRIDS)] * tiles

    return curvature


def _spread(taps: Tensor) -> list[float]:
    x, found = torch.zeros(1, 1, 9, 9), []
    x[0, 0, 4, 4] = 1
    for _ in range(GRIDS):
        found.append(float(x.square().sum()))
        x = doubled(x, taps, 2 * x.shape[2], 2 * x.shape[3])
    return found


@torch.no_grad()
def _pyramid(target: Tensor, parameters: TorchParameters, least: float = 0.2) -> list[Tensor]:
    """Each grid holds what the coarser ones leave of the latent at its resolution, less a little, rounded."""
    sizes = grid_sizes(*target.shape[1:])
    levels = [target]
    for rows, columns in sizes[1:]:
        above = levels[-1]
        padded = F.pad(above[None], (0, 2 * columns - above.shape[2], 0, 2 * rows - above.shape[1]), mode="replicate")
        levels.append(F.avg_pool2d(padded, 2)[0])
    gain = parameters["gain"].exp2()
    total = torch.zeros_like(levels[-1])
    grids: list[Tensor] = []
    for k in reversed(range(GRIDS)):
        if k < GRIDS - 1:
            total = upsampled(total, parameters["kernel"], *sizes[k])
        wanted = (levels[k] - total) / gain[k]
        # small values cost more than they are worth
        kept = (wanted.sign() * (wanted.abs() - least).clamp(min=0)).round().clamp(LEAST, MOST)
        grids.insert(0, kept)
        total = total + gain[k] * kept
    return grids
