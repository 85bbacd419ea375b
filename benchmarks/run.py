"""Every benchmark of speed, one after the other: what docs/explanation/performance.md tells.

python benchmarks/run.py [--quick]

Run it on an idle machine. The window's benchmark needs a screen: `xvfb-run -s "-screen 0 1600x1000x24" python
benchmarks/run.py`; without one it is left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "coding_speed.py": ((), ("--repeat", "3")),
    "prior_speed.py": ((), ("--repeat", "3")),
    "recovery_speed.py": ((), ("--repeat", "1")),
    "rate_step.py": ((), ("--repeat", "3")),
    "beside_others.py": ((), ("--repeat", "1", "--seconds", "4")),
    "gigapixel.py": (("--size", "20000"), ("--size", "4000")),
    "gui_gap.py": ((), ("slider",)),
}
"""What each is asked for, and in haste."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="minutes instead of an hour")
    options = parser.parse_args()
    failed = []
    for name, (full, quick) in BENCHMARKS.items():
        if name == "gui_gap.py" and sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
            print(f"\n== {name}: no screen, left out", flush=True)
            continue
        print(f"\n== {name}", flush=True)
        started = time.perf_counter()
        if subprocess.run([sys.executable, HERE / name, *(quick if options.quick else full)]).returncode:
            failed.append(name)
        print(f"-- {time.perf_counter() - started:.0f} s", flush=True)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
