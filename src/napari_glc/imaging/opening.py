"""Whatever holds an array, opened by what it is: a picture, a microscopy file, a store."""

from __future__ import annotations

from pathlib import Path

from .._base.file_kinds import kind_in_words
from ..errors import UnsupportedArrayError
from .extras import extras_of_picture
from .files import read_picture
from .stores import Opened, is_store, open_store

__all__ = ["open_array", "suffix_of"]

_HEAD = 512
_SUFFIXES = {"a TIFF picture": ".tif", "a NumPy array": ".npy", "a .glc file": ".glc"}


def suffix_of(beginning: bytes) -> str:
    """What the name of a file that begins like this should end in; ``.png`` for any picture."""
    return _SUFFIXES.get(kind_in_words(beginning), ".png")


def open_array(path: Path) -> Opened:
    """Open a picture, or an array on disk.

    What a picture holds beside its pixels becomes metadata; see :mod:`.extras`.

    Raises
    ------
    OSError
        If there is nothing of that name, or it is a folder that is no store.
    MissingDependencyError
        If it needs Zarr and that is not installed.
    UnsupportedArrayError
        If it is something else, damaged, or of a kind that cannot be coded.
    """
    if is_store(path):
        return open_store(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a picture")
    if path.is_file():
        with open(path, "rb") as stream:
            words = kind_in_words(stream.read(_HEAD))
        if words and not words.endswith("picture"):
            cure = "; glc decode makes a picture of it" if words.endswith(".glc file") else ""
            raise UnsupportedArrayError(f"{path} cannot be read as a picture: it is {words}{cure}")
    return Opened([read_picture(path)], None, extras_of_picture(path))
