"""The report of ``glc evaluate`` for the one picture that is explored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...evaluation.classical import available_classical
from ...evaluation.coders import Classical, Coder, OurCodec, Picture
from ...evaluation.equal_bytes import Sheet, Shown, copy_of, nearest_size
from ...evaluation.making import made_with
from ...evaluation.report.page import Report
from ...evaluation.rows import Result
from ...evaluation.running import Evaluation, Source
from .curves import point_of

if TYPE_CHECKING:
    from ..._base.progress import Progress

__all__ = ["picture_report"]


def picture_report(
    name: str,
    original: NDArray[np.uint8],
    decoded: NDArray[np.uint8],
    here: Result,
    points: Sequence[Result],
    *,
    models: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> str:
    """The page: curves, BD-rates, and the picture at the bytes of the present file by every classical codec.

    Parameters
    ----------
    name
        Of the picture.
    original, decoded
        uint8, ``(Y, X)`` or ``(Y, X, 3)``: the picture, and what the present file decodes to.
    here
        The present file, with its measures.
    points
        Of all curves.
    models
        By codec, what its points were made with; others by their default models.
    options
        Of the present codec.
    progress
        Called with codecs done and in all; whatever it raises stops the work.
    """
    models = models or {}
    here, points = replace(here, image=name), [replace(point, image=name) for point in points]
    picture = Picture(name, Path(name), original)
    source = Source(Path(name), hashlib.sha256(original.tobytes()).hexdigest(), *original.shape[:2])
    names = [here.codec, *dict.fromkeys(p.codec for p in points if p.codec != here.codec)]
    classical = {codec.name: codec for codec in available_classical()}
    coders: list[Coder] = [
        Classical(codec, classical[codec])
        if codec in classical
        else OurCodec(codec, codec, models.get(codec), options=dict(options or {}) if codec == here.codec else {})
        for codec in names
    ]
    shown = {here.codec: Shown(here, copy_of(decoded))}
    for done, coder in enumerate(coders):
        if progress is not None:
            progress(done, len(coders))
        if not coder.ours:
            known = {p.quality: p.size for p in points if p.codec == coder.name}
            quality, coded = nearest_size(partial(coder.code, picture), coder.all_qualities, known, here.size)
            result = point_of(coder.name, quality, coded.size, original, coded.pixels, name)
            shown[coder.name] = Shown(result, copy_of(coded.pixels))
    own = [p for p in points if (p.codec, p.quality) != (here.codec, here.quality)]
    evaluation = Evaluation((source,), tuple(coders), (here, *own))
    return Report(f"Codecs on {name}", evaluation, [Sheet(source, copy_of(original), shown)], made_with(1)).html()
