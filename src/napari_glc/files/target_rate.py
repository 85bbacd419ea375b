"""Encoding to a wanted rate instead of a wanted quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..api import encode
from ..errors import OptionError
from .opened import GlcFile

if TYPE_CHECKING:
    from ..codecs.base import Progress

__all__ = ["RateResult", "encode_to_bpp"]

_STEPS = 200


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


def encode_to_bpp(image: Any, bpp: float, *, progress: Progress | None = None, **options: Any) -> RateResult:
    """Find the quality whose file comes nearest to a rate, by bisection.

    Parameters
    ----------
    image
        See :func:`napari_glc.encode`.
    bpp
        Wanted bits per pixel of the whole file.
    progress
        Called with encodings done and in all (about nine).
    **options
        Options of :func:`napari_glc.encode` but `quality`.

    Returns
    -------
    RateResult
        At the end of the model's range its rate may be far from the wanted one: compare.

    Raises
    ------
    OptionError
        If `bpp` is not positive.
    """
    if not bpp > 0:
        raise OptionError(f"bpp must be positive, not {bpp}")
    tried: dict[int, RateResult] = {}

    def report(*_: int) -> None:
        # called all through an encoding, so that whoever wants to stop need not wait for its end
        if progress is not None:
            progress(len(tried), _STEPS.bit_length() + 2)

    def attempt(step: int) -> float:
        if step not in tried:
            report()
            quality = step * 100 / _STEPS
            data = encode(image, quality=quality, progress=report, **options)
            tried[step] = RateResult(data, quality, GlcFile(data).bpp)
        return tried[step].bpp

    low, high = 0, _STEPS
    if attempt(low) < bpp < attempt(high):
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if attempt(middle) <= bpp else (low, middle)
    return min(tried.values(), key=lambda result: abs(result.bpp - bpp))
