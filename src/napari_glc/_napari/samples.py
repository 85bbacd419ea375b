"""napari's sample data: one embedded photograph, plain and through the codec."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["coded_parrots", "parrots", "sample_path"]

LayerData = tuple[Any, dict[str, Any], str]


def sample_path() -> Path:
    """The embedded picture: Kodak 23, 768 x 512 pixels, RGB."""
    return Path(__file__).parents[1] / "samples" / "kodim23.png"


def _picture() -> NDArray[np.uint8]:
    import imageio.v3 as iio

    return iio.imread(sample_path())


def _options(name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "name": name,
        "rgb": True,
        "contrast_limits": (0, 255),
        "units": ("pixel", "pixel"),
        "axis_labels": ("y", "x"),
        "metadata": metadata,
    }


def parrots() -> list[LayerData]:
    """The photograph as it is."""
    return [(_picture(), _options("parrots"), "image")]


def coded_parrots() -> list[LayerData]:
    """The photograph, and over it what is left of it at quality 50."""
    from ..api import encode
    from ..files.opened import GlcFile
    from .layer_metadata import layer_options

    original = _picture()
    file = GlcFile(encode(original))
    coded = layer_options(file) | {"name": f"parrots in {file.size} bytes"}
    return [(original, _options("parrots"), "image"), (file.read(), coded, "image")]
