"""The bytes of a file, which go where pixels count.

A file has one quality. Where some pixels count more than others, they have that quality and the rest is rounded more
coarsely; it is chosen so high that the file has as many bytes as if all pixels were alike.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .encoding import encoded_parts
from .target_rate import RateResult, Search

if TYPE_CHECKING:
    from .._base.progress import Progress
    from .encoding import Job

__all__ = ["file_parts"]

_RISE = 0.01
"""Logarithm of how many times more bytes a half step of quality takes, about."""
_FULL = 0.985
"""Share of the bytes that is to be used before the search for a quality ends."""
_TRIES = 5


def file_parts(job: Job, device: str, progress: Progress | None) -> Iterator[bytes]:
    """The bytes of a file, part by part.

    If pixels are weighed by a codec whose single pass can do that, the quality is looked for by single passes, about
    four of them; an encoder that optimises does so once, at the quality found.

    Parameters
    ----------
    job
        What to encode.
    device
        Where the networks run.
    progress
        Called with units done and in all.
    """
    if job.importance is None or not job.entry.capabilities.regions:
        yield from encoded_parts(job, device, progress)
        return
    search = Search(job, device, progress)
    found = _moved(search, len(search.alike(job.quality).data))
    yield (search.optimised(found.quality) if job.effort else found).data


def _moved(search: Search, size: int) -> RateResult:
    """The single pass of at most so many bytes, and not many fewer, at the asked quality or above."""
    qualities = search.qualities
    low, high, rise = bisect_left(qualities, search.job.quality), len(qualities), _RISE
    best = search.at(qualities[low])
    for _ in range(_TRIES):
        if high - low == 1 or len(best.data) >= _FULL * size:
            break
        # along a line in the logarithm, which finds the place sooner than halving
        ahead = round(math.log(size / len(best.data)) / rise)
        place = min(low + max(1, ahead), high - 1)
        found = search.at(qualities[place])
        if len(found.data) <= size:
            low, best = place, found
        else:
            high = place
            rise = math.log(len(found.data) / len(best.data)) / (high - low)
    return best
