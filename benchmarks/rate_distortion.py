"""Rate-distortion curves of our codecs and of classical ones on a folder of pictures, with BD-rates.

python benchmarks/rate_distortion.py PICTURES FEATURES OUT [--baseline BASELINE.csv] [--codecs glc vqgan] [--live ...]

PICTURES is a folder (Kodak, for the figures in the documentation), FEATURES the folder of the networks of the two
perceptual distances, ``squeezenet`` (part of the training loss) and ``darknet`` (not part of it). Live encoders are
Pillow's; AVIF at speed 4 with both tunings. BASELINE.csv has points made elsewhere, with the columns codec,
setting, image, bpp, psnr, msssim, squeeze_distance; settings that do not cover all pictures are left out. All bytes
are those of whole files.

BD-rates are computed on the mean curves, on what qualities two curves have in common, by piecewise cubic (PCHIP)
interpolation. A second table is the change of bytes at the
qualities our points have, which needs no average over a range. Writes OUT/points.json and OUT/curves.png; the former is
taken up again where it ends, so an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import napari_glc
from napari_glc import metrics
from napari_glc.evaluation.measuring import feature_distances
from napari_glc.evaluation.running import pictures_in
from napari_glc.imaging.files import read_picture
from napari_glc.metrics import compare, measure_named, rate_at

MEASURES = ("psnr", "ms_ssim", "squeezenet", "darknet")
OURS = {"glc": (0, 12.5, 25, 50, 75, 100), "vqgan": (0, 25, 50, 75, 100)}
LIVE: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "jpeg": ((1, 4, 9, 18), {"format": "JPEG", "optimize": True, "progressive": True}),
    "webp": ((0, 5, 15, 35), {"format": "WEBP", "method": 6}),
    "avif-ssim": ((1, 10, 20, 30, 42), {"format": "AVIF", "speed": 4, "advanced": {"tune": "ssim"}}),
    "avif-iq": ((1, 10, 20, 30, 42), {"format": "AVIF", "speed": 4, "advanced": {"tune": "iq"}}),
}
COLUMNS = {"psnr": "psnr", "msssim": "ms_ssim", "squeeze_distance": "squeezenet"}

Point = dict[str, Any]
Curve = list[dict[str, float]]


def coded(picture: np.ndarray, codec: str, setting: float) -> tuple[int, np.ndarray]:
    """Bytes of the file, and what it decodes to."""
    if codec in OURS:
        data = napari_glc.encode(picture, codec=codec, quality=setting)
        return len(data), napari_glc.decode(data)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, quality=int(setting), **LIVE[codec][1])
    return len(stream.getvalue()), np.asarray(Image.open(stream).convert("RGB"))


def measured(folder: Path, features: Path, codecs: list[str], store: Path) -> list[Point]:
    """Every picture with every codec at every setting."""
    points: list[Point] = json.loads(store.read_text()) if store.exists() else []
    known = {(p["codec"], p["setting"], p["image"]) for p in points}
    distances = feature_distances(features)
    for path in pictures_in(folder):
        picture = read_picture(path)
        for codec in codecs:
            for setting in OURS[codec] if codec in OURS else LIVE[codec][0]:
                if (codec, setting, path.stem) in known:
                    continue
                size, decoded = coded(picture, codec, setting)
                fidelity = compare(picture, decoded)
                point = {
                    "codec": codec,
                    "setting": setting,
                    "image": path.stem,
                    "bpp": 8 * size / math.prod(picture.shape[:2]),
                }
                point |= {"psnr": fidelity.psnr, "ms_ssim": fidelity.ms_ssim}
                points.append(point | {name: of_pair(picture, decoded) for name, of_pair in distances.items()})
        store.write_text(json.dumps(points, indent=0))
        print(f"{path.stem}: {len(points)} points", flush=True)
    return points


def baseline(path: Path) -> list[Point]:
    """Points made elsewhere."""
    points = []
    with open(path, newline="") as lines:
        for row in csv.DictReader(lines):
            point: Point = {
                "codec": f"{row['codec']} (made elsewhere)",
                "setting": row["setting"],
                "image": row["image"],
            }
            point["bpp"] = float(row["bpp"])
            points.append(point | {ours: float(row[theirs]) for theirs, ours in COLUMNS.items() if row[theirs]})
    return points


def mean_curves(points: list[Point]) -> dict[str, Curve]:
    """Means over all pictures for each setting, in the order of rates; settings that lack a picture do not count."""
    images = {p["image"] for p in points}
    groups = defaultdict(list)
    for point in points:
        groups[point["codec"], point["setting"]].append(point)
    curves = defaultdict(list)
    for (codec, _), group in groups.items():
        if {p["image"] for p in group} == images:
            names = ["bpp", *(m for m in MEASURES if all(m in p for p in group))]
            curves[codec].append({name: float(np.mean([p[name] for p in group])) for name in names})
    return {codec: sorted(curve, key=lambda point: point["bpp"]) for codec, curve in curves.items()}


def _points(curve: Curve, measure: str) -> list[tuple[float, float]]:
    """Rates and values of one measure; small pictures have no MS-SSIM, and tables made elsewhere lack some."""
    return [(p["bpp"], p[measure]) for p in curve if math.isfinite(p.get(measure, math.nan))]


def bd_rate(anchor: Curve, test: Curve, measure: str) -> float:
    """Change of the rate in percent against `anchor`; NaN without a common range of quality."""
    higher = measure_named(measure).higher_is_better
    return metrics.bd_rate(_points(anchor, measure), _points(test, measure), higher_is_better=higher)


def at_equal_quality(anchor: Curve, point: dict[str, float], measure: str) -> float:
    """How many percent more bytes our point takes than `anchor` at its quality; NaN beyond the anchor's range."""
    higher = measure_named(measure).higher_is_better
    return 100 * (point["bpp"] / rate_at(_points(anchor, measure), point[measure], higher_is_better=higher) - 1)


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.0f} %"


def tables(curves: dict[str, Curve], ours: list[str]) -> None:
    """Print everything as Markdown."""
    anchors = [codec for codec in curves if codec not in ours]
    for mine in ours:
        print(f"\n### {mine}\n\n| bpp | psnr | ms_ssim | squeezenet | darknet |\n| --- | --- | --- | --- | --- |")
        for point in curves[mine]:
            print("| " + " | ".join(f"{point[name]:.4f}" for name in ("bpp", *MEASURES)) + " |")
        print(f"\nBD-rate of {mine}:\n\n| against | " + " | ".join(MEASURES) + " |\n|" + " --- |" * (1 + len(MEASURES)))
        for anchor in anchors:
            cells = [_cell(bd_rate(curves[anchor], curves[mine], measure)) for measure in MEASURES]
            print(f"| {anchor} | " + " | ".join(cells) + " |")
        for measure in ("squeezenet", "darknet"):
            print(
                f"\nBytes of {mine} at equal {measure}:\n\n| bpp | "
                + " | ".join(anchors)
                + " |\n|"
                + " --- |" * (1 + len(anchors))
            )
            for point in curves[mine]:
                cells = [_cell(at_equal_quality(curves[anchor], point, measure)) for anchor in anchors]
                print(f"| {point['bpp']:.4f} | " + " | ".join(cells) + " |")


def plot(curves: dict[str, Curve], ours: list[str], target: Path) -> None:
    """A panel for each measure."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 8.6), layout="constrained")
    for panel, measure in zip(axes.flat, MEASURES, strict=True):
        for number, (codec, curve) in enumerate(curves.items()):
            shown = [p for p in curve if measure in p and p["bpp"] <= 0.2]
            style: dict[str, Any] = {"color": plt.get_cmap("tab20")(number), "marker": "osDPX.v^x+"[number % 10]}
            style |= {"linewidth": 3} if codec in ours else {"linewidth": 1.2, "linestyle": "--"}
            panel.plot([p["bpp"] for p in shown], [p[measure] for p in shown], label=codec, **style)
        panel.set(xlabel="bpp, whole files", title=f"{measure} ({measure_named(measure).better})")
        panel.set_xlim(0, 0.2)
        panel.grid(alpha=0.3)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    figure.savefig(target, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--baseline", type=Path)
    parser.add_argument(
        "--from", nargs="+", dest="kept", default=["vvc", "bpg", "heic", "jxl/2", "avif-ssim", "avif-iq"]
    )
    parser.add_argument("--codecs", nargs="*", default=list(OURS))
    parser.add_argument("--live", nargs="*", default=list(LIVE))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    points = measured(options.pictures, options.features, options.codecs + options.live, options.out / "points.json")
    wanted = set(options.codecs + options.live)
    points = [point for point in points if point["codec"] in wanted]
    if options.baseline is not None:
        kept = {f"{codec} (made elsewhere)" for codec in options.kept}
        points += [point for point in baseline(options.baseline) if point["codec"] in kept]
    curves = mean_curves(points)
    tables(curves, options.codecs)
    plot(curves, options.codecs, options.out / "curves.png")


if __name__ == "__main__":
    main()
