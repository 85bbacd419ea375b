"""The same bytes from every codec: for each picture the files that come nearest to the size of a given one."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._base.processes import in_processes
from ..errors import GlcError, OptionError
from ..imaging.files import write_picture
from .coders import Coded, Coder, identity
from .journal import Journal, key_of
from .measuring import measured
from .outside import like_original
from .rows import Result, measured_in
from .running import Evaluation, Source, original_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .._base.progress import Progress

__all__ = ["LARGEST", "Sheet", "Shown", "copy_of", "nearest_size", "sheets", "shown_part"]

LARGEST = 768
"""Pixels a side of what is shown of a picture."""
_COPY: dict[str, Any] = {"format": "WEBP", "quality": 90, "method": 4}


@dataclass(frozen=True)
class Shown:
    """A decoded picture to be looked at.

    Attributes
    ----------
    result
        Of the file that came nearest to the wanted size.
    copy
        What is shown of it, as WebP.
    """

    result: Result
    copy: bytes


@dataclass(frozen=True)
class Sheet:
    """A picture and what codecs make of it with the same bytes.

    Attributes
    ----------
    source
        The original.
    copy
        What is shown of it, as WebP.
    shown
        By codec, in the order of the evaluation; the first is the one whose size the others came near to.
    """

    source: Source
    copy: bytes
    shown: Mapping[str, Shown]


@dataclass(frozen=True)
class _Search:
    source: Source
    coder: Coder
    wanted: int
    known: tuple[Result, ...]
    measures: tuple[str, ...]
    features: Path | None
    keep: Path | None

    @property
    def key(self) -> str:
        return key_of(self.source.sha256, identity(self.coder), self.wanted, self.measures, _COPY, LARGEST)


def sheets(
    evaluation: Evaluation,
    quality: float | None = None,
    *,
    most: int = 24,
    workers: int = 1,
    journal: Journal | None = None,
    save_to: Path | None = None,
    progress: Progress | None = None,
) -> list[Sheet]:
    """Contact sheets at equal bytes.

    Parameters
    ----------
    evaluation
        Its first coder gives the size.
    quality
        Of that coder, one of those measured; ``None`` takes the middle one.
    most
        How many pictures; if there are more, they are taken evenly from the worst to the best of that coder.
    workers, journal, progress
        See :func:`~napari_glc.evaluation.running.evaluate`.
    save_to
        Folder for the decoded pictures, whole and as PNG, in a folder for each codec; ``None`` keeps none.

    Raises
    ------
    OptionError
        If the quality was not measured.
    """
    first = evaluation.coders[0]
    own = [r for r in evaluation.results if r.codec == first.name]
    measured_at = sorted({r.quality for r in own})
    quality = measured_at[(len(measured_at) - 1) // 2] if quality is None else quality
    if quality not in measured_at:
        at = ", ".join(f"{q:g}" for q in measured_at)
        raise OptionError(f"{first.name} was not measured at quality {quality:g} but at {at}")
    there = {r.image: r for r in own if r.quality == quality}
    sources = _chosen(evaluation.sources, there, most)
    tasks = [
        _Search(
            source,
            coder,
            there[source.name].size,
            tuple(r for r in evaluation.results if r.image == source.name and r.codec == coder.name),
            evaluation.measures,
            evaluation.features,
            save_to,
        )
        for source in sources
        for coder in evaluation.coders
    ]
    found: dict[tuple[str, str], Shown] = {}
    waiting = []
    for task in tasks:
        kept = None if save_to is not None else _kept(journal, task)
        if kept is None:
            waiting.append(task)
        else:
            found[task.source.name, task.coder.name] = kept
    done = len(found)
    for task, shown in in_processes(_find, waiting, workers):
        done += 1
        if shown is not None:
            found[task.source.name, task.coder.name] = shown
            if journal is not None:
                journal.put_file(task.key, ".webp", shown.copy)
                journal.put(task.key, shown.result.row())
        if progress is not None:
            progress(done, len(tasks))
    return [
        Sheet(
            source,
            copy_of(original_at(source.path).pixels),
            {c.name: found[source.name, c.name] for c in evaluation.coders if (source.name, c.name) in found},
        )
        for source in sources
    ]


def nearest_size(
    code: Callable[[float], Coded], qualities: Sequence[float], known: Mapping[float, int], wanted: int
) -> tuple[float, Coded]:
    """The file whose size is nearest to a wanted one.

    Parameters
    ----------
    code
        Makes the file of a quality.
    qualities
        All there are, rising; sizes rise or fall with them.
    known
        Sizes of some.
    wanted
        Bytes.

    Returns
    -------
    quality, coded
        Where sizes leap, whichever side is nearer.
    """
    sizes, made = dict(known), dict[float, Coded]()

    def size_at(quality: float) -> int:
        if quality not in sizes:
            made[quality] = code(quality)
            sizes[quality] = made[quality].size
        return sizes[quality]

    order = list(qualities)
    if size_at(order[0]) > size_at(order[-1]):
        order.reverse()
    low, high = 0, len(order) - 1
    for place, quality in enumerate(order):
        if quality in sizes and place not in (0, len(order) - 1):
            if sizes[quality] <= wanted:
                low = max(low, place)
            elif place > low:
                high = min(high, place)
    # where the logarithm of the size would be if it rose evenly: some three files instead of seven by halves
    while high - low > 1 and size_at(order[low]) < wanted < size_at(order[high]):
        low_log, high_log = (math.log(size_at(order[place])) for place in (low, high))
        share = (math.log(wanted) - low_log) / (high_log - low_log)
        place = min(max(low + round(share * (high - low)), low + 1), high - 1)
        if size_at(order[place]) <= wanted:
            low = place
        else:
            high = place
    best = min(order[low], order[high], key=lambda quality: abs(math.log(size_at(quality) / wanted)))
    return best, made[best] if best in made else code(best)


def copy_of(pixels: NDArray[np.uint8]) -> bytes:
    """What is shown of a picture, as WebP."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(shown_part(pixels)).save(stream, **_COPY)
    return stream.getvalue()


def shown_part(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a picture, of at most :data:`LARGEST` pixels a side."""
    top, left = (max(0, (side - LARGEST) // 2) for side in pixels.shape[:2])
    return pixels[top : top + LARGEST, left : left + LARGEST]


def _chosen(sources: Sequence[Source], results: Mapping[str, Result], most: int) -> list[Source]:
    if len(sources) <= most:
        return list(sources)
    name = measured_in(results.values())[0]

    def value(source: Source) -> float:
        found = results[source.name].measures.get(name, math.nan)
        return found if math.isfinite(found) else math.inf

    ranked = sorted(sources, key=value)
    places = {round(place * (len(ranked) - 1) / max(1, most - 1)) for place in range(most)}
    chosen = {ranked[place].name for place in places}
    return [source for source in sources if source.name in chosen]


def _find(task: _Search) -> Shown | None:
    """Runs in a worker; ``None`` if it cannot be done, as when a table lacks the picture."""
    original = original_at(task.source.path)
    known = {result.quality: result for result in task.known}
    sizes = {quality: result.size for quality, result in known.items()}
    try:
        quality, coded = nearest_size(
            lambda quality: task.coder.code(original, quality), task.coder.all_qualities, sizes, task.wanted
        )
        coded = like_original(original, coded)
        if task.keep is not None:
            folder = task.keep / task.coder.name.replace(":", "_")
            folder.mkdir(parents=True, exist_ok=True)
            write_picture(folder / f"{original.path.stem}.png", coded.pixels)
    except (GlcError, OSError, MemoryError):
        return None
    if quality in known and known[quality].size == coded.size:
        return Shown(known[quality], copy_of(coded.pixels))
    result = Result(
        image=original.name,
        codec=task.coder.name,
        quality=quality,
        size=coded.size,
        bpp=8 * coded.size / task.source.pixels,
        measures=measured(original.pixels, coded.pixels, task.measures, task.features),
    )
    return Shown(result, copy_of(coded.pixels))


def _kept(journal: Journal | None, task: _Search) -> Shown | None:
    if journal is None:
        return None
    row, copy = journal.get(task.key), journal.get_file(task.key, ".webp")
    if row is None or copy is None:
        return None
    return Shown(Result.of_row({**row, "image": task.source.name, "codec": task.coder.name}), copy)
