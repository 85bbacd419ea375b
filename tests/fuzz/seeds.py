"""Real files to begin from, made afresh with the embedded models, so no seed depends on weights of another day."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import imageio.v3 as iio

import napari_glc
from napari_glc.codecs.vqgan.options import INDEX_CODERS

SAMPLE = Path(napari_glc.__file__).parent / "samples" / "kodim23.png"
_SPOTS = ((180, 300), (90, 520), (400, 100))


@cache
def seeds(side: int = 64) -> dict[str, bytes]:
    """A small file of every codec, index coder and layout, by a short name."""
    picture = iio.imread(SAMPLE)
    crops = [picture[top : top + side, left : left + side] for top, left in _SPOTS]
    metadata = {"name": "seed", "scale": [0.5, 0.25]}
    files = {
        "glc": napari_glc.encode(crops[0], quality=30, device="cpu"),
        "glc-grey": napari_glc.encode(crops[1][..., 1], quality=80, metadata=metadata, device="cpu"),
        "glc-tiles": napari_glc.encode(picture[:64, :128], quality=10, tile=64, device="cpu"),
    }
    for mode, quality in (("shared", 10), ("shared", 90), ("published", 40)):
        files[f"clric-{mode}-{quality}"] = napari_glc.encode(
            crops[2], codec="clric", quality=quality, mode=mode, effort=1, device="cpu"
        )
    for quality in (0, 100):
        files[f"perco-{quality}"] = napari_glc.encode(crops[1], codec="perco", quality=quality, device="cpu")
    for number, coder in enumerate(INDEX_CODERS):
        for packets in (1, 4):
            files[f"vqgan-{coder}-{packets}"] = napari_glc.encode(
                crops[number % 3], codec="vqgan", quality=50, index_coder=coder, packets=packets, device="cpu"
            )
    return files
