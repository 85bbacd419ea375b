"""Realism of patches at equal bytes: Fréchet distance of features of 64-px patches, codec by codec.

python benchmarks/patch_realism.py PICTURES FEATURES CODEC:QUALITIES ... [--save DIR] [--json OUT.json]

CODEC:QUALITIES is for example ``glc:0,10`` or ``perco:0,25,50``; ``perco:0@steps=5,guidance=2`` sets options for
decoding, and ``perco:0@preview`` takes the preview. FEATURES is the folder of the networks of the perceptual distances.
Sizes are those of whole files. Prints a table in Markdown, the mean over pictures but for the Fréchet distance, which
is one of all their patches; times are those of decoding one picture with the model loaded.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import napari_glc
from napari_glc.evaluation.measuring import feature_distances
from napari_glc.evaluation.running import pictures_in
from napari_glc.imaging.files import read_picture, write_picture
from napari_glc.metrics import compare
from napari_glc.metrics.crowds import Crowd, frechet_distance
from napari_glc.metrics.patch_features import darknet_features
from napari_glc.metrics.patches import PatchGrid

GRID = PatchGrid(64, shifted=False)


def rows_of(spec: str) -> list[tuple[str, float, dict[str, Any]]]:
    codec, _, rest = spec.partition(":")
    qualities, _, options = rest.partition("@")
    chosen: dict[str, Any] = {}
    for word in filter(None, options.split(",")):
        name, equals, value = word.partition("=")
        chosen[name] = (float(value) if "." in value else int(value)) if equals else True
    return [(codec, float(quality), chosen) for quality in qualities.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("codecs", nargs="+")
    parser.add_argument("--model", help="of all codecs; otherwise each codec's own")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    paths = pictures_in(options.pictures)
    pictures = {path.stem: read_picture(path) for path in paths}
    look = darknet_features(options.features)
    real = Crowd(keep=False)
    for picture in pictures.values():
        real.add(look(picture, GRID))
    distances = feature_distances(options.features)
    rows = []
    print("| codec | quality | bytes | bpp | Fréchet | PSNR | MS-SSIM | squeezenet | darknet | decoding |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for codec, quality, decoding in [row for spec in options.codecs for row in rows_of(spec)]:
        sizes, measured, seconds = [], [], []
        painted = Crowd(keep=False)
        for name, picture in pictures.items():
            data = napari_glc.encode(picture, codec=codec, quality=quality, model=options.model)
            begun = time.perf_counter()
            decoded = napari_glc.decode(data, **decoding)
            seconds.append(time.perf_counter() - begun)
            sizes.append(len(data))
            painted.add(look(decoded, GRID))
            fidelity = compare(picture, decoded)
            measured.append([fidelity.psnr, fidelity.ms_ssim, *(d(picture, decoded) for d in distances.values())])
            if options.save is not None:
                options.save.mkdir(parents=True, exist_ok=True)
                told = "".join(f"-{k}{v}" for k, v in decoding.items())
                write_picture(options.save / f"{name}-{codec}-{quality:g}{told}.png", decoded)
        pixels = np.mean([p.shape[0] * p.shape[1] for p in pictures.values()])
        values = dict(zip(("psnr", "ms_ssim", *distances), np.mean(measured, 0).tolist(), strict=True))
        row = {
            "codec": codec,
            "quality": quality,
            **decoding,
            "bytes": float(np.mean(sizes)),
            "most_bytes": max(sizes),
            "bpp": float(8 * np.mean(sizes) / pixels),
            "frechet": frechet_distance(real, painted),
            **values,
            "decode_seconds": float(np.median(seconds)),
        }
        rows.append(row)
        told = " ".join(f"{k} {v}" for k, v in decoding.items())
        print(
            f"| {codec} {told} | {quality:g} | {row['bytes']:.0f} | {row['bpp']:.4f} | {row['frechet']:.2f} "
            f"| {row['psnr']:.2f} | {row['ms_ssim']:.4f} | {row['squeezenet']:.3f} | {row['darknet']:.3f} "
            f"| {row['decode_seconds']:.2f} s |",
            flush=True,
        )
        if options.json is not None:
            options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
