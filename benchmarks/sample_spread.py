"""Whether samples differ where they are wrong: rank correlation of deviation and error, block by block.

python benchmarks/sample_spread.py PICTURES CODEC:QUALITIES [--samples 6] [--model M]

For each picture and quality, the standard deviation over samples and the error of the first sample, both as root mean
squares over blocks of 16 x 16 pixels, and Spearman's rank correlation between the two. The last column is the same
between the error and the local contrast of the first sample: what one would get without any samples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

import napari_glc
from napari_glc.evaluation.running import pictures_in
from napari_glc.imaging.files import read_picture
from napari_glc.inspection.samples import spread

BLOCK = 16


def of_blocks(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root means of ``(H, W)`` squares over blocks, flat."""
    height, width = (side - side % BLOCK for side in squares.shape)
    cells = squares[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return np.sqrt(cells.mean((1, 3))).ravel()


def contrast(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Squared deviation of each pixel from the mean of its block."""
    grey = picture.astype(np.float32).mean(-1)
    height, width = (side - side % BLOCK for side in grey.shape)
    cells = grey[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    return ((cells - cells.mean((1, 3), keepdims=True)) ** 2).reshape(height, width)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("codec")
    parser.add_argument("--samples", type=int, default=6)
    parser.add_argument("--model")
    options = parser.parse_args()
    codec, _, qualities = options.codec.partition(":")
    print("| quality | pictures | mean deviation | mean error | deviation and error | contrast and error |")
    print("| --- | --- | --- | --- | --- | --- |")
    for quality in map(float, qualities.split(",")):
        rows = []
        for path in pictures_in(options.pictures):
            original = read_picture(path)
            data = napari_glc.encode(original, codec=codec, quality=quality, model=options.model)
            samples = napari_glc.decode(data, samples=options.samples)
            error = of_blocks(((samples[0].astype(np.float32) - original) ** 2).mean(-1))
            deviation = of_blocks(spread(samples, rgb=True).deviation ** 2)
            plain = of_blocks(contrast(samples[0]))
            rows.append((deviation.mean(), error.mean(), spearmanr(deviation, error)[0], spearmanr(plain, error)[0]))
        means = np.mean(rows, 0)
        print(f"| {quality:g} | {len(rows)} | " + " | ".join(f"{value:.2f}" for value in means) + " |", flush=True)


if __name__ == "__main__":
    main()
