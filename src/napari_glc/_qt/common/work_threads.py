"""Threads in which jobs compute, used again in the order that keeps PyTorch quick.

PyTorch's operations are divided among OpenMP threads, of which every thread that calls PyTorch gets a team of its own.
As soon as there are more of them than cores they stop spinning for work and sleep instead, and being woken for each of
a thousand small operations takes longer than the operations. Pools, Qt's and Python's, hand out their threads in turn,
so two jobs one after the other already make two teams. Here the thread that worked last works next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["end_work_threads", "start_in_work_thread"]

_T = TypeVar("_T")

_lock = threading.Lock()
_kept: set[ThreadPoolExecutor] = set()
_idle: list[ThreadPoolExecutor] = []
"""Those of the kept that have nothing to do, the one that worked last at the end."""


def start_in_work_thread(work: Callable[[], _T], then: Callable[[_T], None]) -> None:
    """Run `work`, which raises nothing, in a thread kept for that, and hand its result to `then` there.

    The thread counts as free before `then`: a job that is started because this one has ended is to get it.
    """

    def run() -> None:
        result = work()
        with _lock:
            if thread in _kept:
                _idle.append(thread)
        then(result)

    with _lock:
        thread = _idle.pop() if _idle else ThreadPoolExecutor(1, thread_name_prefix="napari-glc")
        _kept.add(thread)
        thread.submit(run)


def end_work_threads() -> None:
    """End every thread as soon as it has nothing to do; whoever needs one later gets another."""
    with _lock:
        for thread in _kept:
            thread.shutdown(wait=False)
        _kept.clear()
        _idle.clear()
