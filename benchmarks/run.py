"""Every benchmark of speed, one after the other: what docs/explanation/performance.md tells.

python benchmarks/run.py [--quick] [--authors CHECKOUT]

With a clone of the authors' GLC (benchmarks/beside_the_authors.py) its code is measured, too; with a GPU, that. Run it
on an idle machine. The window's benchmark needs a screen: `xvfb-run -s "-screen 0 1600x1000x24" python
benchmarks/run.py`; without one it is left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from napari_glc.codecs.loading import choose_device

HERE = Path(__file__).parent
BENCHMARKS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "coding_speed.py": ((), ("--repeat", "3")),
    "prior_speed.py": ((), ("--repeat", "3")),
    "recovery_speed.py": ((), ("--repeat", "1")),
    "rate_step.py": ((), ("--repeat", "3")),
    "beside_others.py": ((), ("--repeat", "1", "--seconds", "4")),
    "gigapixel.py": (("--size", "20000"), ("--size", "4000")),
    "gui_gap.py": ((), ("slider",)),
    "gpu.py": ((), ("--repeat", "3")),
    "beside_the_authors.py": ((), ("--repeat", "1", "--size", "256x384")),
}
"""What each is asked for, and in haste."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="minutes instead of an hour")
    parser.add_argument("--authors", type=Path, metavar="CHECKOUT", help="a clone of https://github.com/jzyustc/GLC")
    options = parser.parse_args()
    failed = []
    for name, (full, quick) in BENCHMARKS.items():
        if name == "gui_gap.py" and sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
            print(f"\n== {name}: no screen, left out", flush=True)
            continue
        if name == "gpu.py" and choose_device() != "cuda":
            print(f"\n== {name}: no GPU, left out", flush=True)
            continue
        if name == "beside_the_authors.py" and options.authors is None:
            print(f"\n== {name}: no --authors, left out", flush=True)
            continue
        print(f"\n== {name}", flush=True)
        started = time.perf_counter()
        words = [options.authors] if name == "beside_the_authors.py" else []
        words += quick if options.quick else full
        if subprocess.run([sys.executable, HERE / name, *words]).returncode:
            failed.append(name)
        print(f"-- {time.perf_counter() - started:.0f} s", flush=True)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
