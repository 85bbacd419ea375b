"""A plane at one quality after the other: a fit of a near quality is a second start.

Grids at neighbouring qualities differ little but for their steps, so a fit that begins with them needs few iterations
and may end lower than one from the guess. It need not: where a descent ends is chance. So a step is fitted from nothing
too, and what costs less is taken: no step is worse for those before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..._base.progress import Progress, no_progress, part_of
from ..base import CodedStep, Encoded, Plane, PlaneCoding
from ..blocks import BlockOutputs
from ..options import CodecOptions
from .encoding import Coder, Encoding, sampled_tiles
from .fit import ITERATIONS, Fitted
from .grid_coder import Symbols
from .layout import trade_off
from .looking import looks_of

__all__ = ["ClricAnalysis", "explored_step", "grid_bits", "position_bits"]

_PART = 4
"""A step has that part of the iterations of an encoding: five points of a curve take those of little more than one."""
_NEAR = 6.0
"""How far apart qualities may be for a fit of one to be a start at the other: farther ones never win."""
_SECOND = 4
"""From a fit of another quality it takes that part of the iterations of a step."""
_KEPT = 32
"""Fits that are kept."""


class ClricAnalysis(BlockOutputs):
    """Latents of the blocks of a plane, and the fits of steps made with them."""

    _fits: dict[tuple[CodecOptions, float], Fitted] | None = None

    def nearest(self, coding: PlaneCoding) -> Fitted | None:
        """The fit of the nearest quality under the same options, if there is any."""
        fits = [fit for (options, _), fit in (self._fits or {}).items() if options == coding.options]
        return min(fits, key=lambda fit: abs(fit.quality - coding.quality), default=None)

    def keep(self, coding: PlaneCoding, fit: Fitted) -> None:
        """Keep a fit; the oldest one goes if there are many."""
        fits = self._fits = self._fits or {}
        fits[coding.options, fit.quality] = fit
        if len(fits) > _KEPT:
            del fits[next(iter(fits))]


def explored_step(
    codec: Coder, plane: Plane, coding: PlaneCoding, analysed: ClricAnalysis, progress: Progress
) -> CodedStep:
    """The plane at a quality, fitted for a part of what encoding takes; a quality seen before is not fitted again.

    Parameters
    ----------
    codec
        The codec.
    plane, coding, progress
        See :meth:`~napari_glc.codecs.base.RateSteps.step`.
    analysed
        Of the plane; it keeps the fit.
    """
    known = analysed.nearest(coding)
    iterations = ITERATIONS[coding.effort] // _PART
    looks = looks_of(coding.options) // _PART
    looking = part_of(progress, 1, 3, 4)
    if looks:
        progress = part_of(progress, 0, 1, 4)
    work = partial(_attempt, codec, plane, coding, analysed, looks)
    if known is not None and known.quality == coding.quality:
        found = work(known, 0, progress)
    elif known is not None and abs(known.quality - coding.quality) <= _NEAR:
        anew = work(None, iterations, part_of(progress, 0, _SECOND, 1 + _SECOND))
        onwards = work(known, iterations // _SECOND, part_of(progress, _SECOND, 1, 1 + _SECOND))
        found = min(anew, onwards, key=lambda attempt: attempt.cost)
    else:
        found = work(None, iterations, progress)
    fits = found.encoding.fits
    if known is not None and known.quality == coding.quality:
        for tile, fit in enumerate(fits):
            fit.take(known.seen[tile])
    else:
        found.encoding.look(looking)
    seen = {tile: fit.grids for tile, fit in enumerate(fits)}
    analysed.keep(coding, replace(found.fitted, seen=seen))
    coding = replace(coding, plane_stream=found.fitted.networks)
    bits = partial(position_bits, codec, coding, [fit.symbols for fit in fits])
    encoded = Encoded(coding.options, [fit.payload for fit in fits])
    return CodedStep(encoded, found.encoding.picture(), bits, coding.plane_stream)


@dataclass(frozen=True, eq=False)
class _Attempt:
    """A fit of a plane, and what it comes to: error plus what its bytes are worth."""

    encoding: Encoding
    fitted: Fitted
    cost: float


def _attempt(
    codec: Coder,
    plane: Plane,
    coding: PlaneCoding,
    analysed: ClricAnalysis,
    looks: int,
    known: Fitted | None,
    iterations: int,
    progress: Progress,
) -> _Attempt:
    """Fit a plane from nothing, or from what is known of some quality."""
    shared = codec.shared_for(coding)
    networks, own = b"", progress
    starts: Mapping[int, Sequence[Tensor]] = {}
    if known is not None:
        networks, starts = known.networks, known.grids
        if shared is not None:
            before, now = known.quality, coding.quality
            starts = {tile: shared.rescaled(grids, before, now) for tile, grids in known.grids.items()}
    if shared is None and (known is None or known.quality != coding.quality):
        first, own = part_of(progress, 0, 1, 2), part_of(progress, 1, 1, 2)
        networks, starts = _networks(codec, plane, coding, analysed, known, iterations, first)
    coding = replace(coding, plane_stream=networks)
    encoding = Encoding(codec, plane, coding, own, None, analysed, starts, iterations, looks)
    fits = encoding.run()
    grids = {tile: fit.grids for tile, fit in enumerate(fits)}
    fitted = Fitted(coding.quality, networks, grids, grids)
    size = len(networks) + sum(len(fit.payload) for fit in fits)
    return _Attempt(encoding, fitted, sum(fit.error for fit in fits) + trade_off(coding.quality) * 8 * size)


def position_bits(codec: Coder, coding: PlaneCoding, tiles: Sequence[Symbols]) -> NDArray[np.float64]:
    """Estimated bits at each latent position ``(h, w)``: those of coarser grids are spread over what they serve."""
    area = codec.area(coding.grid.plane)
    total = np.zeros((area.height, area.width))
    for box, symbols in zip(coding.grid, tiles, strict=True):
        size = symbols[0].shape[1:]
        for k, bits in enumerate(grid_bits(codec, coding, symbols)):
            total[codec.area(box).slices] += _spread(bits, 1 << k, *size)
    return total


def grid_bits(codec: Coder, coding: PlaneCoding, symbols: Symbols) -> list[NDArray[np.float64]]:
    """Estimated bits of each value of each grid of a tile."""
    shared = codec.shared_for(coding)
    if shared is None:
        return codec.published.bits(symbols, coding.plane_stream, coding.quality)
    return shared.bits(symbols, coding.quality)


def _spread(bits: NDArray[np.float64], cell: int, height: int, width: int) -> NDArray[np.float64]:
    """Sums over the channels of ``(C, rows, columns)``, each shared evenly by its `cell` x `cell` positions."""
    rows, columns = np.arange(height) // cell, np.arange(width) // cell
    shared_by = np.outer(np.bincount(rows)[rows], np.bincount(columns)[columns])
    spread: NDArray[np.float64] = bits.sum(0)[np.ix_(rows, columns)] / shared_by
    return spread


def _networks(
    codec: Coder,
    plane: Plane,
    coding: PlaneCoding,
    analysed: ClricAnalysis,
    known: Fitted | None,
    iterations: int,
    progress: Progress,
) -> tuple[bytes, Mapping[int, Sequence[Tensor]]]:
    """Networks of a plane and the grids of the tiles they were fitted to, from those at another quality if known."""
    chosen = sampled_tiles(coding.grid)
    latents = codec.latents(plane, coding.grid, no_progress, None, analysed)
    start = None
    if known is not None:
        start = codec.published.moved(
            known.networks, [known.grids[tile] for tile in chosen], known.quality, coding.quality
        )
    networks, grids = codec.published.fit_networks(
        [latents[tile] for tile in chosen], coding.quality, iterations // len(chosen), progress, start
    )
    return networks, dict(zip(chosen, grids, strict=True))
