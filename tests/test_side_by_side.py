"""Test processes do not get into each other's way; see ``conftest.py``."""

from __future__ import annotations

import os
import subprocess
import sys

import torch


def test_torch_works_in_one_thread_here_and_in_what_tests_start():
    assert torch.get_num_threads() == 1
    asked = [sys.executable, "-c", "import torch; print(torch.get_num_threads())"]
    assert subprocess.run(asked, capture_output=True, text=True).stdout == "1\n"
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
