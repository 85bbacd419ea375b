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
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Generic, TypeVar

from .interruption import asking, interruptible

__all__ = ["side_by_side", "threads"]

_I = TypeVar("_I")
_R = TypeVar("_R")

_lock = threading.Lock()
_starting = threading.Lock()
_workers: ThreadPoolExecutor | None = None
_mine = threading.local()


def threads() -> int:
    """How many pieces of work go on at a time if this thread asks for them; 1 within such a piece."""
    import torch

    return 1 if getattr(_mine, "working", False) else min(torch.get_num_threads(), _cores())


def side_by_side(work: Callable[[_I], _R], items: Iterable[_I], done: Callable[[int], None] | None = None) -> list[_R]:
    """Results of a function for all items, computed by as many threads as PyTorch has.

    The function may use PyTorch at will: within it, operations are not divided any further. It is in the same
    inference mode as the caller, and what stops the caller's work stops it (:mod:`.interruption`).

    Parameters
    ----------
    work
        Called with one item at a time; within another piece of work, in the same thread.
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
    items = list(items)
    if threads() == 1:
        found = []
        for item in items:
            found.append(work(item))
            if done is not None:
                done(len(found))
        return found
    piece = _Piece(work)
    pool = _pool()
    limit = threads()
    waiting = list(enumerate(items))[::-1]
    running: dict[Future[_R], int] = {}
    results: dict[int, _R] = {}
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                number, item = waiting.pop()
                # each item with the context variables of the caller
                future = pool.submit(contextvars.copy_context().run, piece.__call__, item)
                running[future] = number
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(ended)
                # one that was stopped, was so because of another, which says why
                if not isinstance(ended.exception(), _Stopped):
                    results[number] = ended.result()
                    if done is not None:
                        done(len(results))
    finally:
        piece.stopped.set()
        wait(running)
    return [results[number] for number in range(len(items))]


class _Stopped(BaseException):
    """Another piece failed, or nobody waits any more."""


class _Piece(Generic[_I, _R]):
    """A function in the surroundings of the thread that asked for it."""

    def __init__(self, work: Callable[[_I], _R]) -> None:
        import torch

        self.work, self.stopped, self.ask = work, threading.Event(), asking()
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

        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(self.inference))
            stack.enter_context(torch.set_grad_enabled(self.gradients))
            stack.enter_context(interruptible(self._check))
            self._check()
            return self.work(item)


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool() -> ThreadPoolExecutor:
    global _workers
    with _lock:
        if _workers is None:
            _workers = ThreadPoolExecutor(_cores(), "napari-glc", initializer=_become_worker)
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

    _mine.working = True
    with _starting:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        setter = threading.Thread(target=torch.set_num_threads, args=(before,))
        setter.start()
        setter.join()
