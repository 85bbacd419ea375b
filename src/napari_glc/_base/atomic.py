"""Writing files so that a failure leaves the old one whole.

::

    part file in the target's folder --write, fsync--> rename over the target --> fsync of the folder

The part file is locked while its writer lives. Whoever writes the same target next finds the part files of writers that
were killed, sees that nobody holds their locks, and removes them: a crash leaves one behind at most until then.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows refuses to delete a file that is open, which serves as the lock
    fcntl = None  # type: ignore[assignment]

__all__ = ["write_atomically", "write_file_atomically", "write_parts_atomically"]

_SUFFIX = ".part"
_WINDOWS_PATIENCE = 60
"""Seconds after which a part file nobody has open is an orphan where there are no locks."""


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file's content in one step; see :func:`write_parts_atomically`."""
    write_parts_atomically(path, [data])


def write_parts_atomically(path: Path, parts: Iterable[bytes]) -> int:
    """Replace a file's content by parts, one after the other; see :func:`write_file_atomically`."""

    def write(stream: BinaryIO) -> None:
        for piece in parts:
            stream.write(piece)

    return write_file_atomically(path, write)


def write_file_atomically(path: Path, write: Callable[[BinaryIO], None]) -> int:
    """Replace a file's content in one step.

    Whatever happens, `path` holds its old content or the new one. Of several writers at once the last to finish wins.

    Parameters
    ----------
    path
        Target; its folder must exist. If it is a symbolic link, the file it points to is replaced.
    write
        Writes the whole content into the open file it gets, which can be sought and read; what goes wrong there goes
        wrong here.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    OSError
        If the folder is missing, read-only or full, or the file is write-protected; it names `path`.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(13, "the file is write-protected")
        prefix = _part_prefix(target.name)
        _remove_orphans(target.parent, prefix)
        size = _replace(target, prefix, write)
    except OSError as error:
        # of the class that fits the number, and with the name the user knows
        raise OSError(error.errno, error.strerror, str(path)) from error
    _sync_folder(target.parent)
    return size


def _replace(target: Path, prefix: str, write: Callable[[BinaryIO], None]) -> int:
    handle, part = _open_part(target.parent, prefix)
    try:
        # the part file stays open, and locked, until it has its final name; the stream is one that knows its name
        with os.fdopen(handle, "rb"), open(part, "r+b") as stream:
            write(stream)
            stream.flush()
            size = os.fstat(stream.fileno()).st_size
            if target.exists():
                os.chmod(part, target.stat().st_mode & 0o777)
            os.fsync(stream.fileno())
            if fcntl is not None:
                os.replace(part, target)
        if fcntl is None:
            os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    return size


def _part_prefix(name: str) -> str:
    """What the part files of a target begin with; short, because the target's name may be as long as names can be."""
    return f".glc-{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}-"


def _open_part(folder: Path, prefix: str) -> tuple[int, Path]:
    """A new part file, open and locked."""
    while True:
        part = folder / f"{prefix}{secrets.token_hex(4)}{_SUFFIX}"
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        if fcntl is None:
            return handle, part
        with suppress(OSError):  # a file system without locks: nobody will take the file for an orphan either
            fcntl.flock(handle, fcntl.LOCK_EX)
        # between the two calls somebody may have taken it for an orphan
        if os.fstat(handle).st_nlink:
            return handle, part
        os.close(handle)


def _remove_orphans(folder: Path, prefix: str) -> None:
    """Remove part files whose writers are gone."""
    try:
        parts = [path for path in folder.iterdir() if path.name.startswith(prefix) and path.suffix == _SUFFIX]
    except OSError:  # a folder that may be written but not listed; a missing one is noticed in a moment
        return
    for part in parts:
        with suppress(OSError):
            if fcntl is None:
                if time.time() - part.stat().st_mtime > _WINDOWS_PATIENCE:
                    part.unlink()
                continue
            handle = os.open(part, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
            finally:
                os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make the rename durable where folders can be opened (not on Windows)."""
    with suppress(OSError, AttributeError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
