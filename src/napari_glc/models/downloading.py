"""Fetching a checkpoint: what is there already is kept, and what comes is checked.

The bytes go to ``NAME.part`` beside the target. They stay if the connection breaks; the next attempt asks the server
for the missing ones, provided that its file has not changed.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from .._base.progress import Progress, no_progress
from ..errors import ModelError, OptionError

__all__ = ["DownloadError", "download"]

_PIECE = 1 << 20
_PATIENCE = 30
_MOST_BYTES = 1 << 35


class DownloadError(ModelError):
    """A file could not be fetched; what came of it is kept."""


def download(url: str, target: Path, *, sha256: str = "", progress: Progress = no_progress) -> Path:
    """Fetch a file, or what is missing of it.

    Parameters
    ----------
    url
        ``https``; or ``http`` on this machine.
    target
        Where; its folder is made. A file that is there already is taken as it is, after its hash is checked.
    sha256
        What it must have; empty if not known.
    progress
        Called with bytes that are there and in all (0 if the server does not say).

    Raises
    ------
    DownloadError
        If the server cannot be reached, refuses, or breaks off.
    ModelError
        If the file has another hash; it is deleted.
    OptionError
        If the address is of another kind.
    """
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise OptionError(f"{url} is no https address")
    target.parent.mkdir(parents=True, exist_ok=True)
    part, version = target.with_name(target.name + ".part"), target.with_name(target.name + ".version")
    if not target.exists():
        try:
            _fetch(url, part, version, progress)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise DownloadError(f"{url} cannot be fetched: {reason}") from error
        os.replace(part, target)
        version.unlink(missing_ok=True)
    if sha256:
        with open(target, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != sha256:
            target.unlink()
            raise ModelError(f"{url} is not what it was: its hash is {found[:12]}, not {sha256[:12]}; it was deleted")
    return target


def _fetch(url: str, part: Path, version: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() and version.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "napari-glc"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", version.read_text(encoding="utf-8"))
    try:
        response: Any = urllib.request.urlopen(request, timeout=_PATIENCE)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        # the part is as long as the file, or longer: begin again
        part.unlink()
        return _fetch(url, part, version, progress)
    with response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        if resumed and not str(response.headers.get("Content-Range", "")).startswith(f"bytes {have}-"):
            raise OSError("the server sends another part than it was asked for")
        if not resumed:
            have = 0
        # a weak tag does not tell that bytes are equal
        tag = str(response.headers.get("ETag") or response.headers.get("Last-Modified") or "")
        if tag and not tag.startswith("W/"):
            version.write_text(tag, encoding="utf-8")
        else:
            version.unlink(missing_ok=True)
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else 0
        if total > _MOST_BYTES:
            raise OSError(f"{total} bytes are more than any checkpoint has")
        with open(part, "ab" if resumed else "wb") as stream:
            progress(have, total)
            while piece := response.read(_PIECE):
                stream.write(piece)
                have += len(piece)
                progress(have, total)
                if have > _MOST_BYTES:
                    raise OSError(f"more than {_MOST_BYTES} bytes are no checkpoint")
        if total and have != total:
            raise OSError(f"the connection broke after {have} of {total} bytes; run it again to go on from there")
    return None
