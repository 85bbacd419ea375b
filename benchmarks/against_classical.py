"""Our rate-distortion points beside those of classical codecs on the same pictures.

python benchmarks/against_classical.py OURS.json BASELINE.csv [CODEC ...]

OURS.json is what ``glc evaluate --features ... --json`` writes. BASELINE.csv has a row for each codec, setting and
picture with the columns codec, setting, image, bytes, bpp, psnr, msssim and squeeze_distance, bytes being those of the
whole file. For each of our qualities every picture's baseline curve is interpolated (linear in log bpp) at our very
rate; pictures a codec cannot code that small are left out, and the count says so.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

MEASURES = {"psnr": "psnr", "msssim": "ms_ssim", "squeeze_distance": "squeezenet"}


def curves(path: Path) -> dict[tuple[str, str, str], list[tuple[float, float]]]:
    """Rising (log bpp, value) pairs for each codec, picture and measure."""
    points = defaultdict(list)
    with open(path, newline="") as lines:
        for row in csv.DictReader(lines):
            for measure in MEASURES:
                if row[measure]:
                    key = row["codec"], row["image"], measure
                    points[key].append((math.log(float(row["bpp"])), float(row[measure])))
    return {key: sorted(values) for key, values in points.items()}


def main() -> None:
    ours = json.loads(Path(sys.argv[1]).read_text())["images"]
    baseline = curves(Path(sys.argv[2]))
    codecs = sys.argv[3:] or ["vvc", "avif-ssim", "bpg", "jpeg"]
    print("| quality | bpp | codec | pictures | " + " | ".join(f"{m}: ours / theirs" for m in MEASURES.values()) + " |")
    print("|" + " --- |" * (4 + len(MEASURES)))
    for quality in sorted({row["quality"] for row in ours}):
        for codec in codecs:
            cells = []
            for measure, name in MEASURES.items():
                pairs = []
                for row in (r for r in ours if r["quality"] == quality):
                    curve = baseline.get((codec, Path(row["image"]).stem, measure), [])
                    rate = math.log(row["bpp"])
                    if curve and curve[0][0] <= rate <= curve[-1][0]:
                        pairs.append((row["bpp"], row[name], np.interp(rate, *zip(*curve, strict=True))))
                count = len(pairs)
                rate, mine, theirs = np.mean(pairs, axis=0) if pairs else (math.nan,) * 3
                cells.append(f"{mine:.3f} / {theirs:.3f}" if pairs else "-")
            print(f"| {quality:g} | {rate:.4f} | {codec} | {count} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
