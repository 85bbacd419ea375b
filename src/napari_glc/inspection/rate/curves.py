"""Rate-distortion curves of one picture: ours, and those of classical codecs Pillow can write.

A point is a :class:`~napari_glc.evaluation.rows.Result`, and what is measured is what ``glc evaluate`` measures with
the networks that come with the package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..._base.atomic import write_atomically
from ...evaluation.classical import available_classical, classical_named
from ...evaluation.equal_look import equal_look
from ...evaluation.measuring import measured
from ...evaluation.rows import Result, curves_of, results_csv

if TYPE_CHECKING:
    from ..._base.progress import Progress
    from .session import RateSession

__all__ = [
    "available_baselines",
    "baseline_curve",
    "decoded_baseline",
    "looks",
    "point_of",
    "rate_curve",
    "write_curve",
]


def point_of(
    codec: str, quality: float, size: int, original: NDArray[np.uint8], decoded: NDArray[np.uint8], image: str = ""
) -> Result:
    """Measure a decoded picture.

    Parameters
    ----------
    codec, quality
        See :class:`~napari_glc.evaluation.rows.Result`.
    size
        Bytes of the file.
    original, decoded
        uint8, ``(Y, X)`` or ``(Y, X, 3)``.
    image
        Name of the picture.
    """
    bpp = 8 * size / (original.shape[0] * original.shape[1])
    return Result(image=image, codec=codec, quality=quality, size=size, bpp=bpp, measures=measured(original, decoded))


def rate_curve(
    session: RateSession, qualities: Sequence[float] | None = None, progress: Progress | None = None, image: str = ""
) -> Iterator[Result]:
    """Points of a session's picture, one after the other.

    Parameters
    ----------
    session
        Of the picture.
    qualities
        Where to measure; ``None`` takes :attr:`RateSession.qualities`.
    progress
        Called often with points done and in all; whatever it raises stops the work.
    image
        Name of the picture.
    """
    wanted = session.qualities if qualities is None else qualities
    for done, quality in enumerate(wanted):
        step = session.at(quality, None if progress is None else _ticking(progress, done, len(wanted)))
        yield point_of(session.codec, step.quality, step.size, session.picture, step.pixels, image)


def _ticking(progress: Progress, done: int, total: int) -> Progress:
    return lambda _, __: progress(done, total)


def available_baselines() -> tuple[str, ...]:
    """Classical codecs this machine can write."""
    return tuple(codec.name for codec in available_classical())


def decoded_baseline(picture: NDArray[np.uint8], codec: str, quality: float) -> tuple[int, NDArray[np.uint8]]:
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
        If it cannot be written here.
    """
    known = classical_named(codec)
    data = known.encode(picture, quality)
    return len(data), known.decode(data, picture)


def baseline_curve(
    picture: NDArray[np.uint8], codec: str, progress: Progress | None = None, image: str = ""
) -> Iterator[Result]:
    """Points of a classical codec, chroma subsampled as Pillow does.

    Parameters
    ----------
    picture, codec
        See :func:`decoded_baseline`.
    progress
        Called with points done and in all; whatever it raises stops the work.
    image
        Name of the picture.
    """
    settings = classical_named(codec).qualities
    for done, quality in enumerate(settings):
        if progress is not None:
            progress(done, len(settings))
        size, decoded = decoded_baseline(picture, codec, quality)
        yield point_of(codec, quality, size, picture, decoded, image)


def looks(points: Iterable[Result], here: Result, measure: str) -> list[str]:
    """What classical codecs need to come as near to the original, a sentence for each that has a curve.

    Parameters
    ----------
    points
        Of curves of the picture.
    here
        The present file.
    measure
        Name of the measure.
    """
    curves = curves_of(points)
    found = (
        equal_look(curves[codec.name], here.bpp, here.measures.get(measure, np.nan), measure, codec.label)
        for codec in available_classical()
        if codec.name in curves
    )
    return [look.sentence for look in found if look is not None]


def write_curve(path: str | Path, points: Iterable[Result]) -> None:
    """Write points as CSV with a header line, every digit kept.

    Raises
    ------
    OSError
        If the file cannot be written; an older file is left as it was.
    """
    write_atomically(Path(path), results_csv(points).encode())
