"""Every picture of a folder through several codecs at several qualities, in processes, going on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._base.processes import in_processes
from ..errors import GlcError, OptionError
from ..imaging.files import READABLE, read_picture, write_picture
from .coders import Coder, Picture, checked_qualities, identity
from .journal import Journal, key_of
from .measures import pair_measure
from .measuring import ALWAYS, measured, measures_with
from .outside import like_original
from .rows import Result

if TYPE_CHECKING:
    from .._base.progress import Progress

__all__ = ["Evaluation", "Source", "evaluate", "pictures_in", "sources_in"]


@dataclass(frozen=True)
class Source:
    """A picture of the folder.

    Attributes
    ----------
    path
        Its file.
    sha256
        Of the file.
    height, width
        In pixels.
    """

    path: Path
    sha256: str
    height: int
    width: int

    @property
    def name(self) -> str:
        """Of its file."""
        return self.path.name

    @property
    def pixels(self) -> int:
        """How many there are."""
        return self.height * self.width


@dataclass(frozen=True)
class Evaluation:
    """What came of a folder.

    Attributes
    ----------
    sources
        Pictures that could be read.
    coders
        What was measured, in the order asked for.
    results
        Of every picture that went through all coders at all qualities, in that order; then rows of tables.
    failed
        What could not be measured, and why: names of pictures, or picture, codec and quality.
    measures
        Names of what was measured.
    features
        Folder of the feature networks, if one was named.
    """

    sources: tuple[Source, ...]
    coders: tuple[Coder, ...]
    results: tuple[Result, ...]
    failed: dict[str, str] = field(default_factory=dict)
    measures: tuple[str, ...] = ALWAYS
    features: Path | None = None


@dataclass(frozen=True)
class _Task:
    source: Source
    coder: Coder
    quality: float
    measures: tuple[str, ...]
    features: Path | None
    keep: Path | None

    @property
    def key(self) -> str:
        return key_of(self.source.sha256, identity(self.coder), self.quality, self.measures)

    @property
    def words(self) -> str:
        return f"{self.source.name}, {self.coder.name} at {self.quality:g}"


def evaluate(
    folder: Path,
    coders: Sequence[Coder],
    *,
    qualities: Sequence[float] | None = None,
    measures: Sequence[str] | None = None,
    features: Path | None = None,
    others: Iterable[Result] = (),
    workers: int = 1,
    journal: Journal | None = None,
    save_to: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Encode and decode every picture of a folder with every codec at every quality, and measure.

    A picture that cannot be read or coded is named in the result, and the others go on.

    Parameters
    ----------
    folder
        Holds 8-bit pictures; sub-folders are not entered.
    coders
        See :func:`~napari_glc.evaluation.coders.coders_named`.
    qualities
        0 to 100 each, of our codecs; others have settings of their own. ``None``: as :attr:`Coder.qualities`.
    measures
        Names of measures of pairs (:data:`napari_glc.metrics.MEASURES`); ``None`` takes those that need nothing, and
        ``darknet`` with `features`. The first is what pictures are ranked by.
    features
        Folder of the feature networks; see :mod:`napari_glc.metrics.feature_distance`.
    others
        Rows measured elsewhere, of the same pictures.
    workers
        Processes on this machine.
    journal
        Takes up what was measured before and keeps what is measured now.
    save_to
        Folder for the files and the decoded pictures as PNG; ``None`` keeps nothing.
    progress
        Called with encodings done and in all.

    Raises
    ------
    OptionError
        If the folder holds no picture, or an option is out of its range.
    GlcError
        If nothing could be measured.
    MissingModelError, ModelError
        If the network of a measure is not installed or damaged.
    """
    names = tuple(dict.fromkeys(measures_with(features) if measures is None else measures))
    for name in names:
        # what lacks its network ends here, and not with every picture
        pair_measure(name, features)
    if workers < 1:
        raise OptionError("there must be at least one process")
    sources, failed = sources_in(folder)
    if save_to is not None:
        save_to.mkdir(parents=True, exist_ok=True)
    tasks = [
        _Task(source, coder, quality, names, features, save_to)
        for source in sources
        for coder in coders
        for quality in (
            checked_qualities(coder, qualities) if coder.ours and qualities is not None else coder.qualities
        )
    ]
    found: dict[str, Result] = {}
    waiting = []
    for task in tasks:
        row = None if journal is None or save_to is not None else journal.get(task.key)
        if row is None:
            waiting.append(task)
        else:
            found[task.words] = Result.of_row({**row, "image": task.source.name, "codec": task.coder.name})
    if progress is not None:
        progress(len(found), len(tasks))
    done = len(found)
    for task, outcome in in_processes(_measure, waiting, workers):
        if isinstance(outcome, Result):
            found[task.words] = outcome
            if journal is not None:
                journal.put(task.key, outcome.row())
        else:
            failed[task.words] = outcome
        done += 1
        if progress is not None:
            progress(done, len(tasks))
    whole = [source for source in sources if all(task.words in found for task in tasks if task.source is source)]
    if not whole:
        what, why = next(iter(failed.items()))
        raise GlcError(f"nothing could be measured: {what}: {why}")
    stems = {source.path.stem: source.name for source in whole}
    results = [found[task.words] for task in tasks if task.source in whole]
    results += [_renamed(other, stems) for other in others if Path(other.image).stem in stems]
    return Evaluation(tuple(whole), tuple(coders), tuple(results), failed, names, features)


def sources_in(folder: Path) -> tuple[list[Source], dict[str, str]]:
    """The pictures of a folder, and of those that cannot be measured why.

    Raises
    ------
    OptionError
        If the folder holds none, or two of the same name but for the suffix.
    """
    sources: list[Source] = []
    failed: dict[str, str] = {}
    stems: set[str] = set()
    for path in pictures_in(folder):
        if path.stem in stems:
            raise OptionError(f"{folder} holds two pictures called {path.stem}")
        stems.add(path.stem)
        try:
            pixels = original_at(path).pixels
        except (GlcError, OSError) as error:
            failed[path.name] = str(error)
        else:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            sources.append(Source(path, digest, pixels.shape[0], pixels.shape[1]))
    if not sources:
        raise OptionError(f"{folder} holds no picture that can be measured: {next(iter(failed.values()))}")
    return sources, failed


def pictures_in(folder: str | Path) -> list[Path]:
    """Pictures of a folder, sorted by name; sub-folders are not entered.

    Raises
    ------
    OptionError
        If there is none.
    """
    if not Path(folder).is_dir():
        raise OptionError(f"{folder} is not a folder")
    paths = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in READABLE)
    if not paths:
        raise OptionError(f"{folder} holds no picture ({', '.join(READABLE)})")
    return paths


@lru_cache(maxsize=2)
def original_at(path: Path) -> Picture:
    """Read an original; the last ones are remembered.

    Raises
    ------
    OptionError
        If it is no 8-bit picture, grey or RGB.
    OSError
        If it cannot be read.
    """
    pixels = read_picture(path)
    if pixels.dtype != np.uint8:
        nan = " with NaN among them" if pixels.dtype.kind == "f" and np.isnan(pixels).any() else ""
        raise OptionError(f"only 8-bit pictures are measured, not {pixels.dtype} samples{nan}")
    if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)):
        raise OptionError(f"only grey and RGB pictures are measured, not an array of shape {pixels.shape}")
    return Picture(path.name, path, pixels)


def _measure(task: _Task) -> Result | str:
    """A result, or why there is none. Runs in a worker."""
    try:
        original = original_at(task.source.path)
        coded = like_original(original, task.coder.code(original, task.quality))
        if task.keep is not None:
            name = f"{original.path.stem}_{task.coder.name.replace(':', '_')}_q{task.quality:g}"
            if coded.data:
                (task.keep / (name + task.coder.suffix)).write_bytes(coded.data)
            write_picture(task.keep / f"{name}.png", coded.pixels)
        return Result(
            image=original.name,
            codec=task.coder.name,
            quality=task.quality,
            size=coded.size,
            bpp=8 * coded.size / task.source.pixels,
            encode_seconds=coded.encode_seconds,
            decode_seconds=coded.decode_seconds,
            measures=measured(original.pixels, coded.pixels, task.measures, task.features),
        )
    except (GlcError, OSError, MemoryError) as error:
        return str(error) or type(error).__name__


def _renamed(result: Result, names: dict[str, str]) -> Result:
    from dataclasses import replace

    return replace(result, image=names[Path(result.image).stem])
