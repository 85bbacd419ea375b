"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "no_progress"]

Progress = Callable[[int, int], None]
"""Called with units of work done and in all; whatever it raises stops the work."""


def no_progress(done: int, total: int) -> None:
    """Do nothing: a :data:`Progress` for work that nobody watches."""
