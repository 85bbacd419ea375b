"""The pictures of one side of the split, from one archive or two.

Two archives may show the same original, one of them smaller. The second one names the original of each picture, so
there whole originals are held out; and validation takes only collections that one of the two has to itself, so that
nothing validated was ever trained on under another size.
"""

from __future__ import annotations

import csv
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .config import DataConfig
from .data import HELD_OUT_EVERY, is_held_out, read_members

__all__ = ["load_material"]


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
        ``(H, W, 3)`` uint8. Training pictures of the second archive occur `extra_times` times, those of microscopy
        `micro_times` times.
    """
    first = _rows(data.index)
    members = [row["member"] for i, row in enumerate(first) if is_held_out(i) == held_out]
    if data.micro_times != 1 and not held_out:
        micro = [row["member"] for i, row in enumerate(first) if not is_held_out(i) and row["kind"] == "micro"]
        members = [m for m in members if m not in set(micro)] + micro * data.micro_times
    if data.extra_archive is None or data.extra_index is None:
        return read_members(data.archive, members)
    second = _rows(data.extra_index)
    extra = [row["member"] for row in second if _original_is_held_out(row) == held_out]
    if held_out:
        shared = {_collection(row["member"]) for row in first} & {_collection(row["member"]) for row in second}
        members, extra = ([m for m in side if _collection(m) not in shared] for side in (members, extra))
    return read_members(data.archive, members) + read_members(data.extra_archive, extra) * (
        1 if held_out else data.extra_times
    )


def _rows(index: Path) -> list[dict[str, str]]:
    with open(index, newline="") as lines:
        return list(csv.DictReader(lines))


def _original_is_held_out(row: dict[str, str]) -> bool:
    """One original in 25, whichever pictures were cut from it."""
    return is_held_out(zlib.crc32(f"{row['repository']}/{row['path']}".encode()) % HELD_OUT_EVERY)


def _collection(member: str) -> str:
    return member.split("/")[0]
