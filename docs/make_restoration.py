"""Makes the sheets of explanation/restoring-and-painting.md.

python docs/make_restoration.py KODAK_FOLDER MICRO_FOLDER STYLES_FOLDER

Each row of a restoration sheet: noisy, denoised by non-local means and coded, coded by the restoring encoder, the clean
picture; the second and the third from files of equal bytes. Each row of the style sheet: one file, plain and in both
styles, at strengths of one half and one; the first rows at quality 30, the others at 80. The paintings stand beside.
"""

from __future__ import annotations

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import tifffile
from PIL import Image

import napari_glc

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from restoration import Camera, Gaussian, by_nlm, near

IMAGES = Path(__file__).parent / "images"
PHOTOGRAPHS = (("kodim23", 20, 130, 60), ("kodim08", 35, 150, 300), ("kodim19", 35, 250, 60))
"""Name, deviation of the noise, top and left of a crop of 256 x 256 pixels."""
PLANES = (("worms_3channels_uint16.tif", 0, 10, 150, 200), ("speckles_2channels_uint16.tif", 0, 30, 200, 300))
"""File, plane, photons, top and left."""
PAINTED = (("kodim23", 30), ("kodim15", 30), ("kodim19", 80), ("kodim21", 80))
STYLES = ("starry-night", "great-wave")
SIDE = 256


def rgb(picture: np.ndarray) -> np.ndarray:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)


def restored(case: Gaussian | Camera, quality: float, top: int, left: int) -> np.ndarray:
    """A row of a restoration sheet."""
    ours = napari_glc.encode(case.noisy, quality=quality, restore=case.encoder, **case.options)
    classical = near(case.without_noise(by_nlm), len(ours), quality, **case.options)
    print(len(ours), len(classical))
    decoded = [case.seen(napari_glc.decode(data)) for data in (classical, ours)]
    pictures = [case.seen(case.noisy), *decoded, case.clean]
    return np.hstack([rgb(p)[top : top + SIDE, left : left + SIDE] for p in pictures])


def painted(picture: np.ndarray, quality: float) -> np.ndarray:
    """A row of the style sheet: a part of the picture, for strokes are seen at full size only."""
    file = napari_glc.GlcFile(napari_glc.encode(picture, quality=quality))
    found = [file.read()]
    for style in STYLES:
        found += [file.decoded_with(style=style, strength=strength).read() for strength in (0.5, 1.0)]
    top, left = ((side - SIDE) // 2 for side in picture.shape[:2])
    return np.hstack([p[top : top + SIDE, left : left + SIDE] for p in found])


def main() -> None:
    kodak, micro, styles = map(Path, sys.argv[1:4])
    rows = [
        restored(Gaussian(iio.imread(kodak / f"{name}.png"), sigma, 1), 60, top, left)
        for name, sigma, top, left in PHOTOGRAPHS
    ]
    iio.imwrite(IMAGES / "restored_photographs.jpg", np.vstack(rows), quality=88)
    rows = [
        restored(Camera(tifffile.imread(micro / name)[plane], photons, 1), 60, top, left)
        for name, plane, photons, top, left in PLANES
    ]
    iio.imwrite(IMAGES / "restored_microscopy.jpg", np.vstack(rows), quality=88)
    rows = [painted(iio.imread(kodak / f"{name}.png"), quality) for name, quality in PAINTED]
    iio.imwrite(IMAGES / "painted.jpg", np.vstack(rows), quality=85)
    paintings = [Image.open(styles / f"{name.replace('-', '_')}.jpg").convert("RGB") for name in STYLES]
    height = min(painting.height for painting in paintings)
    rows = [
        np.asarray(p.resize((round(p.width * height / p.height), height), Image.Resampling.LANCZOS)) for p in paintings
    ]
    iio.imwrite(IMAGES / "paintings.jpg", np.hstack(rows), quality=85)


if __name__ == "__main__":
    main()
