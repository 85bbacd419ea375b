"""Encoding to a wanted size, rate or distance instead of a wanted quality.

Single passes are tried by bisection over the qualities. An encoder that optimises does so once, at the quality found,
and steers for what is wanted on its way.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from .._base.progress import Progress, no_progress
from ..errors import OptionError, TargetError
from .budget import Budget
from .encoding import AnalysisMemory, encoded_parts
from .opened import GlcFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .encoding import Job

__all__ = ["RateResult", "Search", "encoded_to_bpp", "encoded_to_bytes", "encoded_to_distance"]

_ENOUGH = 1.25
"""How many times what a single pass spends at the highest quality an optimiser is given there at most."""
_PART = 1024
"""Side of the parts of a plane whose distances are averaged."""
_NEARER = 0.03
"""By how much of the distance each level of effort gets nearer with the same bytes, as far as is relied upon."""


@dataclass(frozen=True)
class RateResult:
    """A file made to measure.

    Attributes
    ----------
    data
        The whole file.
    quality
        The quality that gave it.
    bpp
        Its true rate in bits per pixel, headers included.
    """

    data: bytes
    quality: float
    bpp: float


class Search:
    """Single passes at several qualities, none of them twice."""

    def __init__(self, job: Job, device: str, progress: Progress | None) -> None:
        from ..codecs.loading import loaded_codec

        self.job, self.device = job, device
        self.qualities = loaded_codec(job.model, device).qualities()
        self.tried: dict[float, RateResult] = {}
        self._progress = progress or no_progress
        self._memory = AnalysisMemory()
        self._steps = len(self.qualities).bit_length() + 2

    def at(self, quality: float) -> RateResult:
        """A single pass at a quality."""
        if quality not in self.tried:
            self.tried[quality] = self._single_pass(replace(self.job.without_effort(), quality=quality))
        return self.tried[quality]

    def alike(self, quality: float) -> RateResult:
        """A single pass for which all pixels are alike."""
        return self._single_pass(replace(self.job.without_effort(), quality=quality, importance=None))

    def _single_pass(self, job: Job) -> RateResult:
        self._report()
        # called all through an encoding, so that whoever wants to stop need not wait for its end
        return self._made(encoded_parts(job, self.device, self._report, self._memory), job.quality)

    def _report(self, *_: int) -> None:
        # an optimisation that follows is most of the work
        share = 10 if self.job.effort else 1
        self._progress(min(len(self.tried), self._steps - 1), self._steps * share)

    def optimised(
        self, quality: float, budget: Budget | None = None, distance_ratio: float | None = None
    ) -> RateResult:
        """An optimisation at a quality."""
        job, begun = replace(self.job, quality=quality), self._steps

        def report(done: int, total: int) -> None:
            self._progress(begun * total + 9 * begun * done, 10 * begun * total)

        parts = encoded_parts(job, self.device, report, self._memory, budget=budget, distance_ratio=distance_ratio)
        return self._made(parts, quality)

    @staticmethod
    def _made(parts: Iterable[bytes], quality: float) -> RateResult:
        data = b"".join(parts)
        return RateResult(data, quality, GlcFile(data).bpp)


def encoded_to_bpp(job: Job, bpp: float, device: str, progress: Progress | None) -> RateResult:
    """Find the file that comes nearest to a rate.

    The array is analysed once, as far as its latents fit into 256 MiB.

    Parameters
    ----------
    job
        What to encode; its quality does not count.
    bpp
        Wanted bits per pixel of the whole file.
    device
        Where the networks run.
    progress
        Called with units done and in all.

    Raises
    ------
    OptionError
        If `bpp` is not positive.
    """
    if not bpp > 0:
        raise OptionError(f"bpp must be positive, not {bpp}")
    search = Search(job, device, progress)
    qualities = search.qualities
    if search.at(qualities[0]).bpp < bpp < search.at(qualities[-1]).bpp:
        above = bisect_left(qualities, bpp, key=lambda quality: search.at(quality).bpp)
        search.at(qualities[above - 1])
    nearest = min(search.tried.values(), key=lambda result: abs(result.bpp - bpp))
    if not job.effort:
        return nearest
    return _filled(search, nearest, len(nearest.data) * bpp / nearest.bpp)


def encoded_to_bytes(job: Job, size: int, device: str, progress: Progress | None) -> RateResult:
    """Find the best file of at most so many bytes.

    Parameters
    ----------
    job, device, progress
        See :func:`encoded_to_bpp`.
    size
        Bytes of the whole file.

    Raises
    ------
    TargetError
        If the lowest quality takes more.
    """
    search = Search(job, device, progress)
    qualities = search.qualities
    # the first quality that takes more
    above = bisect_left(qualities, True, key=lambda quality: len(search.at(quality).data) > size)
    base = search.at(qualities[max(0, above - 1)])
    found = _filled(search, base, size) if job.effort else base
    if len(found.data) > size:
        raise TargetError(f"{size} bytes are too few for this array: the lowest quality takes {len(found.data)}")
    return found


def _filled(search: Search, base: RateResult, size: float) -> RateResult:
    """An optimised file of at most `size` bytes, given the single pass that comes near to it."""
    sizes = _chunk_sizes(base.data)
    allowed = min(size, _ENOUGH * len(base.data)) - (len(base.data) - sum(sizes))
    # lengths of tiles are part of the index, and may need a byte more
    found = search.optimised(base.quality, Budget(allowed - (len(sizes) > 1) * len(sizes) // 8, sizes))
    return found if len(found.data) <= size or len(found.data) < len(base.data) else base


def _chunk_sizes(data: bytes) -> list[int]:
    file = GlcFile(data)
    return [len(file.chunk(number)) for number in range(file.container.chunks)]


def encoded_to_distance(job: Job, distance: float, device: str, progress: Progress | None) -> RateResult:
    """Find the smallest file whose distance of features (``squeezenet``) is at most so much.

    Parameters
    ----------
    job, device, progress
        See :func:`encoded_to_bpp`.
    distance
        Of the 8-bit pixels, the mean over all planes; see :mod:`napari_glc.metrics.feature_distance`.

    Raises
    ------
    OptionError
        If it is not positive.
    TargetError
        If the highest quality does not come as near.
    """
    if not distance > 0:
        raise OptionError(f"the distance must be positive, not {distance}")
    search, measure = Search(job, device, progress), _distance_to(job)

    @cache
    def at(quality: float) -> float:
        return measure(search.at(quality).data)

    def first_within(wanted: float) -> float | None:
        place = bisect_left(search.qualities, True, key=lambda quality: at(quality) <= wanted)
        return search.qualities[place] if place < len(search.qualities) else None

    plain = first_within(distance)
    if job.effort:
        lower = first_within(distance / (1 - _NEARER * job.effort)) or search.qualities[-1]
        found = search.optimised(lower, distance_ratio=distance / at(lower))
        better = plain is None or len(found.data) < len(search.at(plain).data)
        if better and measure(found.data) <= distance:
            return found
    if plain is None:
        last = search.qualities[-1]
        raise TargetError(f"no quality comes as near as {distance:g}; the highest has a distance of {at(last):.4g}")
    return search.at(plain)


def _distance_to(job: Job) -> Callable[[bytes], float]:
    """Measures files of an array."""
    from ..imaging.source import ArraySource
    from ..metrics.feature_distance import FeatureDistance, distance_of_arrays

    layout, of_pair = job.source.layout, distance_of_arrays(FeatureDistance("squeezenet"))

    def parts(source: ArraySource, plane: int) -> list[NDArray[np.uint8]]:
        view = source.plane(plane)
        height, width = view.shape[:2]
        return [
            view[slice(top, min(top + _PART, height)), slice(left, min(left + _PART, width))]
            for top in range(0, height, _PART)
            for left in range(0, width, _PART)
        ]

    def measure(data: bytes) -> float:
        decoded = ArraySource([GlcFile(data, model=job.model).read()], layout)
        total = pixels = 0.0
        for plane in range(layout.planes):
            for one, other in zip(parts(job.source, plane), parts(decoded, plane), strict=True):
                weight = math.prod(one.shape[:2])
                total, pixels = total + weight * of_pair(one, other), pixels + weight
        return total / pixels

    return measure
