"""Original, AVIF and ours at equal bytes: make_contact_sheets.py PICTURES [--bpp 0.03 0.06 0.1] [--blind OUT]

AVIF is Pillow's at speed 3 with tune=ssim, its quality the highest whose file is no larger than the rate
asked for (the lowest there is where none is small enough); ours is the quality whose file comes nearest to those bytes.
With --blind the two are put side by side in random order at full size into OUT, and the key into OUT/key.json: for
judging without knowing.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw

import napari_glc
from napari_glc.evaluation.running import pictures_in
from napari_glc.imaging.files import read_picture

IMAGES = Path(__file__).parent / "images"
AVIF = {"format": "AVIF", "speed": 3, "advanced": {"tune": "ssim"}}


def avif(picture: np.ndarray, size: float) -> bytes:
    """The best file of at most `size` bytes, or the smallest there is."""

    def coded(quality: int) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, quality=quality, **AVIF)
        return stream.getvalue()

    low, high, best = 0, 64, coded(0)
    while high - low > 1 and len(best) <= size:
        middle = (low + high) // 2
        data = coded(middle)
        low, high, best = (middle, high, data) if len(data) <= size else (low, middle, best)
    return best


def at_equal_bytes(picture: np.ndarray, bpp: float) -> list[tuple[str, np.ndarray]]:
    """What is beside each other, and its label."""
    pixels = picture.shape[0] * picture.shape[1]
    theirs = avif(picture, bpp * pixels / 8)
    ours = napari_glc.encode_to_bpp(picture, 8 * len(theirs) / pixels).data
    return [
        ("original", picture),
        (f"AVIF {len(theirs)} B", np.asarray(Image.open(io.BytesIO(theirs)).convert("RGB"))),
        (f"glc {len(ours)} B", napari_glc.decode(ours)),
    ]


def labelled(pictures: list[tuple[str, np.ndarray]]) -> np.ndarray:
    """A row at two thirds of the size, each with its label."""
    row = []
    for text, pixels in pictures:
        small = Image.fromarray(pixels).resize(
            (pixels.shape[1] * 2 // 3, pixels.shape[0] * 2 // 3), Image.Resampling.LANCZOS
        )
        ImageDraw.Draw(small).text((5, 4), text, fill="white", stroke_width=2, stroke_fill="black")
        row.append(np.asarray(small))
    return np.hstack(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--bpp", type=float, nargs="+", default=[0.03, 0.06, 0.1])
    parser.add_argument("--show", nargs="*", default=["kodim01", "kodim05", "kodim14", "kodim15", "kodim20", "kodim23"])
    parser.add_argument("--blind", type=Path)
    options = parser.parse_args()
    draw, key = random.Random(1), {}
    for bpp in options.bpp:
        rows = []
        for path in pictures_in(options.pictures):
            if options.blind is None and path.stem not in options.show:
                continue
            three = at_equal_bytes(read_picture(path), bpp)
            rows.append(labelled(three))
            print(path.stem, bpp, *(text for text, _ in three[1:]), flush=True)
            if options.blind is not None:
                options.blind.mkdir(parents=True, exist_ok=True)
                pair = three[1:]
                draw.shuffle(pair)
                key[f"{path.stem} {bpp:g}"] = [text.split()[0] for text, _ in pair]
                shown = np.hstack([three[0][1], pair[0][1], pair[1][1]])
                iio.imwrite(options.blind / f"{path.stem}_{bpp:g}.png", shown)
                (options.blind / "key.json").write_text(json.dumps(key, indent=1))
        wide = [row for row in rows if row.shape[1] == max(r.shape[1] for r in rows)]
        if options.blind is None:
            iio.imwrite(IMAGES / f"equal_bytes_{bpp:g}.jpg", np.vstack(wide), quality=85)


if __name__ == "__main__":
    main()
