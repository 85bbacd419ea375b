"""A GPU beside the processor: time of encoding and decoding, and whether both arrive at the same symbols.

python benchmarks/gpu.py [PICTURE] [--device cuda] [--repeat N] [--size 2048x3072]

Networks run on the device; the prior and the coder of symbols stay on the processor, whose integers are the same
everywhere, so a file of one decodes with the other: every file is decoded by both, and its symbols must be intact.
Ends with an error where there is no such device.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np

import napari_glc
from napari_glc._napari.samples import sample_path
from napari_glc.codecs.loading import device_obstacles


def median(work: Callable[[], object], repeat: int) -> float:
    """Milliseconds; results lie on the processor, so nothing is left under way."""
    work()
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, nargs="?", default=sample_path())
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--size", default="512x768", help="the picture is repeated as far as that")
    options = parser.parse_args()
    obstacle = device_obstacles().get(options.device, "")
    if obstacle:
        print(obstacle)
        return 1
    height, width = map(int, options.size.split("x"))
    sample = iio.imread(options.picture)[..., :3]
    wrap = ((0, max(0, height - sample.shape[0])), (0, max(0, width - sample.shape[1])), (0, 0))
    picture = np.ascontiguousarray(np.pad(sample, wrap, mode="wrap")[:height, :width])
    print(f"{height} x {width}, medians of {options.repeat}")
    wrong = False
    for name, asked in (
        ("glc", {}),
        ("vqgan, adaptive", {"codec": "vqgan", "index_coder": "adaptive"}),
        ("vqgan, transformer", {"codec": "vqgan", "index_coder": "transformer"}),
    ):
        for device in ("cpu", options.device):
            data = napari_glc.encode(picture, device=device, **asked)
            encoding = median(lambda d=device, a=asked: napari_glc.encode(picture, device=d, **a), options.repeat)
            decoding = median(lambda d=device, b=data: napari_glc.decode(b, device=d), options.repeat)
            # raises if a symbol is not the encoder's
            one, other = (napari_glc.decode(data, device=d).astype(int) for d in ("cpu", options.device))
            apart = int(np.abs(one - other).max())
            wrong |= apart > 3
            print(
                f"{name:<20} {device:<6} encode {encoding:6.0f} ms, decode {decoding:6.0f} ms, {len(data)} bytes, "
                f"pixels by both at most {apart} grey levels apart"
            )
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
