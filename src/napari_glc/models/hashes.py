"""Hashes of large models, remembered beside them: hashing gigabytes takes seconds, and widgets list models on opening.

A remembered hash holds while size and time of the file do. It only tells which model a file is likely to be: before
weights are used they are hashed in any case (:meth:`~napari_glc.models.file.ModelFile.load`).
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._base.atomic import write_atomically

__all__ = ["remember_hash", "remembered_hash"]

_FILE = ".hashes.json"
_LARGE = 1 << 24
_MAX_BYTES = 1 << 20
_SHA256 = re.compile("[0-9a-f]{64}")


def remembered_hash(path: Path, modified: int, size: int) -> str | None:
    """The SHA-256 of a model file, if it is remembered and size and time are what they were."""
    facts = _remembered(path.parent).get(path.name)
    if not isinstance(facts, list) or facts[:2] != [size, modified] or len(facts) != 3:
        return None
    return facts[2] if _SHA256.fullmatch(str(facts[2])) else None


def remember_hash(path: Path, modified: int, size: int, sha256: str) -> None:
    """Note the hash of a model file if it is large; where the folder cannot be written, nothing happens."""
    if size < _LARGE:
        return
    there = {name: facts for name, facts in _remembered(path.parent).items() if (path.parent / name).exists()}
    there[path.name] = [size, modified, sha256]
    with suppress(OSError):
        write_atomically(path.parent / _FILE, json.dumps(there).encode())


def _remembered(folder: Path) -> dict[str, Any]:
    try:
        if (folder / _FILE).stat().st_size > _MAX_BYTES:
            return {}
        found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
