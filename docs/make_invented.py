"""Makes the sheets of explanation/invented-pictures.md.

python docs/make_invented.py KODAK_FOLDER [--all FOLDER]

Each row: original, the preview and the picture of the lowest rate, pictures of the middle and of the highest rate, at a
third of the size. With --all, sheets of all pictures of the folder go there, at two thirds of the size.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from make_quality import labelled
from PIL import Image

import napari_glc
from napari_glc.evaluation.running import pictures_in
from napari_glc.imaging.files import read_picture

IMAGES = Path(__file__).parent / "images"
CHOSEN = ("kodim01", "kodim07", "kodim13", "kodim15", "kodim20", "kodim23")


def row(picture: np.ndarray) -> list[tuple[str, np.ndarray]]:
    found = [("original", picture)]
    for quality in (0, 50, 100):
        data = napari_glc.encode(picture, codec="perco", quality=quality)
        if not quality:
            found.append((f"preview {len(data)} B", napari_glc.decode(data, preview=True)))
        found.append((f"{len(data)} B", napari_glc.decode(data)))
    return found


def sheet(paths: list[Path]) -> np.ndarray:
    rows = []
    for path in paths:
        picture = read_picture(path)
        upright = picture.shape[0] > picture.shape[1]
        shown = [(text, pixels[:512] if upright else pixels) for text, pixels in row(picture)]
        rows.append(labelled(shown))
    width = max(each.shape[1] for each in rows)
    return np.vstack([np.pad(each, ((0, 8), (0, width - each.shape[1]), (0, 0)), constant_values=255) for each in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--all", type=Path)
    options = parser.parse_args()
    paths = pictures_in(options.pictures)
    if options.all is not None:
        options.all.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(paths), 4):
            iio.imwrite(options.all / f"sheet-{start // 4}.png", sheet(paths[start : start + 4]))
        return
    found = Image.fromarray(sheet([path for path in paths if path.stem in CHOSEN]))
    found.reduce(2).save(IMAGES / "invented.jpg", quality=85)


if __name__ == "__main__":
    main()
