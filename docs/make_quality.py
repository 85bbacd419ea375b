"""Measures the numbers and makes the contact sheets of explanation/quality.md.

python docs/make_quality.py KODAK_FOLDER FEATURES_FOLDER OUT_FOLDER

Writes OUT_FOLDER/kodak.json and the pictures, prints the tables as Markdown.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from napari_glc.evaluation.rates import evaluate_folder, means
from skimage.transform import resize

QUALITIES = (0, 25, 50, 75, 100)
IMAGES = Path(__file__).parent / "images"


def table(rows: list[dict[str, float]]) -> str:
    """Markdown table of means."""
    names = ["quality", "bytes", "bpp", "psnr", "ms_ssim", "squeezenet", "darknet", "encode_seconds", "decode_seconds"]
    digits = [0, 0, 4, 2, 4, 2, 2, 2, 2]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(f"{row[n]:.{d}f}" for n, d in zip(names, digits, strict=True)) + " |" for row in rows]
    return "\n".join(lines)


def sheet(folder: Path, decoded: Path, names: list[str]) -> np.ndarray:
    """Rows of original, quality 0, 50 and 100, at half size."""
    rows = []
    for name in names:
        pictures = [iio.imread(folder / f"{name}.png")]
        pictures += [iio.imread(decoded / f"{name}_q{q}.png") for q in (0, 50, 100)]
        rows.append(np.hstack([resize(p, (256, 384), anti_aliasing=True) for p in pictures]))
    return (np.vstack(rows) * 255).round().astype(np.uint8)


def main() -> None:
    folder, features, out = map(Path, sys.argv[1:])
    rows = evaluate_folder(folder, QUALITIES, features=features, save_to=out)
    summary = means(rows)
    (out / "kodak.json").write_text(json.dumps({"means": summary, "images": rows}, indent=1))
    print(table(summary))
    rising = 0
    for image in sorted({row["image"] for row in rows}):
        sizes = [row["bytes"] for row in rows if row["image"] == image]
        rising += sizes == sorted(set(sizes))
    print(f"bytes rise with quality in {rising} of {len(rows) // len(QUALITIES)} pictures")
    landscape = [p.stem for p in sorted(folder.glob("*.png")) if iio.improps(p).shape[:2] == (512, 768)]
    for start in (0, 9):
        part = landscape[start : start + 9]
        iio.imwrite(IMAGES / f"kodak_sheet_{start // 9 + 1}.jpg", sheet(folder, out, part), quality=85)


if __name__ == "__main__":
    main()
