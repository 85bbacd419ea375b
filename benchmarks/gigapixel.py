"""Encodes and decodes a large RGB picture that is never in memory, and reports times, bytes and peak memory.

python benchmarks/gigapixel.py --size 20000 [--quality 30] [--level 0]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np

import napari_glc
from napari_glc._napari.samples import sample_path


def painted(path: Path, size: int) -> np.memmap:
    """A picture on disk: the sample over and over, each copy at another brightness."""
    sample = iio.imread(sample_path())
    picture = np.lib.format.open_memmap(path, "w+", np.uint8, (size, size, 3))
    # copies begin beside the borders of tiles, whose seams are looked for
    for row, top in enumerate(range(-200, size, 512)):
        for column, left in enumerate(range(-300, size, 768)):
            part = picture[max(top, 0) : top + 512, max(left, 0) : left + 768]
            inner = sample[max(-top, 0) :, max(-left, 0) :]
            part[...] = inner[: part.shape[0], : part.shape[1]] // (1 + (row + column) % 3)
    picture.flush()
    del picture
    return np.load(path, mmap_mode="r")


def peak() -> float:
    """Largest resident set so far, in GiB; file pages in it can be given back at any time."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def excess(strip: np.ndarray) -> float:
    """The step across the middle of a strip of four columns beyond the steps beside it, in grey levels."""
    steps = np.abs(np.diff(strip.astype(int), axis=1)).mean(axis=(0, 2))
    return float(steps[1] - (steps[0] + steps[2]) / 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=20000)
    parser.add_argument("--quality", type=float, default=30)
    options = parser.parse_args()
    size = options.size
    with tempfile.TemporaryDirectory() as folder:
        picture = painted(Path(folder) / "picture.npy", size)
        target = Path(folder) / "picture.glc"
        start = time.perf_counter()
        written = napari_glc.imwrite(target, picture, quality=options.quality)
        print(
            f"{size} x {size}: {written} bytes, encoded in {time.perf_counter() - start:.0f} s, peak {peak():.2f} GiB"
        )
        file = napari_glc.open(target)
        start, total, worst = time.perf_counter(), 0.0, []
        for box, _ in file.container.grid.groups(1536):
            part = file.read(box.slices).astype(np.int16)
            difference = np.abs(part - picture[box.slices]).mean(axis=2)
            total += float(difference.sum())
            # seams: steps across tile borders against steps one pixel beside them
            if box.left:
                where = slice(box.top, box.bottom), slice(box.left - 2, box.left + 2)
                worst.append(excess(file.read(where)) - excess(picture[where]))
        seconds = time.perf_counter() - start
        print(f"decoded in {seconds:.0f} s, peak {peak():.2f} GiB, mean difference {total / size**2:.2f} grey levels")
        if worst:
            print(
                "steps across block borders beyond those beside them, less the same in the original: "
                f"mean {np.mean(worst):+.3f}, worst {max(worst):+.2f}"
            )


if __name__ == "__main__":
    main()
