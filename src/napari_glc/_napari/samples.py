"""napari's sample data: a photograph and a microscope's picture, plain and through the codec."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["coded_parrots", "coded_tissue", "parrots", "sample_path", "tissue"]

LayerData = tuple[Any, dict[str, Any], str]


def sample_path() -> Path:
    """The embedded picture: Kodak 23, 768 x 512 pixels, RGB."""
    return Path(__file__).parents[1] / "samples" / "kodim23.png"


def parrots() -> list[LayerData]:
    """The photograph as it is."""
    return [_plain(_photograph(), "parrots")]


def coded_parrots() -> list[LayerData]:
    """The photograph, and over it what is left of it at quality 50."""
    return _with_coded(_photograph(), "parrots")


def tissue() -> list[LayerData]:
    """A stained section of tissue as it is."""
    return [_plain(_section(), "tissue")]


def coded_tissue() -> list[LayerData]:
    """The section, and over it what is left of it at quality 50: look at the nuclei before trusting any."""
    return _with_coded(_section(), "tissue")


def _photograph() -> Pixels:
    import imageio.v3 as iio

    return iio.imread(sample_path())


def _section() -> Pixels:
    """Colonic glands, FHL2 stained with DAB over haematoxylin, 512 x 512 pixels, RGB; part of scikit-image itself."""
    from skimage.data import immunohistochemistry

    pixels: Pixels = immunohistochemistry()
    return pixels


def _plain(pixels: Pixels, name: str) -> LayerData:
    options = {
        "name": name,
        "rgb": True,
        "contrast_limits": (0, 255),
        "units": ("pixel", "pixel"),
        "axis_labels": ("y", "x"),
    }
    return pixels, options, "image"


def _with_coded(original: Pixels, name: str) -> list[LayerData]:
    from .._base.progress import Progress, no_progress
    from ..api import encode
    from ..files.opened import GlcFile
    from .layer_metadata import layer_options
    from .window import keeps_waiting

    def work(progress: Progress) -> tuple[GlcFile, Pixels]:
        file = GlcFile(encode(original, progress=progress))
        return file, file.read()

    there = keeps_waiting()
    file, pixels = work(no_progress) if there is None else there.wait_for(work, f"Coding {name}")
    coded = layer_options(file) | {"name": f"{name} in {file.size} bytes"}
    return [_plain(original, name), (pixels, coded, "image")]
