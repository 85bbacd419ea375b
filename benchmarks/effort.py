"""What effort buys: bytes at equal distance against effort 0, regions at equal bytes, and seconds.

python benchmarks/effort.py PICTURES FEATURES OUT.csv [--efforts 6 9] [--qualities 30 60 90] [--crop 256 384]
    [--pictures N] [--region] [--threads 2]

PICTURES is a folder of pictures; FEATURES the folder of the two feature networks, of which ``squeezenet`` is in the
optimiser's loss and ``darknet`` is not. With --crop only the middle of each picture counts, with --pictures every
picture of a shorter list, evenly picked. Effort 0 is measured at seven qualities. With --region the middle quarter
of each picture is a region of weight 4, at the bytes the effort takes without one.

Every encoding is a line of OUT.csv as soon as it is done; what is there is not measured again. Bytes are those of
whole files. The tables are made of all that is there: BD-rates (PCHIP on the mean curves) and the bytes
of every quality against effort 0 at the same distance.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path

import numpy as np
import torch

import napari_glc
from napari_glc.evaluation.measuring import feature_distances
from napari_glc.evaluation.running import pictures_in
from napari_glc.imaging.files import read_picture
from napari_glc.metrics import bd_rate, compare, measure_named, rate_at

ANCHOR = (0, 15, 30, 45, 60, 80, 100)
MEASURES = ("psnr", "ms_ssim", "squeezenet", "darknet")
COLUMNS = ("image", "effort", "quality", "region", "bytes", "bpp", "seconds", *MEASURES, "inside")

Row = dict[str, float | str]


def middle(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of a picture."""
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def region_of(picture: np.ndarray) -> np.ndarray:
    """The middle quarter."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), bool)
    mask[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    return mask


def measured(options: argparse.Namespace) -> list[Row]:
    """Every picture with every effort at every quality."""
    rows: list[Row] = []
    if options.out.exists():
        with open(options.out, newline="") as lines:
            for line in csv.DictReader(lines):
                rows.append({key: value if key == "image" else float(value) for key, value in line.items()})
    known = {(row["image"], row["effort"], row["quality"], row["region"]) for row in rows}
    distances = feature_distances(options.features)
    paths = pictures_in(options.source)
    if options.pictures:
        paths = [paths[round(i * (len(paths) - 1) / max(1, options.pictures - 1))] for i in range(options.pictures)]
    runs = [(0, float(quality), 0) for quality in ANCHOR]
    runs += [(effort, float(quality), 0) for effort in options.efforts for quality in options.qualities]
    if options.region:
        runs += [(effort, float(quality), 1) for effort in options.efforts for quality in options.qualities]
    with open(options.out, "a", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        if not rows:
            writer.writeheader()
        for path in paths:
            picture = read_picture(path)
            picture = middle(picture, *options.crop) if options.crop else picture
            sizes = {(r["effort"], r["quality"]): int(r["bytes"]) for r in rows if r["image"] == path.stem}
            for effort, quality, region in runs:
                if (path.stem, effort, quality, region) in known:
                    continue
                started = time.perf_counter()
                if region:
                    size = sizes[effort, quality]
                    given = {"effort": effort, "importance": region_of(picture)}
                    data = napari_glc.encode_to_bytes(picture, size, device="cpu", **given).data
                else:
                    data = napari_glc.encode(picture, quality=quality, effort=effort, device="cpu")
                seconds = time.perf_counter() - started
                sizes[effort, quality] = len(data)
                decoded = napari_glc.decode(data, device="cpu")
                fidelity = compare(picture, decoded)
                half = picture.shape[0] // 2, picture.shape[1] // 2
                row: Row = {"image": path.stem, "effort": effort, "quality": quality, "region": region}
                row |= {"bytes": len(data), "bpp": 8 * len(data) / math.prod(picture.shape[:2]), "seconds": seconds}
                row |= {"psnr": fidelity.psnr, "ms_ssim": fidelity.ms_ssim}
                row |= {name: of_pair(picture, decoded) for name, of_pair in distances.items()}
                row["inside"] = distances["squeezenet"](middle(picture, *half), middle(decoded, *half))
                rows.append(row)
                writer.writerow(row)
                lines.flush()
    names = {path.stem for path in paths}
    return [row for row in rows if row["image"] in names]


def curve(rows: list[Row], effort: int, images: set[str | float]) -> list[dict[str, float]]:
    """Means over pictures at each quality all of them have, in the order of rates."""
    points = []
    for quality in sorted({row["quality"] for row in rows if row["effort"] == effort}):
        wanted = (effort, quality, 0)
        group = [r for r in rows if (r["effort"], r["quality"], r["region"]) == wanted and r["image"] in images]
        if len(group) == len(images):
            keys = ("quality", "bytes", "bpp", "seconds", *MEASURES)
            points.append({key: float(np.mean([float(row[key]) for row in group])) for key in keys})
    return points


def bytes_against(anchor: list[dict[str, float]], found: list[dict[str, float]], measure: str) -> float:
    """Change of the bytes in percent: on average over a curve, or of a single point."""
    known = measure_named(measure)
    curve = [(point["bpp"], point[measure]) for point in anchor]
    if len(found) > 1:
        mine = [(point["bpp"], point[measure]) for point in found]
        return bd_rate(curve, mine, higher_is_better=known.higher_is_better)
    rate = rate_at(curve, found[0][measure], higher_is_better=known.higher_is_better)
    return 100 * (found[0]["bpp"] / rate - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--efforts", type=int, nargs="+", default=[6, 9])
    parser.add_argument("--qualities", type=float, nargs="+", default=[30, 60, 90])
    parser.add_argument("--crop", type=int, nargs=2)
    parser.add_argument("--pictures", type=int, default=0)
    parser.add_argument("--region", action="store_true")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    rows = measured(options)
    print(f"threads: {torch.get_num_threads()}")
    for effort in options.efforts:
        images = {row["image"] for row in rows if row["effort"] == effort}
        anchor, found = curve(rows, 0, images), curve(rows, effort, images)
        print(f"\neffort {effort}, {len(images)} pictures\n\n| | bytes | seconds | " + " | ".join(MEASURES) + " |")
        print("|" + " --- |" * (3 + len(MEASURES)))
        if len(found) > 2:
            cells = [f"{bytes_against(anchor, found, measure):+.1f} %" for measure in MEASURES]
            seconds = np.mean([point["seconds"] for point in found])
            print(f"| BD-rate | | {seconds:.1f} | " + " | ".join(cells) + " |")
        for point in found:
            cells = [f"{bytes_against(anchor, [point], measure):+.1f} %" for measure in MEASURES]
            head = f"| quality {point['quality']:g} | {point['bytes']:.0f} | {point['seconds']:.1f} | "
            print(head + " | ".join(cells) + " |")
        pairs = [
            (one, other)
            for one in rows
            for other in rows
            if (one["image"], one["effort"], one["quality"]) == (other["image"], other["effort"], other["quality"])
            and (one["effort"], one["region"], other["region"]) == (effort, 0, 1)
        ]
        if pairs:
            change = np.mean([float(b["inside"]) / float(a["inside"]) - 1 for a, b in pairs])
            size = np.mean([float(b["bytes"]) / float(a["bytes"]) - 1 for a, b in pairs])
            print(f"\nregion: distance within it {100 * change:+.1f} %, bytes {100 * size:+.1f} % ({len(pairs)} files)")


if __name__ == "__main__":
    main()
