"""Threads in which jobs compute, used again in the order that keeps PyTorch quick.

PyTorch's operations are divided among OpenMP threads, of which every thread that calls PyTorch gets a team of its own.
As soon as there are more of them than cores they stop spinning for work and sleep instead, and being woken for each of
a thousand small operations takes longer than the operations. Qt's pool hands its threads out in turn, so two
jobs one after the other already make two teams. Here the thread that worked last works next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_work_thread"]

_T = TypeVar("_T")

_lock = threading.Lock()
_idle: list[ThreadPoolExecutor] = []


def in_work_thread(work: Callable[[], _T]) -> _T:
    """Run `work` in a thread kept for that, and wait for it; raises what it raises."""
    with _lock:
        thread = _idle.pop() if _idle else ThreadPoolExecutor(1, thread_name_prefix="napari-glc")
    try:
        return thread.submit(work).result()
    finally:
        with _lock:
            _idle.append(thread)
