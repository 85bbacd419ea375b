"""Time of a step of the rate explorer beside a full encode and decode of the same picture, in one run.

python benchmarks/rate_step.py [PICTURE] [--repeat N]

Both are measured in turn, so that whatever else the machine does meets both; the ratio means more than the times.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import imageio.v3 as iio

import napari_glc
from napari_glc._napari.samples import sample_path
from napari_glc.inspection.rate.session import RateSession


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path, nargs="?", default=sample_path())
    parser.add_argument("--repeat", type=int, default=9)
    options = parser.parse_args()
    picture = iio.imread(options.picture)
    started = time.perf_counter()
    session = RateSession(picture, device="cpu")
    print(f"analysis and loading of the model: {time.perf_counter() - started:.3f} s")
    steps, whole = [], []
    for number in range(options.repeat + 1):
        quality = 100 * number / options.repeat
        started = time.perf_counter()
        step = session.at(quality)
        middle = time.perf_counter()
        data = napari_glc.encode(picture, quality=quality, device="cpu")
        napari_glc.decode(data, device="cpu")
        ended = time.perf_counter()
        assert step.data == data
        if number:  # the first warms up
            steps.append(middle - started)
            whole.append(ended - middle)
    ratio = statistics.median(s / w for s, w in zip(steps, whole, strict=True))
    print(f"{picture.shape[0]} x {picture.shape[1]}, {options.repeat} qualities")
    print(f"step: median {statistics.median(steps):.3f} s, least {min(steps):.3f} s")
    print(f"encode and decode: median {statistics.median(whole):.3f} s, least {min(whole):.3f} s")
    print(f"step / (encode and decode): {ratio:.2f}")


if __name__ == "__main__":
    main()
