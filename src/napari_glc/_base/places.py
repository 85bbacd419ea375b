"""Things named by where they lie in code, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["found_at"]


def found_at(place: str) -> Any:
    """What lies at a place.

    Parameters
    ----------
    place
        ``"module:attribute"``.
    """
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
