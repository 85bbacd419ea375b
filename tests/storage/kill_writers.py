"""Kill writers at random moments and look at what they leave: `python tests/storage/kill_writers.py --runs 200`.

Each run starts a process that overwrites one file again and again and kills it with SIGKILL after a random time. The
file must then be whole: one that some writer wrote, to the last byte. Part files may be left by the killed writer
only, and the next write removes them. With ``--writers 2`` two processes write the same file at once.
"""

from __future__ import annotations

import argparse
import io
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import napari_glc
from napari_glc._base.atomic import write_atomically
from napari_glc.container import parse, read_chunk
from writer_process import content


@dataclass
class Outcome:
    """What was seen in all runs."""

    runs: int = 0
    changed: int = 0
    with_part_file: int = 0
    most_part_files: int = 0


def kill_writers(folder: Path, runs: int, *, writers: int = 1, size: int = 1 << 20, seed: int = 0) -> Outcome:
    """Run and check; raises if a file is neither the old one nor a new one, or part files pile up."""
    target, rng, outcome = folder / "picture ü 雪.glc", random.Random(seed), Outcome()
    environment = {"PYTHONPATH": str(Path(napari_glc.__file__).parents[1]), "PATH": "/usr/bin:/bin"}
    script = Path(__file__).with_name("writer_process.py")
    write_atomically(target, content(0, size))
    before = 0
    for run in range(runs):
        seeds = [10**6 * (run * writers + k + 1) for k in range(writers)]
        processes = [
            subprocess.Popen(
                [sys.executable, script, target, str(s), str(size)], stdout=subprocess.PIPE, env=environment
            )
            for s in seeds
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0, 0.05))
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.communicate()

        data = target.read_bytes()
        container = parse(data)
        read_chunk(io.BytesIO(data), container, 0)
        number = container.metadata.get("number", 0)
        assert number == before or number // 10**6 * 10**6 in seeds, (number, before, seeds)
        assert data == content(number, size)
        parts = list(folder.glob(".glc-*.part"))
        assert len(parts) <= writers, parts
        outcome.runs += 1
        outcome.changed += number != before
        outcome.with_part_file += bool(parts)
        outcome.most_part_files = max(outcome.most_part_files, len(parts))
        before = number
    write_atomically(target, content(0, size))
    assert [path.name for path in folder.iterdir()] == [target.name]
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--writers", type=int, default=1)
    parser.add_argument("--bytes", type=int, default=1 << 20)
    options = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_writers(Path(folder), options.runs, writers=options.writers, size=options.bytes)
    print(
        f"{outcome.runs} runs of {options.writers} writer(s), {time.perf_counter() - started:.0f} s: every file whole; "
        f"{outcome.changed} times a new one, {outcome.runs - outcome.changed} times the old one; "
        f"{outcome.with_part_file} kills left part files, never more than {outcome.most_part_files}, none after the "
        "next write"
    )


if __name__ == "__main__":
    main()
