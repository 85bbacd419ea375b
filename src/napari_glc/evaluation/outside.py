"""Codecs this program does not know: an encoder by its command lines, and tables of files made elsewhere."""

from __future__ import annotations

import math
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GlcError, OptionError
from ..imaging.files import READABLE, read_picture, write_picture
from ..metrics.measures import MEASURES
from .coders import Coded, Picture
from .results import read_rows
from .rows import Result

__all__ = ["Command", "MadeElsewhere", "Table", "command_of", "like_original", "read_table"]

_PATIENCE = 600.0
"""Seconds an encoder may take for a picture."""


@dataclass(frozen=True)
class Command:
    """An encoder and a decoder in the shell.

    Attributes
    ----------
    name
        See :class:`~napari_glc.evaluation.coders.Coder`.
    qualities
        Settings to try.
    encode, decode
        Command lines, run without a shell, in which ``{picture}`` stands for the original as PNG, ``{file}`` for the
        file to be written and read, ``{decoded}`` for the picture to be written as PNG, and ``{quality}`` for the
        setting.
    """

    name: str
    qualities: tuple[float, ...]
    encode: str
    decode: str
    ours: bool = False
    suffix: str = ".bin"

    @property
    def label(self) -> str:
        """See :class:`~napari_glc.evaluation.coders.Coder`."""
        return self.name

    @property
    def all_qualities(self) -> Sequence[float]:
        """Whole numbers between the least and the greatest setting, for encoders take those."""
        whole = range(math.ceil(min(self.qualities)), math.floor(max(self.qualities)) + 1)
        return tuple(sorted({*self.qualities, *map(float, whole)}))

    @property
    def facts(self) -> Mapping[str, str]:
        """See :class:`~napari_glc.evaluation.coders.Coder`."""
        return {"encoder": self.encode, "decoder": self.decode}

    def code(self, picture: Picture, quality: float) -> Coded:
        """See :class:`~napari_glc.evaluation.coders.Coder`.

        Raises
        ------
        OptionError
            If a command fails or does not write what it should.
        """
        with tempfile.TemporaryDirectory() as scratch:
            places = {
                "picture": Path(scratch) / "original.png",
                "file": Path(scratch) / f"coded{self.suffix}",
                "decoded": Path(scratch) / "decoded.png",
            }
            write_picture(places["picture"], picture.pixels)
            started = time.perf_counter()
            self._run(self.encode, places, quality, "file")
            encoded = time.perf_counter()
            self._run(self.decode, places, quality, "decoded")
            finished = time.perf_counter()
            data = places["file"].read_bytes()
            return Coded(len(data), read_picture(places["decoded"]), encoded - started, finished - encoded, data)

    def _run(self, command: str, places: Mapping[str, Path], quality: float, writes: str) -> None:
        words = [word.format(quality=f"{quality:g}", **places) for word in shlex.split(command)]
        try:
            ended = subprocess.run(  # the user's own command, by design
                words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False, text=True
            )
        except subprocess.TimeoutExpired as error:
            raise OptionError(f"{words[0]} took longer than {_PATIENCE:g} s") from error
        except OSError as error:
            raise OptionError(f"{words[0]} cannot be run: {error.strerror}") from error
        if ended.returncode:
            said = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
            raise OptionError(f"{words[0]} failed with {ended.returncode}: {said[-1] if said else 'it said nothing'}")
        if not places[writes].is_file() or not places[writes].stat().st_size:
            raise OptionError(f"{words[0]} wrote nothing to {{{writes}}}")


def command_of(name: str, qualities: str, encode: str, decode: str) -> Command:
    """An encoder from words of the shell.

    Parameters
    ----------
    name
        In tables and curves.
    qualities
        Numbers with commas between them.
    encode, decode
        See :class:`Command`.

    Raises
    ------
    OptionError
        If a number is none, a command lacks a place, or its program is not found.
    """
    try:
        settings = tuple(float(word) for word in qualities.split(","))
    except ValueError as error:
        raise OptionError(f"{name}: settings are numbers with commas between them, not {qualities!r}") from error
    for command, needed in ((encode, ("picture", "file", "quality")), (decode, ("file", "decoded"))):
        if lacking := [place for place in needed if f"{{{place}}}" not in command]:
            raise OptionError(f"{name}: {command!r} says nowhere {{{lacking[0]}}}")
        try:
            words = shlex.split(command)
            command.format(picture="", file="", decoded="", quality="")
        except (ValueError, LookupError) as error:
            raise OptionError(f"{name}: {command!r} is no command line: {error}") from error
        if shutil.which(words[0]) is None:
            raise OptionError(f"{name}: there is no program {words[0]}")
    return Command(name, settings, encode, decode)


# -- tables ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MadeElsewhere:
    """A codec of which a table of files is all there is.

    Attributes
    ----------
    name
        See :class:`~napari_glc.evaluation.coders.Coder`.
    source
        The table.
    files
        By picture (without its suffix) and setting: bytes, and the decoded picture.
    """

    name: str
    source: str
    files: Mapping[tuple[str, float], tuple[int, Path]] = field(hash=False)
    ours: bool = False
    suffix: str = ""

    @property
    def label(self) -> str:
        """See :class:`~napari_glc.evaluation.coders.Coder`."""
        return self.name

    @property
    def qualities(self) -> tuple[float, ...]:
        """See :class:`~napari_glc.evaluation.coders.Coder`."""
        return tuple(sorted({setting for _, setting in self.files}))

    @property
    def all_qualities(self) -> Sequence[float]:
        """See :class:`~napari_glc.evaluation.coders.Coder`."""
        return self.qualities

    @property
    def facts(self) -> Mapping[str, str]:
        """See :class:`~napari_glc.evaluation.coders.Coder`."""
        return {"made elsewhere": self.source}

    def code(self, picture: Picture, quality: float) -> Coded:
        """See :class:`~napari_glc.evaluation.coders.Coder`.

        Raises
        ------
        OptionError
            If the table lacks it.
        """
        key = Path(picture.name).stem, quality
        if key not in self.files:
            raise OptionError(f"{self.source} has no {self.name} of {picture.name} at {quality:g}")
        size, path = self.files[key]
        return Coded(size, read_picture(path), math.nan, math.nan)


@dataclass(frozen=True)
class Table:
    """What a table says.

    Attributes
    ----------
    coders
        Codecs of which it names decoded pictures, to be measured.
    results
        Rows with measures that were taken elsewhere; their codecs are not shown in pictures.
    """

    coders: tuple[MadeElsewhere, ...]
    results: tuple[Result, ...]


def read_table(path: Path, pictures: Mapping[str, int]) -> Table:
    """Read a table of files, or of results.

    A CSV file with a column ``decoded`` names decoded pictures, relative to the table, which are measured like any
    other; beside it ``codec``, ``setting`` (or ``quality``), ``image`` and ``bpp``. Without it, or in the JSON of ``glc
    evaluate``, rows have measures; see :func:`~napari_glc.evaluation.results.read_rows`.

    Parameters
    ----------
    path
        The table.
    pictures
        From names of pictures without suffix to their pixels; rows of others are an error.

    Raises
    ------
    OptionError
        If a column or a picture is missing, or a number is none.
    OSError
        If the table cannot be read.
    """
    rows = read_rows(path)
    settings = {codec: _settings(rows, codec) for codec in dict.fromkeys(row.get("codec", path.stem) for row in rows)}
    files: dict[str, dict[tuple[str, float], tuple[int, Path]]] = {}
    results = []
    for row in rows:
        codec, image = row.get("codec", path.stem), Path(row.get("image", "")).stem
        if not image:
            raise OptionError(f"{path} does not say which picture a row is about: it has no column 'image'")
        if image not in pictures:
            raise OptionError(f"{path} and the folder do not match: the folder has no picture {row['image']!r}")
        quality, size = settings[codec][row.get("setting", "")], max(1, round(row["bpp"] * pictures[image] / 8))
        if row.get("decoded"):
            files.setdefault(codec, {})[image, quality] = size, _decoded(path, row["decoded"])
            continue
        measures = {m.name: row[m.name] for m in MEASURES if m.name in row}
        if not measures:
            words = f"no decoded picture and no measure, such as {MEASURES[0].name!r}"
            raise OptionError(f"{path}: the row of {codec} for {row['image']} has {words}")
        results.append(Result(image=image, codec=codec, quality=quality, size=size, bpp=row["bpp"], measures=measures))
    for codec, found in files.items():
        if lacking := [name for name in pictures if not any(image == name for image, _ in found)]:
            raise OptionError(f"{path} and the folder do not match: {codec} lacks {lacking[0]}")
    return Table(tuple(MadeElsewhere(name, path.name, found) for name, found in files.items()), tuple(results))


def _settings(rows: Sequence[Mapping[str, Any]], codec: str) -> dict[str, float]:
    """A number for each setting of a codec: the one in its name (``qp37``), or else its place."""
    names = dict.fromkeys(row.get("setting", "") for row in rows if row.get("codec", codec) == codec)
    numbers = {name: re.search(r"\d+(\.\d+)?$", name) for name in names}
    if all(numbers.values()) and len({float(m[0]) for m in numbers.values() if m}) == len(names):
        return {name: float(match[0]) for name, match in numbers.items() if match}
    return {name: float(place) for place, name in enumerate(names)}


def _decoded(table: Path, name: str) -> Path:
    found = table.parent / name
    if found.suffix.lower() not in READABLE or not found.is_file():
        raise OptionError(f"{table}: there is no picture {found}")
    return found


def like_original(original: Picture, coded: Coded) -> Coded:
    """A decoded picture in the channels of its original: encoders in the shell may know no grey.

    Raises
    ------
    GlcError
        If its size or type differs.
    """
    own, theirs = original.pixels, coded.pixels
    if theirs.dtype != own.dtype or theirs.ndim not in (2, 3) or theirs.shape[2:] not in ((), (1,), (3,)):
        raise GlcError(f"the decoded picture is no 8-bit picture of one or three channels, but {_kind(theirs)}")
    if theirs.shape[:2] != own.shape[:2]:
        raise GlcError(f"original and decoded picture differ in size: {_size(own)} and {_size(theirs)} pixels")
    if theirs.ndim == 3 and theirs.shape[2] == 1:
        theirs = theirs[..., 0]
    if theirs.ndim > own.ndim:
        theirs = ((theirs.sum(axis=-1, dtype=np.uint16) + 1) // 3).astype(np.uint8)
    elif theirs.ndim < own.ndim:
        theirs = np.repeat(theirs[..., np.newaxis], 3, axis=-1)
    return replace(coded, pixels=theirs)


def _size(pixels: NDArray[Any]) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"


def _kind(pixels: NDArray[Any]) -> str:
    return f"{pixels.dtype} of shape {pixels.shape}"
