"""What a region of interest buys: the middle quarter of each picture at equal bytes, with and without importance.

python benchmarks/regions.py PICTURES FEATURES [--efforts 0] [--qualities 30 60] [--weights 4 16] [--crop 512 512]
    [--pictures N]

PICTURES is a folder of pictures; FEATURES the folder of the two feature networks. With --crop only the middle of each
picture counts, with --pictures every picture of a shorter list, evenly picked. With an effort, the file without a
region is made first, and the one with it gets its bytes; else the quality is all that is asked for.

A line for every file, then means: bytes, and distances of the region and of the whole, against no region.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import napari_glc
from napari_glc.evaluation.measuring import feature_distances
from napari_glc.evaluation.running import pictures_in
from napari_glc.imaging.files import read_picture
from napari_glc.imaging.importance import mask_weights

Picture = NDArray[np.uint8]


def middle(picture: Picture, height: int, width: int) -> Picture:
    """The middle of a picture."""
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("--efforts", type=int, nargs="+", default=[0])
    parser.add_argument("--qualities", type=float, nargs="+", default=[30, 60])
    parser.add_argument("--weights", type=float, nargs="+", default=[4, 16])
    parser.add_argument("--crop", type=int, nargs=2)
    parser.add_argument("--pictures", type=int, default=0)
    options = parser.parse_args()
    distances = feature_distances(options.features)
    paths = pictures_in(options.source)
    if options.pictures:
        paths = [paths[round(i * (len(paths) - 1) / max(1, options.pictures - 1))] for i in range(options.pictures)]
    found: dict[tuple[int, float, float], list[list[float]]] = {}

    def measured(picture: Picture, data: bytes) -> NDArray[np.float64]:
        decoded = napari_glc.decode(data, device="cpu")
        half = picture.shape[0] // 2, picture.shape[1] // 2
        pairs = (middle(picture, *half), middle(decoded, *half)), (picture, decoded)
        return np.array([of_pair(*pair) for pair in pairs for of_pair in distances.values()])

    for path in paths:
        picture = read_picture(path)
        picture = middle(picture, *options.crop) if options.crop else picture
        height, width = picture.shape[:2]
        mask = np.zeros((height, width), bool)
        mask[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2] = True
        for effort in options.efforts:
            for quality in options.qualities:
                plain = napari_glc.encode(picture, quality=quality, effort=effort, device="cpu")
                before = measured(picture, plain)
                for weight in options.weights:
                    given = {"effort": effort, "importance": mask_weights(mask, weight), "device": "cpu"}
                    if effort:
                        data = napari_glc.encode_to_bytes(picture, len(plain), **given).data
                    else:
                        data = napari_glc.encode(picture, quality=quality, **given)
                    higher = napari_glc.GlcFile(data).quality - quality
                    change = 100 * (np.array([len(data), *measured(picture, data)]) / [len(plain), *before] - 1)
                    found.setdefault((effort, quality, weight), []).append([higher, *change])
                    print(path.stem, effort, quality, weight, higher, *change.round(1), flush=True)
    names = [f"{name} {where}" for where in ("inside", "whole") for name in distances]
    print("\n| effort | quality | weight | quality of the region | bytes |", " | ".join(names), "|")
    print("|", " --- |" * (5 + len(names)))
    for key, rows in sorted(found.items()):
        higher, *change = np.mean(rows, axis=0)
        words = [f"{number:g}" for number in key] + [f"+{higher:.1f}", *(f"{number:+.1f} %" for number in change)]
        print("|", " | ".join(words), "|")


if __name__ == "__main__":
    main()
