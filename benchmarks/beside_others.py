"""How encoding and decoding fare while other programs use the same cores.

python benchmarks/beside_others.py [PICTURE] [--repeat N] [--seconds S] [--against SRC]

One picture is encoded and decoded again and again by a process of its own: alone; beside a busy loop on every core;
beside a PyTorch program with a thread on every core; and by two processes at once. Printed are medians, how many times
longer than alone that is, and of two at once how many pictures they get done together for each of one alone.
``--against`` measures the package in another ``src`` folder, too, in turn with this one. Variables that tell OpenMP
what to do are taken out of the environment: nobody should have to know them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OURS = Path(__file__).parents[1] / "src"

WORK = """
import json, sys, time
import imageio.v3 as iio
import napari_glc
picture, seconds = iio.imread(sys.argv[1]), float(sys.argv[2])
data = napari_glc.encode(picture, device="cpu")
napari_glc.decode(data, device="cpu")
print("ready", flush=True)
sys.stdin.readline()
times, started = [], time.perf_counter()
while time.perf_counter() - started < seconds:
    before = time.perf_counter()
    napari_glc.encode(picture, device="cpu")
    middle = time.perf_counter()
    napari_glc.decode(data, device="cpu")
    times.append((middle - before, time.perf_counter() - middle))
print(json.dumps(times), flush=True)
"""

BUSY = "while True: pass"

OTHER = """
import torch
net = torch.nn.Sequential(*(m for _ in range(8) for m in (torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.ReLU())))
x = torch.randn(4, 32, 64, 64)
while True:
    net(x).sum().backward()
"""


def environment(source: Path | None = None) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "MKL_", "KMP_", "GOMP_"))}
    return kept if source is None else kept | {"PYTHONPATH": str(source)}


@contextmanager
def running(code: str, count: int) -> Iterator[None]:
    others = [subprocess.Popen([sys.executable, "-c", code], env=environment()) for _ in range(count)]
    # whatever they import
    time.sleep(8 if "torch" in code else 0.5)
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(source: Path, picture: Path, seconds: float, count: int, patience: float) -> list[tuple[float, float]]:
    """Times of encoding and decoding of all processes; empty if one does not end."""
    command = [sys.executable, "-c", WORK, str(picture), str(seconds)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, env=environment(source), **pipes) for _ in range(count)]
    try:
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            worker.stdin.write("\n")
            worker.stdin.flush()
        times = []
        for worker in workers:
            out, _ = worker.communicate(timeout=seconds + patience)
            times += [tuple(pair) for pair in json.loads(out)]
    except subprocess.TimeoutExpired:
        return []
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, nargs="?", default=OURS / "napari_glc" / "samples" / "kodim23.png")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; medians are over all of them")
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--patience", type=float, default=60, help="seconds more after which one is given up")
    parser.add_argument("--against", type=Path, metavar="SRC")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    situations = {
        "alone": ("", 0, 1),
        f"beside {cores} busy loop(s)": (BUSY, cores, 1),
        f"beside PyTorch in {cores} thread(s)": (OTHER, 1, 1),
        "two at once": ("", 0, 2),
    }
    sources = {"this": OURS} | ({} if options.against is None else {"other": options.against})
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    given_up = set()
    for _ in range(options.repeat):
        for situation, (code, count, workers) in situations.items():
            for name, source in sources.items():
                with running(code, count):
                    times = measure(source, options.picture, options.seconds, workers, options.patience)
                found.setdefault((name, situation), []).extend(times)
                if not times:
                    given_up.add((name, situation))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{options.picture.name}, {cores} core(s), load of the last minute {load:.1f}")
    for name in sources:
        idle = found[name, "alone"]
        for situation, (_, _, workers) in situations.items():
            times = found[name, situation]
            if not times or (name, situation) in given_up:
                print(f"{name:<6} {situation:<32} not done within {options.patience:.0f} s of patience")
                continue
            words = []
            for label, column in (("encode", 0), ("decode", 1)):
                median = statistics.median(pair[column] for pair in times)
                ratio = median / statistics.median(pair[column] for pair in idle)
                words.append(f"{label} {median * 1000:7.0f} ms, {ratio:5.2f} times alone")
            if workers > 1:
                words.append(f"together {len(times) / len(idle):.2f} of one's pictures")
            print(f"{name:<6} {situation:<32} " + "; ".join(words))


if __name__ == "__main__":
    main()
