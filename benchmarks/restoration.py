"""Restoring encoders against coding the noise, and against denoising before coding, at equal bytes.

::

    python benchmarks/restoration.py photographs FOLDER FEATURES OUT.csv [--methods noisy nlm ours] [--sigmas 20 35]
    python benchmarks/restoration.py microscopy FOLDER FEATURES OUT.csv [--methods noisy nlm ours] [--photons 10 30]
    python benchmarks/restoration.py summary OUT.csv

White noise of a standard deviation is added to photographs (8 bits, clipped and rounded); planes of 16-bit microscopy
become photons, Poisson counts with a read noise of one electron. What is measured is always the decoded picture against
the clean original: the two feature distances and PSNR.

``ours`` codes the noisy picture with the restoring encoder at qualities 30 and 70; the other methods take the quality
whose file is nearest to that many bytes. ``nlm`` is scikit-image's non-local means with the true deviation, ``bm3d`` a
package of that name (not free for commerce), both behind a variance-stabilising transform where the noise is a
camera's (Anscombe, generalised by Starck et al. 1998). ``clean`` codes the original: the bound. Rows are appended as
they come, and those that are there already are not made again.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from skimage.restoration import denoise_nl_means

import napari_glc
from napari_glc.evaluation.measuring import feature_distances
from napari_glc.evaluation.running import pictures_in
from napari_glc.imaging.files import read_picture
from napari_glc.metrics.fidelity import psnr

QUALITIES = (30.0, 70.0)
NEAR = 0.015
"""How near to the wanted bytes a file has to be, as a share; quality goes in steps of about one percent."""
READ_NOISE, GAIN, OFFSET = 1.0, 100, 1000
FIELDS = ("picture", "noise", "method", "quality", "at", "bytes", "squeezenet", "darknet", "psnr")

Picture = np.ndarray


def near(picture: Picture, wanted: int, quality: float, **options: object) -> bytes:
    """The file nearest to some bytes: bisection between the half steps of quality."""
    low, high, best = 0, 200, b""
    step = round(2 * quality)
    while low <= high:
        data = napari_glc.encode(picture, quality=step / 2, **options)
        if not best or abs(len(data) - wanted) < abs(len(best) - wanted):
            best = data
        if abs(len(data) / wanted - 1) <= NEAR:
            break
        low, high = (step + 1, high) if len(data) < wanted else (low, step - 1)
        # bytes grow about tenfold over the range
        guess = step + round(200 * np.log10(wanted / len(data)))
        step = int(np.clip(guess, low, high)) if low <= high else step
    return best


class Gaussian:
    """White noise on a photograph."""

    encoder = "denoise"

    def __init__(self, clean: Picture, sigma: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.clean, self.sigma = clean, sigma
        self.noisy = (clean + sigma * rng.standard_normal(clean.shape)).round().clip(0, 255).astype(np.uint8)
        self.options: dict[str, object] = {}

    def without_noise(self, remove: Callable[[Picture, float], Picture]) -> Picture:
        """By a classical method, which is told the deviation."""
        found = remove(self.noisy / 255.0, self.sigma / 255)
        return (255 * found).round().clip(0, 255).astype(np.uint8)

    def seen(self, decoded: Picture) -> Picture:
        """Decoded samples as 8 bits."""
        return decoded


class Camera:
    """A plane of microscopy in low light, in 16 bits."""

    encoder = "low-light"

    def __init__(self, plane: Picture, photons: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        low, high = np.percentile(plane, (1, 99.9))
        signal = photons * ((plane - low) / (high - low)).clip(0, 1.5)
        counts = rng.poisson(signal) + READ_NOISE * rng.standard_normal(plane.shape)
        self.photons = photons
        self.noisy = self._samples(counts)
        self.clean_samples = self._samples(signal)
        self.clean = self.seen(self.clean_samples)
        self.options = {"value_range": (float(self.noisy.min()), float(self.noisy.max()))}

    @staticmethod
    def _samples(counts: Picture) -> Picture:
        return (OFFSET + GAIN * counts).round().clip(0, 65535).astype(np.uint16)

    def without_noise(self, remove: Callable[[Picture, float], Picture]) -> Picture:
        """By a classical method on stabilised counts."""
        counts = (self.noisy.astype(float) - OFFSET) / GAIN
        stable = 2 * np.sqrt(np.maximum(counts + 3 / 8 + READ_NOISE**2, 0))
        top = stable.max()
        found = np.maximum(top * remove(stable / top, 1 / top), 0)
        # the asymptotically unbiased inverse (Mäkitalo and Foi 2013)
        return self._samples(found**2 / 4 - 1 / 8 - READ_NOISE**2)

    def seen(self, decoded: Picture) -> Picture:
        """What lies between no photon and the peak, as 8 bits."""
        return ((decoded.astype(float) - OFFSET) / (GAIN * self.photons) * 255).round().clip(0, 255).astype(np.uint8)


def by_nlm(picture: Picture, sigma: float) -> Picture:
    """Non-local means with the parameters of its authors' recommendation for the deviation."""
    axis = -1 if picture.ndim == 3 else None
    return denoise_nl_means(picture, 5, 6, h=0.6 * sigma, sigma=sigma, fast_mode=True, channel_axis=axis)


def by_bm3d(picture: Picture, sigma: float) -> Picture:
    """BM3D."""
    import bm3d

    return (bm3d.bm3d_rgb if picture.ndim == 3 else bm3d.bm3d)(picture, sigma)


REMOVERS = {"nlm": by_nlm, "bm3d": by_bm3d}


def photographs(folder: Path, levels: list[float]) -> Iterator[tuple[str, float, Callable[[], Gaussian | Camera]]]:
    for path in pictures_in(folder):
        for sigma in levels:
            yield path.stem, sigma, lambda p=path, s=sigma: Gaussian(read_picture(p), s, 1)


def microscopy(folder: Path, levels: list[float]) -> Iterator[tuple[str, float, Callable[[], Gaussian | Camera]]]:
    import tifffile

    for path in sorted(folder.glob("*uint16.tif")):
        planes = tifffile.imread(path)
        for number, plane in enumerate(planes):
            for photons in levels:
                yield f"{path.stem}:{number}", photons, lambda p=plane, n=photons: Camera(p, n, 1)


def measure(kind: str, options: argparse.Namespace) -> None:
    levels = options.sigmas if kind == "photographs" else options.photons
    works = (photographs if kind == "photographs" else microscopy)(options.folder, levels)
    distances = feature_distances(options.features)
    known: dict[tuple[str, ...], int] = {}
    if options.out.exists():
        with open(options.out, newline="") as lines:
            known = {(r["picture"], r["noise"], r["method"], r["at"]): int(r["bytes"]) for r in csv.DictReader(lines)}
    else:
        options.out.write_text(",".join(FIELDS) + "\n")
    for name, level, make in works:
        keys = {(m, q): (name, f"{level:g}", m, f"{q:g}") for m in options.methods for q in options.qualities}
        if all(key in known for key in keys.values()):
            continue
        made = make()
        given = {method: made.without_noise(REMOVERS[method]) for method in options.methods if method in REMOVERS}
        given["clean"] = made.clean_samples if isinstance(made, Camera) else made.clean
        for quality in options.qualities:
            ours = (name, f"{level:g}", "ours", f"{quality:g}")
            for method in sorted(options.methods, key=lambda m: m != "ours"):
                if keys[method, quality] in known:
                    continue
                if method == "ours":
                    data = napari_glc.encode(made.noisy, quality=quality, restore=made.encoder, **made.options)
                elif method == "same-quality":
                    data = napari_glc.encode(made.noisy, quality=quality, **made.options)
                else:
                    data = near(given.get(method, made.noisy), known[ours], quality, **made.options)
                decoded = made.seen(napari_glc.decode(data))
                row = {
                    "picture": name,
                    "noise": f"{level:g}",
                    "method": method,
                    "quality": napari_glc.GlcFile(data).quality,
                    "at": f"{quality:g}",
                    "bytes": len(data),
                    **{n: round(distance(made.clean, decoded), 4) for n, distance in distances.items()},
                    "psnr": round(psnr(made.clean, decoded), 3),
                }
                with open(options.out, "a", newline="") as lines:
                    csv.DictWriter(lines, FIELDS).writerow(row)
                known[keys[method, quality]] = len(data)


def summary(path: Path) -> None:
    """How often ours is better than each method, and means."""
    with open(path, newline="") as lines:
        rows = list(csv.DictReader(lines))
    cases: dict[tuple[str, str], dict[str, dict[str, dict[str, str]]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        cases[row["noise"], row["at"]][row["picture"]][row["method"]] = row
    print("| noise | quality | method | pictures | bytes | squeezenet | darknet | PSNR | ours better in both |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for (noise, quality), pictures in sorted(cases.items(), key=lambda c: [float(v) for v in c[0]]):
        for method in ("noisy", "same-quality", "nlm", "bm3d", "ours", "clean"):
            pairs = [(p[method], p["ours"]) for p in pictures.values() if method in p and "ours" in p]
            if not pairs:
                continue
            means = [
                np.mean([float(other[f]) for other, _ in pairs]) for f in ("bytes", "squeezenet", "darknet", "psnr")
            ]
            better = sum(all(float(a[d]) > float(b[d]) for d in ("squeezenet", "darknet")) for a, b in pairs)
            wins = "" if method in ("ours", "clean") else f"{better} of {len(pairs)}"
            size, squeeze, dark, fidelity = means
            print(
                f"| {noise} | {quality} | {method} | {len(pairs)} | {size:.0f} | {squeeze:.3f} | {dark:.3f} | "
                f"{fidelity:.2f} | {wins} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in ("photographs", "microscopy"):
        one = kinds.add_parser(kind)
        one.add_argument("folder", type=Path)
        one.add_argument("features", type=Path)
        one.add_argument("out", type=Path)
        one.add_argument("--methods", nargs="+", default=["ours", "noisy", "same-quality", "nlm"])
        one.add_argument("--qualities", nargs="+", type=float, default=QUALITIES)
        one.add_argument("--sigmas", nargs="+", type=float, default=[20, 35])
        one.add_argument("--photons", nargs="+", type=float, default=[10, 30])
    kinds.add_parser("summary").add_argument("out", type=Path)
    options = parser.parse_args()
    summary(options.out) if options.kind == "summary" else measure(options.kind, options)


if __name__ == "__main__":
    main()
