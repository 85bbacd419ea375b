"""How much faster lost indices come back in one pass over the map than with a window for each.

python benchmarks/recovery_speed.py [--model M] [--quality Q] [--threads N] [--repeat R]

``predict_by_windows`` is the published procedure: one forward pass over a 16 x 16 window for each lost index.
``predict_in_order`` computes keys and values once, a wave of independent positions at a time. Both fill the same
losses of the index map of Kodak 23, one after the other in one process; the indices must be identical. Of `repeat`
runs in turn the fastest counts, which leaves out what else the machine was doing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch

import napari_glc
from napari_glc import recovery
from napari_glc.codecs import model_of
from napari_glc.codecs.loading import loaded_codec
from napari_glc.codecs.vqgan.codec import VqganCodec
from napari_glc.recovery.transformer import predict_by_windows

PICTURE = Path(napari_glc.__file__).parent / "samples" / "kodim23.png"


def timed(predict: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    filled = predict()
    return time.perf_counter() - started, filled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None)
    parser.add_argument("--quality", type=float, default=87.5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    codec = loaded_codec(model_of("vqgan", options.model), "cpu")
    assert isinstance(codec, VqganCodec)
    assert codec.transformer is not None
    level = codec.level(options.quality)
    indices = codec.index_map(iio.imread(PICTURE), options.quality, lambda done, total: None)
    print(
        f"{indices.shape[0]} x {indices.shape[1]} indices of {codec.config.codebooks[level]} codewords, "
        f"{options.threads} thread(s), best of {options.repeat}"
    )
    print("| alpha | lost | windows, s | in order, s | ratio | identical |")
    print("| --- | --- | --- | --- | --- | --- |")
    for ratio in (0.1, 0.2):
        lost = recovery.lost_positions(indices.shape, ratio, seed=1)
        arguments = codec.transformer, indices, lost, level
        slow, fast = [], []
        for _ in range(options.repeat):
            seconds, first = timed(lambda a=arguments: predict_by_windows(*a))
            slow.append(seconds)
            seconds, second = timed(lambda a=arguments: recovery.predict_in_order(*a))
            fast.append(seconds)
            same = bool((first == second).all())
            assert same, "the two ways differ"
        print(f"| {ratio} | {lost.sum()} | {min(slow):.2f} | {min(fast):.2f} | {min(slow) / min(fast):.1f} | {same} |")


if __name__ == "__main__":
    main()
