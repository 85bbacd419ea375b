"""Work side by side, in threads of our own that compute on one core each.

PyTorch divides every operation among a team of OpenMP threads, whose members spin while they wait for each other. On an
idle machine that is quick. Beside any other program it is not: a team is as fast as its last member, that one is
not running because somebody else is, and whoever waits for it burns the time the other needs. A network of
hundreds of small layers loses a hundredfold that way. So this package divides work in few large pieces (tiles, blocks,
bands of a picture), each computed by one thread alone, and whoever waits sleeps.

How many threads that are is PyTorch's own setting in the thread that asks (``torch.set_num_threads``,
``OMP_NUM_THREADS``, or the number of cores). The settings of that thread and of all others stay as they are.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from .interruption import asking, interruptible

__all__ = ["cores", "side_by_side", "threads"]

_I = TypeVar("_I")
_R = TypeVar("_R")

_lock = threading.Lock()
_starting = threading.Lock()
_workers: ThreadPoolExecutor | None = None
_mine = threading.local()


def threads() -> int:
    """How many pieces of work may go on at a time for this thread."""
    import torch

    limit: int | None = getattr(_mine, "limit", None)
    return min(torch.get_num_threads(), cores()) if limit is None else limit


def side_by_side(work: Callable[[_I], _R], items: Iterable[_I], done: Callable[[int], None] | None = None) -> list[_R]:
    """Results of a function for all items, computed by as many threads as PyTorch has.

    The function may use PyTorch at will: within it, operations are not divided any further. It is in the same
    inference mode as the caller, and what stops the caller's work stops it (:mod:`.interruption`). It may divide its
    own work again: whoever is idle helps.

    Parameters
    ----------
    work
        Called with one item at a time.
    items
        What it is called with.
    done
        Called in this thread with the number of results there are, after each.

    Returns
    -------
    list
        The results, in the order of the items.

    Raises
    ------
    BaseException
        What the first piece of work that failed raised, after all have ended.
    """
    waiting = deque(enumerate(items))
    count = len(waiting)
    limit, helping = threads(), getattr(_mine, "limit", None) is not None or threads() == 1
    piece = _Piece(work, limit)
    results: dict[int, _R] = {}
    running: dict[Future[_R], tuple[int, _I]] = {}

    def add(number: int, result: _R) -> None:
        results[number] = result
        if done is not None:
            done(len(results))

    try:
        while waiting or running:
            while waiting and len(running) < limit - helping:
                number, item = waiting.popleft()
                # each item with the context variables of the caller
                running[_pool().submit(contextvars.copy_context().run, piece.__call__, item)] = number, item
            if helping and not waiting:
                # what nobody has begun comes back
                waiting.extend([running.pop(future) for future in list(running) if future.cancel()])
            if helping and waiting:
                number, item = waiting.popleft()
                add(number, piece.here(item))
                continue
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                number, _ = running.pop(ended)
                # one that was stopped, was so because of another, which says why
                if not isinstance(ended.exception(), _Stopped):
                    add(number, ended.result())
    finally:
        piece.stopped.set()
        for future in running:
            future.cancel()
        wait(running)
    if len(results) < count:
        raise _Stopped  # this thread's own work is a piece, too, and another one of those failed
    return [results[number] for number in range(count)]


class _Stopped(BaseException):
    """Another piece failed, or nobody waits any more."""


class _Piece(Generic[_I, _R]):
    """A function in the surroundings of the thread that asked for it."""

    def __init__(self, work: Callable[[_I], _R], limit: int) -> None:
        import torch

        self.work, self.limit, self.stopped, self.ask = work, limit, threading.Event(), asking()
        self.inference, self.gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        self.one_at_a_time = threading.Lock()

    def _check(self) -> None:
        if self.stopped.is_set():
            raise _Stopped
        if self.ask is not None:
            with self.one_at_a_time:
                if self.stopped.is_set():
                    raise _Stopped
                try:
                    self.ask()
                except BaseException:
                    self.stopped.set()
                    raise

    def __call__(self, item: _I) -> _R:
        import torch

        _mine.limit = self.limit
        with torch.inference_mode(self.inference), torch.set_grad_enabled(self.gradients):
            return self.here(item)

    def here(self, item: _I) -> _R:
        """The same in the thread that asks."""
        with interruptible(self._check):
            return self.work(item)


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool() -> ThreadPoolExecutor:
    global _workers
    with _lock:
        if _workers is None:
            count = cores()
            _workers = ThreadPoolExecutor(count, "napari-glc", initializer=_become_worker)
            # all begin here and now, for PyTorch's number of threads is not what it should be while they do
            together = threading.Barrier(count)
            wait([_workers.submit(together.wait) for _ in range(count)])
        return _workers


def _forget() -> None:
    """Threads do not live on in a forked process."""
    global _workers, _lock, _starting
    _workers, _lock, _starting = None, threading.Lock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _become_worker() -> None:
    """Compute on one core from now on.

    PyTorch gives a thread that uses it for the first time the number set last, in any thread. So this one uses it
    before it sets its own, and another, made for that, sets the old number back at once.
    """
    import torch

    with _starting:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        setter = threading.Thread(target=torch.set_num_threads, args=(before,))
        setter.start()
        setter.join()
