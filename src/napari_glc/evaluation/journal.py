"""What was measured so far, so that an interrupted evaluation goes on where it was.

A folder with a line of JSON for every result, appended as soon as it is known, and the pictures of a report beside it.
Each is named by a hash of all it depends on: the picture, the coder with its versions, models and options, the quality,
the measures. So nothing stale is ever taken up, and another run with one more codec measures that codec alone.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from .._base.atomic import write_atomically
from ..errors import OptionError

__all__ = ["Journal", "key_of"]

_ROWS = "results.jsonl"


def key_of(*parts: object) -> str:
    """A name for what depends on `parts`, JSON values all of them."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class Journal:
    """A folder of results.

    Parameters
    ----------
    folder
        Made if it is missing.

    Raises
    ------
    OptionError
        If there is something else at that place.
    OSError
        If it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise OptionError(f"{folder} is not a folder")
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / _ROWS).is_file():
            raise OptionError(f"{folder} holds something else than results of an evaluation")
        self.folder = folder
        self._rows = self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        path, rows = self.folder / _ROWS, {}
        if not path.exists():
            path.touch()
        text = path.read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            try:
                row = json.loads(line)
                rows[str(row.pop("key"))] = row
            except (ValueError, LookupError, AttributeError, TypeError):
                continue  # the line that was being written when somebody pulled the plug
        if text and not text.endswith("\n"):
            self._append("\n")
        return rows

    def get(self, key: str) -> dict[str, Any] | None:
        """What was kept under a key."""
        return self._rows.get(key)

    def put(self, key: str, row: dict[str, Any]) -> None:
        """Keep a row, a JSON object."""
        self._rows[key] = row
        self._append(json.dumps({"key": key, **row}) + "\n")

    def _append(self, text: str) -> None:
        with open(self.folder / _ROWS, "a", encoding="utf-8") as stream:
            stream.write(text)

    def get_file(self, key: str, suffix: str) -> bytes | None:
        """The content of a file kept under a key."""
        path = self.folder / f"{key}{suffix}"
        return path.read_bytes() if path.is_file() else None

    def put_file(self, key: str, suffix: str, data: bytes) -> None:
        """Keep a file."""
        write_atomically(self.folder / f"{key}{suffix}", data)
