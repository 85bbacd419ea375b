"""Hashes of models: those their names promise, and those of large ones, remembered beside them.

Hashing gigabytes takes seconds, and widgets list models on opening. A remembered hash holds while size and time of the
file do. It only tells which model a file is likely to be: before weights are used they are hashed in any case
(:meth:`~napari_glc.models.file.ModelFile.load`).
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._base.atomic import write_atomically
from ..errors import ModelError

__all__ = ["check_named_hash", "remember_hash", "remembered_hash"]

_FILE = ".hashes.json"
_LARGE = 1 << 24
_MAX_BYTES = 1 << 20
_SHA256 = re.compile("[0-9a-f]{64}")
_NAMED_HASH = re.compile(r"(?:^|-)(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])([0-9a-f]{8,64})$")
"""Eight hexadecimal digits or more at the end of a name. There must be letters as well as digits among them, or dates
(``20261121``) and words (``facade``) would count as hashes."""


def check_named_hash(path: Path, sha256: str) -> None:
    """Refuse a file whose name promises another hash than it has.

    Raises
    ------
    ModelError
        If the last part of the name is a hash and not a beginning of `sha256`.
    """
    named = _NAMED_HASH.search(path.name.removesuffix(".safetensors"))
    if named is not None and not sha256.startswith(named[1]):
        raise ModelError(f"{path} is not what its name says: its hash is {sha256[:12]}, not {named[1][:12]}")


def remembered_hash(path: Path, modified: int, size: int) -> tuple[str, str] | None:
    """Identity and hash of a model file, if they are remembered and size and time are what they were."""
    facts = _remembered(path.parent).get(path.name)
    if not isinstance(facts, list) or facts[:2] != [size, modified] or len(facts) != 4:
        return None
    identity, digest = (str(fact) for fact in facts[2:])
    return (identity, digest) if _SHA256.fullmatch(identity) and _SHA256.fullmatch(digest) else None


def remember_hash(path: Path, modified: int, size: int, known: tuple[str, str]) -> None:
    """Note identity and hash of a model file if it is large; where the folder cannot be written, nothing happens."""
    if size < _LARGE:
        return
    there = {name: facts for name, facts in _remembered(path.parent).items() if (path.parent / name).exists()}
    there[path.name] = [size, modified, *known]
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
