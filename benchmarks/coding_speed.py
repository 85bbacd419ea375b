"""Time of encoding and decoding a photograph, in this process and as commands of their own.

python benchmarks/coding_speed.py [PICTURE] [--repeat N]

Medians of wall time. Index maps are coded by the adaptive coder and by the transformer. What a command takes beyond
that is mostly the import of PyTorch, which is printed beside it; ``glc info`` needs none.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio

import napari_glc

PICTURE = Path(napari_glc.__file__).parent / "samples" / "kodim23.png"
COMMAND = "from napari_glc.cli import main; raise SystemExit(main())"


def median(work: Callable[[], object], repeat: int) -> float:
    work()
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def command(code: str, *words: str | Path) -> Callable[[], object]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    call = [sys.executable, "-c", code, *map(str, words)]
    return lambda: subprocess.run(call, check=True, capture_output=True, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, nargs="?", default=PICTURE)
    parser.add_argument("--repeat", type=int, default=10)
    options = parser.parse_args()
    picture, repeat = iio.imread(options.picture), options.repeat
    print(f"{picture.shape[0]} x {picture.shape[1]}, medians of {repeat}")
    for name, chosen in (
        ("glc", {}),
        ("vqgan, adaptive", {"codec": "vqgan", "index_coder": "adaptive"}),
        ("vqgan, transformer", {"codec": "vqgan", "index_coder": "transformer"}),
    ):
        data = napari_glc.encode(picture, device="cpu", **chosen)
        encoding = median(lambda chosen=chosen: napari_glc.encode(picture, device="cpu", **chosen), repeat)
        decoding = median(lambda data=data: napari_glc.decode(data, device="cpu"), repeat)
        print(f"{name:<20} encode {encoding:6.0f} ms, decode {decoding:6.0f} ms, {len(data)} bytes")
    with tempfile.TemporaryDirectory() as folder:
        file, few = Path(folder) / "a.glc", max(1, repeat // 3)
        print(f"glc encode           {median(command(COMMAND, 'encode', options.picture, file), few):6.0f} ms")
        print(f"glc decode           {median(command(COMMAND, 'decode', file, file.with_suffix('.png')), few):6.0f} ms")
        print(f"glc info             {median(command(COMMAND, 'info', file), few):6.0f} ms")
        print(f"import torch         {median(command('import torch'), few):6.0f} ms")


if __name__ == "__main__":
    main()
