"""Lose part of an index map, recover it, and measure what that cost.

::

    MapSource --LossPlan--> lost positions --fill_map--> complete map --render--> picture --> RecoveryResult

Everything here is drawn from the plan's seed: the same plan gives the same result as
:func:`~napari_glc.recovery.lost_positions`, the recovery of the method and the codec's rendering called by hand.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ... import recovery
from ..._base.progress import Progress, no_progress
from ...codecs.index_mapped import RECOVERY_METHODS, IndexMap
from ...errors import OptionError
from ...metrics import Fidelity, compare, psnr
from .plan import PATTERNS, LossPlan, lost_by, positions_of_mask
from .source import MapSource, Pixels

__all__ = [
    "PATTERNS",
    "LossPlan",
    "RecoveryResult",
    "SweepPoint",
    "lost_by",
    "positions_of_mask",
    "simulate",
    "sweep",
]

LIVE_SECONDS = 0.25
"""Least time between two intermediate pictures."""
_LIVE_SHARE = 3
"""Pause between two intermediate pictures, in times it took to make one: most of the time goes to the work itself."""


@dataclass(frozen=True)
class RecoveryResult:
    """A loss and its recovery.

    Attributes
    ----------
    plan
        What was asked for.
    lost
        Lost positions ``(H, W)``, those a file had lost before included.
    indices
        The completed map ``(H, W)``.
    before
        Picture with lost indices as mid-grey; uint8, ``(Y, X)`` or ``(Y, X, 3)``, as the next two.
    after
        Picture of the completed map.
    undamaged
        Picture of the map before the loss; ``None`` if a file had lost part of it already.
    accuracy
        Share of the lost indices that came back exactly, 0 to 1; NaN where the truth is not known.
    to_original, to_undamaged
        PSNR and MS-SSIM of ``before``, ``after`` and ``undamaged`` against the picture before coding and against
        the undamaged decode; empty where there is nothing to compare with.
    seconds
        Time of recovery, without rendering unless it was watched.
    """

    plan: LossPlan
    lost: NDArray[np.bool_]
    indices: IndexMap
    before: Pixels
    after: Pixels
    undamaged: Pixels | None
    accuracy: float
    to_original: Mapping[str, Fidelity]
    to_undamaged: Mapping[str, Fidelity]
    seconds: float


@dataclass(frozen=True)
class SweepPoint:
    """One method at one loss ratio.

    Attributes
    ----------
    ratio
        Mask ratio alpha.
    method
        One of :data:`napari_glc.codecs.index_mapped.RECOVERY_METHODS`.
    accuracy
        Share of the lost indices recovered exactly.
    psnr
        In dB against the original, or against the undamaged decode of a file.
    seconds
        Of recovery.
    """

    ratio: float
    method: str
    accuracy: float
    psnr: float
    seconds: float


class _FillingWatch:
    """Watches a map while it is filled: counts what came back, and renders it now and then."""

    def __init__(
        self, source: MapSource, lost: int, progress: Progress, total: int, shown: Callable[[Pixels], None] | None
    ) -> None:
        self.source, self.lost, self.shown = source, lost, shown
        self.progress, self.total = progress, total
        self.done = self.first = 0
        self.next = time.monotonic()

    def tick(self, done: int = 0, total: int = 1) -> None:
        self.progress(self.done, self.total)

    def __call__(self, indices: IndexMap) -> None:
        self.done = self.first + self.lost - int(np.count_nonzero(indices < 0))
        self.tick()
        started = time.monotonic()
        if self.shown is not None and started >= self.next:
            self.shown(self.source.render(indices, self.tick))
            ended = time.monotonic()
            self.next = max(started + LIVE_SECONDS, ended + _LIVE_SHARE * (ended - started))


def simulate(
    source: MapSource,
    plan: LossPlan,
    painted: NDArray[np.generic] | None = None,
    *,
    progress: Progress = no_progress,
    shown: Callable[[Pixels], None] | None = None,
) -> RecoveryResult:
    """Lose what a plan says and recover it.

    Parameters
    ----------
    source, plan, painted
        As for :func:`lost_by`.
    progress
        Called with indices recovered (and pictures made) and in all; whatever it raises stops the work.
    shown
        Called with intermediate pictures while the transformer works, at most four times a second; unknown
        indices are mid-grey in them.

    Raises
    ------
    OptionError
        As for :func:`lost_by`, or if the method is unknown.
    DamagedFileError
        If everything is lost and there is nothing to predict from.
    """
    lost = lost_by(source, plan, painted)
    count = int(lost.sum())
    pictures_made = 3 if source.intact else 2
    measured_pairs = 2 * source.intact + pictures_made * (source.original is not None)
    steps = pictures_made + measured_pairs
    step = max(1, count // 8)
    watch = _FillingWatch(source, count, progress, count + steps * step, shown)

    def one_more(value: Pixels) -> Pixels:
        watch.done += step
        watch.tick()
        return value

    known = np.where(lost, -1, source.found.indices)
    watch.tick()
    before = one_more(source.render(known, watch.tick))
    watch.first = watch.done
    if shown is not None:
        shown(before)
    started = time.perf_counter()
    found = replace(source.found, indices=known)
    filled = source.codec.fill(found, source.quality, plan.method, plan.sampling(), watch.tick, watch).indices
    seconds = time.perf_counter() - started
    watch.done = count + step
    after = one_more(source.render(filled, watch.tick))
    undamaged = one_more(source.render(source.found.indices, watch.tick)) if source.intact else None

    pictures = {"before": before, "after": after}

    def measured(reference: Pixels | None, of: Mapping[str, Pixels]) -> dict[str, Fidelity]:
        numbers: dict[str, Fidelity] = {}
        if reference is not None:
            for name, pixels in of.items():
                numbers[name] = compare(reference, pixels)
                one_more(pixels)
        return numbers

    to_undamaged = measured(undamaged, pictures)
    if undamaged is not None:
        pictures["undamaged"] = undamaged
    to_original = measured(source.original, pictures)
    progress(watch.total, watch.total)
    return RecoveryResult(
        plan=plan,
        lost=lost,
        indices=filled,
        before=before,
        after=after,
        undamaged=undamaged,
        accuracy=recovery.index_accuracy(source.found.indices, filled, lost) if source.intact else math.nan,
        to_original=to_original,
        to_undamaged=to_undamaged,
        seconds=seconds,
    )


def sweep(
    source: MapSource,
    ratios: Sequence[float],
    methods: Sequence[str],
    plan: LossPlan,
    *,
    progress: Progress = no_progress,
) -> list[SweepPoint]:
    """Recover at several loss ratios in several ways; all methods see the same losses.

    Parameters
    ----------
    source
        An intact map.
    ratios, methods
        What to try, in the order of the result: all methods of a ratio, then the next ratio.
    plan
        Pattern, seed and sampling.
    progress
        Called with recoveries done and in all; whatever it raises stops the work.

    Raises
    ------
    OptionError
        If the map is not intact, or an option out of its range.
    """
    if not source.intact:
        raise OptionError("a damaged file cannot be swept: what it has lost is not known")
    if unknown := [m for m in methods if m not in RECOVERY_METHODS]:
        raise OptionError(f"recovery method {unknown[0]!r} is unknown; choose from {', '.join(RECOVERY_METHODS)}")
    if plan.pattern not in recovery.PATTERNS:
        raise OptionError(f"pattern {plan.pattern!r} has no loss ratio; choose from {', '.join(recovery.PATTERNS)}")
    truth = source.found.indices
    reference = source.original if source.original is not None else source.render(truth)
    total = len(ratios) * len(methods)
    points: list[SweepPoint] = []

    def tick(done: int, of: int) -> None:
        progress(len(points), total)

    for ratio in ratios:
        lost = lost_by(source, replace(plan, ratio=ratio))
        found = replace(source.found, indices=np.where(lost, -1, truth))
        for method in methods:
            tick(0, 1)
            started = time.perf_counter()
            filled = source.codec.fill(found, source.quality, method, plan.sampling(), tick).indices
            seconds = time.perf_counter() - started
            accuracy = recovery.index_accuracy(truth, filled, lost)
            points.append(SweepPoint(ratio, method, accuracy, psnr(reference, source.render(filled, tick)), seconds))
    progress(total, total)
    return points
