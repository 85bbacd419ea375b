"""Measures the numbers and makes the pictures of explanation/index-maps.md.

python docs/make_index_maps.py KODAK_FOLDER FEATURES_FOLDER CLUSTERED_MODEL OUT_FOLDER

CLUSTERED_MODEL is the model exported at the end of the first training stage: codebooks by K-means, nothing
fine-tuned; NAPARI_GLC_MODELS must name its folder. Writes everything measured to OUT_FOLDER and the pictures to
docs/images, prints the tables as Markdown.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from skimage.transform import resize

import napari_glc
from napari_glc.container import INDEX_CODERS
from napari_glc.evaluation.coders import coders_named
from napari_glc.evaluation.erasures import evaluate_losses, loss_means
from napari_glc.evaluation.rows import json_text, means
from napari_glc.evaluation.running import evaluate

QUALITIES = [100 * level / 8 for level in range(9)]
SIZES = [8 << level for level in range(9)]
LOSSES = [0.0, 0.1, 0.2, 0.3, 0.4]
METHODS = ["none", "frequent", "nearest", "transformer", "both-sides"]
IMAGES = Path(__file__).parent / "images"


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table."""
    print("\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def coders(folder: Path) -> None:
    """Mean file bytes with each index coder."""
    pictures = [iio.imread(path) for path in sorted(folder.glob("*.png"))]
    rows = []
    for size, quality in zip(SIZES, QUALITIES, strict=True):
        mean = {
            name: np.mean(
                [len(napari_glc.encode(p, codec="vqgan", quality=quality, index_coder=name)) for p in pictures]
            )
            for name in INDEX_CODERS
        }
        bits = 8 * (mean["transformer"] - 20) / 1536
        rows.append([str(size), *(f"{mean[n]:.0f}" for n in INDEX_CODERS), f"{bits:.2f}"])
    print_table(["codewords", *INDEX_CODERS, "bits an index (transformer)"], rows)


def sizes(folder: Path, features: Path, clustered: Path, out: Path) -> None:
    """Rate and quality of all codebooks, clustered only and fine-tuned."""
    result = {}
    for name, model in (("tuned", None), ("clustered", clustered)):
        coders = coders_named(["vqgan"], model=model)
        found = evaluate(folder, coders, qualities=QUALITIES, features=features, save_to=out / name).results
        result[name] = {"means": [mean.row() for mean in means(found)], "images": [row.row() for row in found]}
    (out / "sizes.json").write_text(json_text(result))
    columns = {"psnr": 2, "ms_ssim": 3, "squeezenet": 2, "darknet": 2}
    table = []
    for size, tuned, plain in zip(SIZES, result["tuned"]["means"], result["clustered"]["means"], strict=True):
        cells = [f"{plain[c]:.{d}f} / {tuned[c]:.{d}f}" for c, d in columns.items()]
        times = f"{tuned['encode_seconds']:.2f} / {tuned['decode_seconds']:.2f}"
        table.append([str(size), f"{tuned['bytes']:.0f}", f"{tuned['bpp']:.4f}", *cells, times])
    print_table(["codewords", "bytes", "bpp", *columns, "encode / decode s"], table)


def losses(folder: Path, features: Path, out: Path) -> None:
    """Recovery of lost indices at 1024 codewords."""
    rows = evaluate_losses(folder, [87.5], LOSSES, METHODS, features=features, save_to=out / "losses")
    (out / "losses.json").write_text(json_text(rows))
    columns = {"accuracy": 3, "psnr": 2, "ms_ssim": 3, "squeezenet": 2, "darknet": 2, "seconds": 2}
    table = [
        [f"{row['loss']:g}", row["method"], *(f"{row[c]:.{d}f}" for c, d in columns.items())]
        for row in loss_means(rows, ("loss", "method"))
        if row["loss"] > 0 or row["method"] == "none"
    ]
    print_table(["loss", "recovered by", *columns], table)
    for loss in (0.1, 0.2):
        best: dict[str, dict[str, Any]] = defaultdict(dict)
        for row in rows:
            if row["loss"] == loss:
                best[row["image"]][row["method"]] = row
        for method in ("transformer", "both-sides"):
            for measure, sign in (("accuracy", 1), ("psnr", 1), ("squeezenet", -1), ("darknet", -1)):
                wins = sum(
                    all(sign * of[method][measure] > sign * of[other][measure] for other in ("nearest", "frequent"))
                    for of in best.values()
                )
                print(f"loss {loss}: {method} beats both baselines in {measure} in {wins} of {len(best)} pictures")


def pictures(out: Path) -> None:
    """Contact sheets: codebook sizes, and recovery."""
    strips = []
    for stem in ("kodim23", "kodim15"):
        shown = [out / "tuned" / f"{stem}_q{q:g}.png" for q in QUALITIES[::2]]
        strips.append(np.hstack([resize(iio.imread(p), (256, 384), anti_aliasing=True) for p in shown]))
    _write("index_map_sizes.jpg", np.vstack(strips))
    rows = []
    for stem in ("kodim05", "kodim15", "kodim23"):
        cases = ["0.2_none", "0.2_nearest", "0.2_transformer", "0.2_both-sides", "0_none"]
        shown = [out / "losses" / f"{stem}_q87.5_loss{case}.png" for case in cases]
        rows.append(np.hstack([resize(iio.imread(p), (256, 384), anti_aliasing=True) for p in shown]))
    _write("recovery_sheet.jpg", np.vstack(rows))


def _write(name: str, picture: np.ndarray) -> None:
    iio.imwrite(IMAGES / name, (picture * 255).round().astype(np.uint8), quality=88)


def main() -> None:
    folder, features, clustered, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    coders(folder)
    sizes(folder, features, clustered, out)
    losses(folder, features, out)
    pictures(out)


if __name__ == "__main__":
    main()
