"""A plane of 2048 x 2048 pixels decoded in blocks and at once: by how many grey levels do they differ?

python benchmarks/blocks_and_whole.py [--quality 50]
"""

from __future__ import annotations

import argparse

import imageio.v3 as iio
import numpy as np

import napari_glc
from napari_glc._napari.samples import sample_path
from napari_glc.codecs import blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quality", type=float, default=50)
    options = parser.parse_args()
    sample = iio.imread(sample_path())
    turned = np.hstack([np.vstack([sample, sample[::-1]] * 2), np.vstack([sample[:, ::-1], sample[::-1, ::-1]] * 2)])
    picture = np.ascontiguousarray(np.hstack([turned, turned])[:2048, 100:2148])
    data = napari_glc.encode(picture, quality=options.quality)
    blocks.BLOCK = 4096
    whole = napari_glc.decode(data).astype(int)
    assert napari_glc.encode(picture, quality=options.quality) == data
    for side in (256, 512, 1536):
        blocks.BLOCK = side
        difference = np.abs(napari_glc.decode(data) - whole)
        print(
            f"blocks of {side}: largest difference {difference.max()} grey level(s), "
            f"{100 * (difference > 0).mean():.4f} % of the samples differ"
        )


if __name__ == "__main__":
    main()
