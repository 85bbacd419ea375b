"""Encoding to a wanted rate instead of a wanted quality."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .._base.progress import Progress
from ..errors import OptionError
from .encoding import AnalysisMemory, encoded_parts
from .opened import GlcFile

if TYPE_CHECKING:
    from .encoding import Job

__all__ = ["RateResult", "encoded_to_bpp"]


@dataclass(frozen=True)
class RateResult:
    """The file nearest to a wanted rate.

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


def encoded_to_bpp(job: Job, bpp: float, device: str, progress: Progress | None) -> RateResult:
    """Find the quality whose file comes nearest to a rate, by bisection over those the model has.

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
        Called with encodings done and in all (about nine).

    Raises
    ------
    OptionError
        If `bpp` is not positive.
    """
    from ..codecs.loading import loaded_codec

    if not bpp > 0:
        raise OptionError(f"bpp must be positive, not {bpp}")
    qualities, memory = loaded_codec(job.model, device).qualities(), AnalysisMemory()
    tried: dict[float, RateResult] = {}

    def report(*_: int) -> None:
        # called all through an encoding, so that whoever wants to stop need not wait for its end
        if progress is not None:
            progress(len(tried), len(qualities).bit_length() + 2)

    def rate(quality: float) -> float:
        if quality not in tried:
            report()
            data = b"".join(encoded_parts(replace(job, quality=quality), device, report, memory))
            tried[quality] = RateResult(data, quality, GlcFile(data).bpp)
        return tried[quality].bpp

    if rate(qualities[0]) < bpp < rate(qualities[-1]):
        above = bisect_left(qualities, bpp, key=rate)
        rate(qualities[above - 1])
    return min(tried.values(), key=lambda result: abs(result.bpp - bpp))
