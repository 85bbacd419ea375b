"""The pictures of one side of the split, from one archive or several.

Two archives may show the same original, one of them smaller. Further ones name the original of each picture, so
there whole originals are held out; and validation takes only collections that one archive has to itself, so that
nothing validated was ever trained on under another size. A folder of pictures does as well.
"""

from __future__ import annotations

import csv
import zlib
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import OptionError
from .config import DataConfig
from .data import HELD_OUT_EVERY, is_held_out, read_members

__all__ = ["load_material"]

_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
_LONGEST = 512
_MOST_PICTURES = 4000
"""A gigabyte of them in memory."""


def load_material(data: DataConfig, *, held_out: bool) -> list[NDArray[np.uint8]]:
    """Pictures to train on, or the validation pictures.

    Parameters
    ----------
    data
        Archives and indices.
    held_out
        The validation pictures instead of the training pictures.

    Returns
    -------
    list of ndarray
        ``(H, W, 3)`` uint8. Training pictures of a further archive occur `times` times, those of microscopy
        `micro_times` times.
    """
    if not data.archive.exists() and not data.index.exists():
        return _from_folder(data.archive.parent, held_out=held_out)
    first = _rows(data.index)
    members = [row["member"] for i, row in enumerate(first) if is_held_out(i) == held_out]
    if data.micro_times != 1 and not held_out:
        micro = [row["member"] for i, row in enumerate(first) if not is_held_out(i) and row["kind"] == "micro"]
        members = [m for m in members if m not in set(micro)] + micro * data.micro_times
    sides = [(data.archive, members, 1)]
    collections = Counter({_collection(row["member"]) for row in first})
    for further in data.further:
        rows = _rows(further.index)
        collections.update({_collection(row["member"]) for row in rows})
        chosen = [row["member"] for row in rows if _original_is_held_out(row) == held_out]
        sides.append((further.archive, chosen, further.times))
    if held_out:
        sides = [(archive, [m for m in chosen if collections[_collection(m)] == 1], 1) for archive, chosen, _ in sides]
    return [picture for archive, chosen, times in sides for picture in read_members(archive, chosen) * times]


def _from_folder(folder: Path, *, held_out: bool) -> list[NDArray[np.uint8]]:
    """Pictures that lie in a folder and below it, the longer side at most 512 pixels; for whoever has no archive.

    Raises
    ------
    OptionError
        If there are none.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)[:_MOST_PICTURES]
    pictures = []
    for number, path in enumerate(paths):
        if is_held_out(number) == held_out:
            with suppress(OSError, Image.DecompressionBombError), Image.open(path) as opened:
                opened.draft("RGB", (2 * _LONGEST, 2 * _LONGEST))
                picture = opened.convert("RGB")
                picture.thumbnail((_LONGEST, _LONGEST))
                pictures.append(np.asarray(picture))
    if not pictures and not held_out:
        raise OptionError(f"{folder} holds neither the training archive nor pictures ({', '.join(_SUFFIXES)})")
    return pictures


def _rows(index: Path) -> list[dict[str, str]]:
    with open(index, newline="") as lines:
        return list(csv.DictReader(lines))


def _original_is_held_out(row: dict[str, str]) -> bool:
    """One original in 25, whichever pictures were cut from it."""
    return is_held_out(zlib.crc32(f"{row['repository']}/{row['path']}".encode()) % HELD_OUT_EVERY)


def _collection(member: str) -> str:
    return member.split("/")[0]
