"""What users keep in a layer's metadata, as far as a file can hold it, and what is lost on the way to one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["OWN_KEY", "kept_metadata", "words_of_loss"]

OWN_KEY = "glc"
"""Under which our own facts are; they are about the layer as it was opened and not stored."""
_MOST_BYTES = 1 << 18
"""Of an entry as JSON; a file's metadata block holds 1 MiB in all."""


def kept_metadata(metadata: Mapping[Any, Any] | None) -> tuple[dict[str, Any], list[str]]:
    """Entries that JSON can hold, and the names of those that cannot be stored.

    NumPy's numbers become Python's. Arrays, other objects and what is larger than 256 KiB are not stored.

    Parameters
    ----------
    metadata
        Of a layer.
    """
    kept: dict[str, Any] = {}
    lost: list[str] = []
    left = _MOST_BYTES
    for key, value in (metadata or {}).items():
        if key == OWN_KEY:
            continue
        try:
            text = json.dumps(value, allow_nan=False, default=_number)
        except (TypeError, ValueError, RecursionError):
            text = None
        if text is None or len(text) > left or not isinstance(key, str):
            lost.append(str(key)[:80])
        else:
            left -= len(text)
            kept[key] = json.loads(text)
    return kept, lost


def _number(value: Any) -> Any:
    """A NumPy scalar as JSON knows it."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def words_of_loss(*, metadata: list[str], tilted: bool = False) -> list[str]:
    """Sentences about what a file does not keep of its layer.

    Parameters
    ----------
    metadata
        Names of entries that could not be stored.
    tilted
        Whether a plane was taken out of a stack that is turned out of its planes.
    """
    words = []
    if metadata:
        names = ", ".join(repr(name) for name in metadata)
        words.append(f"Not stored, since JSON cannot hold it or it is too large: metadata {names}.")
    if tilted:
        words.append("Not stored, since a single plane cannot have it: the rotation, shear or affine of the stack.")
    return words
