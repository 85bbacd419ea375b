"""Work side by side: results, errors, cancelling, and nobody else's settings touched."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest
import torch

from napari_glc._base import threads as module
from napari_glc._base.interruption import checkpoint, interruptible
from napari_glc._base.threads import side_by_side, threads
from napari_glc.errors import Cancelled


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch) -> Iterator[None]:
    """As on a machine with two cores, whatever there are."""
    before = torch.get_num_threads()
    monkeypatch.setattr(module, "cores", lambda: 2)
    monkeypatch.setattr(module, "_workers", None)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_from_several_threads():
    seen, counts = set(), []
    together = threading.Barrier(2, timeout=30)

    def work(item: int) -> int:
        if item < 2:
            together.wait()
        seen.add(threading.get_ident())
        time.sleep(0.01 * (5 - item))
        return item * item

    assert side_by_side(work, range(5), counts.append) == [0, 1, 4, 9, 16]
    assert len(seen) == 2
    assert threading.get_ident() not in seen
    assert counts == [1, 2, 3, 4, 5]


def test_a_piece_computes_on_one_core_and_nobody_elses_settings_change():
    def inside(_: int) -> tuple[int, int]:
        return torch.get_num_threads(), threads()

    def told() -> int:
        with ThreadPoolExecutor(1) as fresh:
            return fresh.submit(torch.get_num_threads).result()

    for number in (2, 3):
        torch.set_num_threads(number)
        before = told()
        assert side_by_side(inside, range(3)) == [(1, 2)] * 3
        assert torch.get_num_threads() == number
        assert told() == before


def test_with_one_thread_everything_happens_in_the_callers():
    torch.set_num_threads(1)
    counts: list[int] = []
    assert threads() == 1
    assert side_by_side(lambda _: threading.get_ident(), "abc", counts.append) == [threading.get_ident()] * 3
    assert counts == [1, 2, 3]
    assert side_by_side(abs, []) == []


def test_pieces_of_pieces_are_taken_by_whoever_is_idle():
    together = threading.Barrier(2, timeout=60)

    def inner(item: int) -> int:
        if item < 2:
            together.wait()
        assert torch.get_num_threads() == 1
        return threading.get_ident()

    (used,) = side_by_side(lambda _: side_by_side(inner, range(6)), [0])
    assert len(set(used)) == 2
    assert threading.get_ident() not in used
    # more pieces than threads, each with pieces of its own: nobody waits for ever
    found = side_by_side(lambda outer: side_by_side(lambda i: outer * i, range(5)), range(7))
    assert found == [[outer * i for i in range(5)] for outer in range(7)]


def test_surroundings_come_along():
    variable: ContextVar[str] = ContextVar("variable", default="outside")

    def inside(_: int) -> tuple[bool, bool, str]:
        return torch.is_inference_mode_enabled(), torch.is_grad_enabled(), variable.get()

    variable.set("inside")
    assert side_by_side(inside, range(2)) == [(False, True, "inside")] * 2
    with torch.inference_mode():
        assert side_by_side(inside, range(2)) == [(True, False, "inside")] * 2
    with torch.no_grad():
        assert side_by_side(inside, range(2)) == [(False, False, "inside")] * 2


def test_an_error_stops_the_others_and_arrives():
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 1:
            raise KeyError("broken")
        for _ in range(1000):
            time.sleep(0.005)
            checkpoint()

    started = time.monotonic()
    with pytest.raises(KeyError, match="broken"):
        side_by_side(work, range(50))
    assert time.monotonic() - started < 4
    assert len(begun) < 10


def test_who_cancels_is_asked_by_every_piece_and_no_more_after_saying_so():
    asked, who = [], set()

    def stop() -> None:
        asked.append(1)
        who.add(threading.get_ident())
        if len(asked) == 20:
            raise Cancelled("cancelled")

    def work(_: int) -> None:
        while True:
            checkpoint()
            time.sleep(0.001)

    with interruptible(stop), pytest.raises(Cancelled):
        side_by_side(work, range(2))
    assert len(asked) == 20
    assert len(who) == 2
    checkpoint()


def test_an_interrupted_wait_leaves_nobody_working():
    ended = []

    def work(_: int) -> None:
        try:
            while True:
                checkpoint()
                time.sleep(0.001)
        finally:
            ended.append(1)

    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side(lambda item: work(item) if item else None, [0, 1], interrupt)
    assert ended == [1]


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="needs fork")
def test_a_forked_process_has_threads_of_its_own():
    assert side_by_side(abs, [-1, -2]) == [1, 2]
    torch.set_num_threads(2)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if side_by_side(abs, [-3, -4]) == [3, 4] else 1)
        finally:
            os._exit(2)
    for _ in range(200):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert status == 0
