"""Where verbs read and write: files, standard input and output, and what is neither."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import EmptyFileError, GlcError, OptionError

__all__ = ["add_no_clobber", "check_output", "input_file", "is_stream", "nothing_in", "say", "tell", "write_output"]

_STANDARD = "-"
_PIECE = 1 << 20


def is_stream(path: Path) -> bool:
    """Whether a name means standard input or output, or a pipe: it is read or written once, from end to end."""
    if str(path) == _STANDARD or path.parts[:2] == ("/", "dev"):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def input_file(path: Path, *, folders: str = "") -> Iterator[Path]:
    """A file with what a name means: itself, or what came through a pipe.

    Parameters
    ----------
    path
        What the user wrote.
    folders
        The verb to use for folders, if there is one.

    Raises
    ------
    OptionError
        If it is a folder, but no store.
    """
    if not is_stream(path):
        if path.is_dir() and path.suffix.lower() != ".zarr":
            hint = f": use {folders}" if folders else ", not a file"
            raise OptionError(f"{path} is a folder{hint}")
        yield path
        return
    from ..imaging.opening import suffix_of

    name = "standard input" if str(path) == _STANDARD else str(path)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "piped"
        beginning = b""
        with open(whole, "wb") as kept, _opened(path) as stream:
            while piece := stream.read(_PIECE):
                beginning = beginning or piece
                kept.write(piece)
        if not beginning:
            raise EmptyFileError(f"nothing came through {name}")
        whole = whole.rename(whole.with_suffix(suffix_of(beginning)))
        try:
            yield whole
        except GlcError as error:
            raise type(error)(str(error).replace(str(whole), name)) from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if str(path) == _STANDARD:
        yield sys.stdin.buffer
    else:
        with open(path, "rb") as stream:
            yield stream


def add_no_clobber(parser: argparse.ArgumentParser) -> None:
    """Add ``--no-clobber``."""
    parser.add_argument("--no-clobber", action="store_true", help="never write over a file that is there")


def check_output(path: Path, options: argparse.Namespace, suffix: str = "") -> None:
    """Say what is wrong with the name of an output before anything is computed for it.

    Parameters
    ----------
    path
        What the user wrote.
    options
        With ``no_clobber``, if the verb has that.
    suffix
        What a file's name must end in.

    Raises
    ------
    OptionError
        If it is a folder, of another suffix, or a terminal, which bytes would garble.
    OSError
        If its folder is missing, or the file is there and must not be written over.
    """
    if is_stream(path):
        if str(path) == _STANDARD and sys.stdout.isatty():
            raise OptionError("standard output is a terminal: name a file, or pipe it into a program")
        return
    if path.is_dir():
        example = path / f"picture{suffix or '.png'}"
        raise OptionError(f"{path} is a folder: name the file to write, such as {example}")
    if suffix and path.suffix.lower() != suffix:
        raise OptionError(f"{path} does not end in {suffix}")
    if getattr(options, "no_clobber", False) and path.exists():
        raise FileExistsError(f"{path} is there already and is kept (--no-clobber)")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")


def write_output(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file atomically, or to where a name like ``-`` leads."""
    from .._base.atomic import write_parts_atomically

    if not is_stream(path):
        write_parts_atomically(path, parts)
    elif str(path) == _STANDARD:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
    else:
        with open(path, "wb") as stream:
            for part in parts:
                stream.write(part)


def say(options: argparse.Namespace, words: str, output: Path | None = None) -> None:
    """Print what was done, on stderr if the output itself goes to standard output; not with ``--quiet``."""
    if not getattr(options, "quiet", False):
        print(words, file=sys.stderr if output is not None and is_stream(output) else sys.stdout)


def tell(options: argparse.Namespace, words: str) -> None:
    """Print on stderr what the user should know of what was done; not with ``--quiet``."""
    if not getattr(options, "quiet", False):
        print(f"glc: {words}", file=sys.stderr)


def nothing_in(folder: Path, what: str, recursive: bool) -> str:
    """What to say of a folder without anything to work on."""
    deeper = " nor do its sub-folders" if recursive else "; sub-folders are entered with --recursive"
    return f"glc: {folder} holds no {what}{deeper}"
