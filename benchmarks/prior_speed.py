"""Time of the bit-exact prior by everything that can multiply here, in one run.

python benchmarks/prior_speed.py [PICTURE] [--quality Q] [--repeat N] [--model M]

The symbols of a picture of one tile are written and read by 8-bit products, in float32 and in float64, in turn. Bytes
and coefficients must be equal. With one thread, and with as many as there are cores; medians of wall time, and of
processor time, which means more where other programs are running.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

import imageio.v3 as iio
import torch

from napari_glc._base.threads import side_by_side
from napari_glc._napari.samples import sample_path
from napari_glc.codecs.loading import loaded_codec
from napari_glc.models import find_model
from napari_glc.networks.fixed_products import best_products, using


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, nargs="?", default=sample_path())
    parser.add_argument("--quality", type=float, default=50)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--model", default="glc-small")
    options = parser.parse_args()
    picture = iio.imread(options.picture)[..., :3]
    codec = loaded_codec(find_model(options.model), "cpu")
    rate = round(2 * options.quality)
    y = codec.coefficients(picture, options.quality, lambda done, total: None)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(f"{picture.shape[0]} x {picture.shape[1]}, {best_products()}")
    with torch.inference_mode():
        indices = codec.hyper_indices(y)
        payload, told = codec.coder.write(y, indices, rate)
    height, width = y.shape[2:]

    def write() -> None:
        assert codec.coder.write(y, indices, rate)[0] == payload

    def read() -> None:
        assert torch.equal(codec.coder.read(payload, height, width, rate).y_hat, told.y_hat)

    def prior() -> None:
        known = codec.coder.parameters(indices, rate)
        codec.coder.prior.code_steps(known, lambda step, scale, mean: torch.zeros_like(mean))

    times: dict[tuple[str, int, str], list[tuple[float, float]]] = {}
    with torch.inference_mode():
        for _ in range(options.repeat + 1):
            for kind in ("int8", "float32", "float64"):
                for threads in sorted({1, cores}):
                    torch.set_num_threads(threads)
                    for work in (prior, write, read):
                        started, burnt = time.perf_counter(), time.process_time()
                        with using(kind):
                            side_by_side(lambda _, work=work: work(), [None])
                        taken = time.perf_counter() - started, time.process_time() - burnt
                        times.setdefault((kind, threads, work.__name__), []).append(taken)
    for (kind, threads, name), taken in times.items():
        # the first warms up
        wall, processor = (statistics.median(column) * 1000 for column in zip(*taken[1:], strict=True))
        print(f"{name:<6} {kind:<8} {threads} thread(s): {wall:7.1f} ms, {processor:7.1f} ms of the processor")


if __name__ == "__main__":
    main()
