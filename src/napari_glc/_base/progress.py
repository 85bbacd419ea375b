"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "no_progress", "part_of", "shifted"]

Progress = Callable[[int, int], None]
"""Called with units of work done and in all; whatever it raises stops the work."""


def no_progress(done: int, total: int) -> None:
    """Do nothing: a :data:`Progress` for work that nobody watches."""


def shifted(progress: Progress, before: int, total: int) -> Progress:
    """Progress of a part of the work: `before` units were done when it began, and there are `total` in all."""
    return lambda done, _: progress(before + done, total)


def part_of(progress: Progress, before: int, units: int, total: int) -> Progress:
    """Progress of a part that counts its work otherwise: of `total` units it has `units`, after `before`."""
    return lambda done, of: progress(before * of + units * done, total * of)
