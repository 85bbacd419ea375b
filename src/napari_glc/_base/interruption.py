"""Stopping long work from deep inside it.

Progress callbacks come between blocks and tiles, which on a slow machine can be a second apart. Somebody who presses
Cancel should not wait for that: networks that are watched ask before each of their layers whether to go on, as does
any code that calls :func:`checkpoint`. What they ask belongs to the thread that set it with :func:`interruptible`, so
other threads, and programs that set nothing, are not concerned.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["asking", "checkpoint", "interruptible", "watch"]

_thread = threading.local()


@contextmanager
def interruptible(check: Callable[[], None]) -> Iterator[None]:
    """Let `check` be called often by whatever runs in this thread meanwhile; what it raises stops the work."""
    before = asking()
    _thread.check = check
    try:
        yield
    finally:
        _thread.check = before


def asking() -> Callable[[], None] | None:
    """What this thread asks before it goes on; for other threads that do part of its work."""
    check: Callable[[], None] | None = getattr(_thread, "check", None)
    return check


def checkpoint() -> None:
    """Stop here if the work of this thread is to stop."""
    check = asking()
    if check is not None:
        check()


def _before_layer(layer: Any, inputs: Any) -> None:
    checkpoint()


def watch(network: nn.Module) -> None:
    """Make every layer of a network a checkpoint; watching twice changes nothing."""
    for layer in network.modules():
        if next(layer.children(), None) is None and _before_layer not in layer._forward_pre_hooks.values():
            layer.register_forward_pre_hook(_before_layer)
