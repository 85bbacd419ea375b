"""Showing what is there of a result while it is being made.

Like :mod:`.interruption`, this belongs to a thread: whoever wants to look on says so with :func:`looking_on`, and work
that passes through presentable states offers them with :func:`offer`. Nobody else is concerned.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["looking_on", "offer"]

_SECONDS = 0.5
"""Least time between two states: to make one presentable costs time that the work itself then lacks."""

_thread = threading.local()


@contextmanager
def looking_on(show: Callable[[Any], None]) -> Iterator[None]:
    """Let `show` be called with states of the work that this thread does meanwhile."""
    before = getattr(_thread, "show", None), getattr(_thread, "last", 0.0)
    _thread.show, _thread.last = show, time.monotonic()
    try:
        yield
    finally:
        _thread.show, _thread.last = before


def offer(make: Callable[[], Any]) -> None:
    """Show what `make` makes, if somebody looks on and the last state is half a second old."""
    show = getattr(_thread, "show", None)
    if show is not None and time.monotonic() - _thread.last >= _SECONDS:
        show(make())
        _thread.last = time.monotonic()
