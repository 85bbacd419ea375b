"""Work in processes of its own, each on its share of the cores, which Ctrl+C stops without a word."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from ..errors import GlcError
from .threads import cores

__all__ = ["in_processes"]

_I = TypeVar("_I")
_R = TypeVar("_R")


def in_processes(work: Callable[[_I], _R], items: Sequence[_I], count: int) -> Iterator[tuple[_I, _R]]:
    """Results of a function for all items, as they come.

    Parameters
    ----------
    work
        A function of a module: what it gets and gives is sent from process to process.
    items
        What it is called with.
    count
        Processes; with 1 everything is done here.

    Yields
    ------
    tuple
        An item and its result.

    Raises
    ------
    GlcError
        If a process dies.
    BaseException
        What the function raises; what nobody has begun by then is left.
    """
    count = min(count, len(items))
    if count <= 1:
        for item in items:
            yield item, work(item)
        return
    # spawned, not forked: torch's threads do not survive a fork
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin, initargs=(count,))
    try:
        running = {pool.submit(_unless_stopped, work, item): item for item in items}
        for future in as_completed(running):
            yield running.pop(future), future.result()
    except BrokenProcessPool as error:
        raise GlcError("a process that was at work ended all of a sudden; is there enough memory?") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(count: int) -> None:
    """A process begins: its share of the cores, and Ctrl+C is for its work, not for itself."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(max(1, min(torch.get_num_threads(), cores()) // count))


def _unless_stopped(work: Callable[[_I], _R], item: _I) -> _R:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return work(item)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
