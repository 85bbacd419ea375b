"""Rate, fidelity and error of the latent of codec ``clric``, whole files; a line of CSV as soon as it is known.

::

    python benchmarks/fitted_functions.py KODAK FEATURES out.csv
    python benchmarks/fitted_functions.py KODAK FEATURES out.csv --modes shared --efforts 1 5 --quality 0 25 50
    python benchmarks/fitted_functions.py KODAK FEATURES crops.csv --modes shared shared-picture --efforts 9 \
        --quality 35 45 60 --crop 256 384
    python benchmarks/fitted_functions.py KODAK FEATURES crops.csv --modes glc --efforts 9 --quality 60 80 100 \
        --crop 256 384

A mode is what files hold, ``shared`` or ``published``, with ``-picture`` for fits that look at the picture in the end;
or ``glc``, the codec to stand beside.

It goes on where an earlier run of the same file ended.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from effort import middle

import napari_glc
from napari_glc import GlcFile
from napari_glc.codecs.clric.codec import ClricCodec
from napari_glc.codecs.loading import loaded_codec
from napari_glc.codecs.registry import model_of
from napari_glc.metrics.feature_distance import FeatureDistance, distance_of_arrays
from napari_glc.metrics.fidelity import ms_ssim, psnr

_FIELDS = [
    *("image", "mode", "quality", "effort", "bytes", "networks", "bpp", "latent_error"),
    *("psnr", "ms_ssim", "squeezenet", "darknet", "encode_cpu_seconds"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("features", type=Path, help="folder of the feature networks")
    parser.add_argument("out", type=Path)
    parser.add_argument("--quality", type=float, nargs="+", default=[0, 25, 50, 75, 100])
    parser.add_argument("--modes", nargs="+", default=["shared", "published"])
    parser.add_argument("--efforts", type=int, nargs="+", default=[5])
    parser.add_argument("--crop", type=int, nargs=2, metavar=("SHORT", "LONG"), help="of each picture the middle only")
    parser.add_argument("--names", nargs="+", help="pictures of the folder, without .png; all by themselves")
    options = parser.parse_args()
    known = set()
    if options.out.exists():
        with open(options.out, newline="") as lines:
            known = {(r["image"], r["mode"], float(r["quality"]), int(r["effort"])) for r in csv.DictReader(lines)}
    distances = [distance_of_arrays(FeatureDistance(name, options.features)) for name in ("squeezenet", "darknet")]
    with open(options.out, "a", newline="") as out:
        table = csv.DictWriter(out, _FIELDS)
        if not known:
            table.writeheader()
        for mode in options.modes:
            for effort in options.efforts:
                for path in sorted(options.pictures.glob("*.png")):
                    if options.names and path.stem not in options.names:
                        continue
                    picture = iio.imread(path)
                    if options.crop is not None:
                        # turned with the picture
                        wide = picture.shape[1] > picture.shape[0]
                        picture = middle(picture, *(options.crop if wide else reversed(options.crop)))
                    for quality in options.quality:
                        if (path.stem, mode, quality, effort) in known:
                            continue
                        row = measured(picture, mode, quality, effort, distances)
                        table.writerow({"image": path.stem, "mode": mode, "quality": quality, "effort": effort} | row)
                        out.flush()


def measured(picture: np.ndarray, mode: str, quality: float, effort: int, distances: list) -> dict[str, float]:
    """One file: what it takes and what it keeps, of the picture and of the latent (of its first tile)."""
    chosen: dict = {"codec": "glc"}
    if mode != "glc":
        held, _, seen = mode.partition("-")
        chosen = {"codec": "clric", "mode": held, "distortion": seen or "latent"}
    started = time.process_time()
    data = napari_glc.encode(picture, **chosen, quality=quality, effort=effort, device="cpu")
    seconds = time.process_time() - started
    file = GlcFile(data, device="cpu")
    decoded, coding = file.read(), file.coding()
    error = float("nan") if mode == "glc" else latent_error(picture, file)
    return {
        "bytes": len(data),
        "networks": len(coding.plane_stream),
        "bpp": round(8 * len(data) / (picture.shape[0] * picture.shape[1]), 5),
        "latent_error": round(error, 5),
        "psnr": round(psnr(picture, decoded), 3),
        "ms_ssim": round(ms_ssim(picture, decoded), 5),
        "squeezenet": round(distances[0](picture, decoded), 4),
        "darknet": round(distances[1](picture, decoded), 4),
        "encode_cpu_seconds": round(seconds, 2),
    }


def latent_error(picture: np.ndarray, file: GlcFile) -> float:
    """Of the first tile."""
    codec, coding = loaded_codec(model_of("clric", None), "cpu"), file.coding()
    assert isinstance(codec, ClricCodec)
    latent = codec.latents(picture, coding.grid, lambda *_: None)[0]
    payload = file.chunk(file.container.first_chunk(0, 0))
    made = codec.tile_latent(codec.read(payload, coding, codec.area(coding.grid[0])), coding).numpy()
    return float(np.square(made - latent).mean())


if __name__ == "__main__":
    main()
