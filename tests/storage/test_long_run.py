"""Nothing piles up in a process that works for long; the long version is `python tests/storage/long_run.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
import long_run


@pytest.mark.parametrize(("run", "count"), [(long_run.cycles, 45), (long_run.layers, 20)])
def test_memory_handles_and_threads_stay(tmp_path, run, count):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        before, after = run(tmp_path, count, 15)
    finally:
        torch.set_num_threads(threads)
    assert after.grown(before) < 0.05
    assert after.handles <= before.handles
    assert after.threads <= before.threads
