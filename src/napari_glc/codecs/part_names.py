"""Names of parts for lists: what an option may be at the moment."""

from __future__ import annotations

from collections.abc import Callable

from ..models import installed_parts

__all__ = ["NONE", "REMOVED_KEY", "names_of_parts"]

NONE = "none"
"""The model's own."""
REMOVED_KEY = "removed"
"""In a file's metadata: what an encoder left out of the picture, and which encoder."""


def names_of_parts(codec: str, kind: str) -> Callable[[], tuple[str, ...]]:
    """A function of what can be chosen at the moment: nothing, and the parts of a kind for any model of a codec."""

    def names() -> tuple[str, ...]:
        found = (part.name for part in installed_parts() if part.kind == kind and part.codec == codec)
        return (NONE, *dict.fromkeys(found))

    return names
