"""Rate-distortion curves of one picture: ours, and those of classical codecs Pillow can write."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._base.atomic import write_atomically
from ...errors import OptionError
from ...metrics.fidelity import ms_ssim, psnr

if TYPE_CHECKING:
    from ..._base.progress import Progress
    from .session import RateSession

__all__ = [
    "BASELINES",
    "RatePoint",
    "available_baselines",
    "baseline_curve",
    "decoded_baseline",
    "rate_curve",
    "write_curve",
]

BASELINES: dict[str, tuple[int, ...]] = {
    "jpeg": (1, 5, 10, 20, 40),
    "webp": (0, 2, 5, 10, 20, 40, 60),
    "avif": (1, 5, 10, 20, 30, 40, 50),
}
"""Classical codecs and the quality settings of their curves."""

_FORMATS = {"jpeg": ("jpg", "JPEG"), "webp": ("webp", "WEBP"), "avif": ("avif", "AVIF")}
_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"optimize": True, "progressive": True},
    "webp": {"method": 4},
    "avif": {"speed": 6},
}


@dataclass(frozen=True)
class RatePoint:
    """One point of a curve.

    Attributes
    ----------
    codec
        Name of one of our codecs, or one of :data:`BASELINES`.
    quality
        The codec's own setting, 0 to 100.
    size
        Bytes of the whole file.
    bpp
        Bits of the whole file per pixel.
    psnr
        In dB.
    ms_ssim
        0 to 1; NaN for pictures too small for it.
    """

    codec: str
    quality: float
    size: int
    bpp: float
    psnr: float
    ms_ssim: float

    @classmethod
    def of(
        cls, codec: str, quality: float, size: int, original: NDArray[np.uint8], decoded: NDArray[np.uint8]
    ) -> RatePoint:
        """Measure a decoded picture."""
        bpp = 8 * size / (original.shape[0] * original.shape[1])
        return cls(codec, quality, size, bpp, psnr(original, decoded), ms_ssim(original, decoded))


def rate_curve(
    session: RateSession, qualities: Sequence[float] | None = None, progress: Progress | None = None
) -> Iterator[RatePoint]:
    """Points of a session's picture, one after the other.

    Parameters
    ----------
    session
        Of the picture.
    qualities
        Where to measure; ``None`` takes :attr:`RateSession.qualities`.
    progress
        Called often with points done and in all; whatever it raises stops the work.
    """
    wanted = session.qualities if qualities is None else qualities
    for done, quality in enumerate(wanted):
        step = session.at(quality, None if progress is None else _ticking(progress, done, len(wanted)))
        yield RatePoint.of(session.codec, step.quality, step.size, session.picture, step.pixels)


def _ticking(progress: Progress, done: int, total: int) -> Progress:
    return lambda _, __: progress(done, total)


def available_baselines() -> tuple[str, ...]:
    """Classical codecs this Pillow can write."""
    from PIL import features

    return tuple(name for name in BASELINES if features.check(_FORMATS[name][0]))


def decoded_baseline(picture: NDArray[np.uint8], codec: str, quality: int) -> tuple[int, NDArray[np.uint8]]:
    """Bytes of a picture in a classical codec, and what comes back.

    Parameters
    ----------
    picture
        uint8, ``(Y, X)`` or ``(Y, X, 3)``.
    codec
        One of :func:`available_baselines`.
    quality
        Pillow's setting, 0 to 100.

    Raises
    ------
    OptionError
        If this Pillow cannot write it.
    """
    from PIL import Image

    if codec not in available_baselines():
        raise OptionError(f"this Pillow cannot write {codec!r}; it can write {', '.join(available_baselines())}")
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, _FORMATS[codec][1], quality=quality, **_OPTIONS[codec])
    size = stream.tell()
    stream.seek(0)
    with Image.open(stream) as opened:
        # grey pictures come back as RGB from codecs that know no grey
        decoded = np.array(opened.convert("L" if picture.ndim == 2 else "RGB"))
    return size, decoded


def baseline_curve(picture: NDArray[np.uint8], codec: str, progress: Progress | None = None) -> Iterator[RatePoint]:
    """Points of a classical codec at Pillow's default effort, chroma subsampled as Pillow does.

    Parameters
    ----------
    picture, codec
        See :func:`decoded_baseline`.
    progress
        Called with points done and in all; whatever it raises stops the work.
    """
    settings = BASELINES[codec]
    for done, quality in enumerate(settings):
        if progress is not None:
            progress(done, len(settings))
        size, decoded = decoded_baseline(picture, codec, quality)
        yield RatePoint.of(codec, quality, size, picture, decoded)


def write_curve(path: str | Path, points: Iterable[RatePoint]) -> None:
    """Write points as CSV with a header line, whole numbers of digits kept.

    Raises
    ------
    OSError
        If the file cannot be written; an older file is left as it was.
    """
    names = [field.name for field in fields(RatePoint)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(point, name) for name in names] for point in points)
    write_atomically(Path(path), text.getvalue().encode())
