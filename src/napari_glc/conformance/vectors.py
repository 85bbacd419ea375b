"""Conformance vectors: small ``.glc`` files and what a decoder must make of them.

``data/vectors.json`` lists them; beside it lie the files and, as PNG, the pixels. They are made by
``python docs/conformance.py --write`` and change with the embedded models only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DATA", "PLANS", "Vector", "read_vectors", "source_picture"]

DATA = Path(__file__).parent / "data"
_SAMPLE = Path(__file__).parents[1] / "samples" / "kodim23.png"

PLANS: dict[str, dict[str, Any]] = {
    "glc-low": {"quality": 0, "crop": [180, 300, 244, 396]},
    "glc-high-tiles": {"quality": 100, "tile": 64, "crop": [90, 520, 154, 648]},
    "glc-grey-odd": {"quality": 61.5, "grey": True, "crop": [400, 100, 467, 171], "metadata": {"name": "odd"}},
    "vqgan-fixed": {"codec": "vqgan", "quality": 0, "index_coder": "fixed", "crop": [180, 300, 244, 396]},
    "vqgan-zip": {"codec": "vqgan", "quality": 30, "index_coder": "zip", "crop": [90, 520, 154, 616]},
    "vqgan-adaptive": {"codec": "vqgan", "quality": 100, "index_coder": "adaptive", "crop": [400, 100, 464, 196]},
    "vqgan-transformer": {
        "codec": "vqgan",
        "quality": 50,
        "index_coder": "transformer",
        "packets": 3,
        "crop": [180, 300, 244, 396],
    },
    "clric-low": {"codec": "clric", "quality": 15, "effort": 1, "crop": [180, 300, 244, 396]},
    "clric-high-tiles": {"codec": "clric", "quality": 100, "effort": 1, "tile": 64, "crop": [90, 520, 154, 648]},
    "clric-published": {
        "codec": "clric",
        "mode": "published",
        "quality": 40,
        "effort": 1,
        "tile": 64,
        "crop": [90, 520, 154, 648],
    },
    "perco-low": {"codec": "perco", "quality": 0, "crop": [180, 300, 244, 396]},
    "perco-seed-tiles": {"codec": "perco", "quality": 50, "noise_seed": 5, "tile": 64, "crop": [90, 520, 154, 648]},
    "perco-grey-odd": {
        "codec": "perco",
        "model": "perco-small",
        "quality": 100,
        "grey": True,
        "crop": [400, 100, 467, 171],
    },
    "clric-grey-odd": {"codec": "clric", "quality": 61.5, "effort": 1, "grey": True, "crop": [400, 100, 467, 171]},
}
"""How each vector is made: options of :func:`napari_glc.encode`; ``crop`` (top, left, bottom, right) and ``grey``
(its green channel) say what of the sample picture."""


@dataclass(frozen=True, kw_only=True)
class Vector:
    """One file and what it stands for.

    Attributes
    ----------
    name
        Also of its files, with ``.glc`` and ``.png``.
    sha256
        Of the ``.glc`` file.
    model
        SHA-256 of the model it was made with.
    symbols
        SHA-256 of its symbols; see :func:`napari_glc.conformance.symbol_digest`.
    pixels
        SHA-256 of the decoded samples in row-major order, as decoded where the vector was made.
    tolerance
        Most a decoder's samples may differ from the PNG's.
    """

    name: str
    sha256: str
    model: str
    symbols: str
    pixels: str
    tolerance: int

    @property
    def data(self) -> bytes:
        """The ``.glc`` file."""
        return (DATA / f"{self.name}.glc").read_bytes()

    @property
    def picture(self) -> NDArray[np.uint8]:
        """The pixels it stands for, ``(Y, X)`` or ``(Y, X, 3)``."""
        import imageio.v3 as iio

        picture: NDArray[np.uint8] = iio.imread(DATA / f"{self.name}.png", plugin="pillow")
        return picture


def read_vectors() -> list[Vector]:
    """All published vectors."""
    listed = json.loads((DATA / "vectors.json").read_text(encoding="utf-8"))
    names = [field.name for field in fields(Vector)]
    return [Vector(**{name: entry[name] for name in names}) for entry in listed["vectors"]]


def source_picture(name: str) -> NDArray[np.uint8]:
    """The picture a vector was encoded from: a part of the packaged sample."""
    import imageio.v3 as iio

    plan = PLANS[name]
    top, left, bottom, right = plan["crop"]
    crop: NDArray[np.uint8] = iio.imread(_SAMPLE, plugin="pillow")[top:bottom, left:right]
    return crop[..., 1] if plan.get("grey") else crop
