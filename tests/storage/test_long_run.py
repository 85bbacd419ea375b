"""Nothing piles up in a process that works for long; the long version is `python tests/storage/long_run.py`."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

import long_run


@pytest.fixture
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize(("run", "count", "warm_up"), [(long_run.cycles, 15, 15), (long_run.layers, 5, 5)])
def test_memory_handles_and_threads_stay(tmp_path, run, count, warm_up):
    before, after = run(tmp_path, count, warm_up)
    # a picture of these takes 12 KiB
    assert after.held - before.held < 1024 * count
    assert after.grown(before) < 0.02
    assert after.handles <= before.handles
    assert after.threads <= before.threads
