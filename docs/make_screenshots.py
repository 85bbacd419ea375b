"""Makes the pictures of the documentation from real runs: xvfb-run python docs/make_screenshots.py"""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import napari
import numpy as np

import napari_glc
from napari_glc._sample_data import sample_path

IMAGES = Path(__file__).parent / "images"


def sample_in_napari() -> None:
    """The sample's photograph and its decoded picture side by side."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 820)
    viewer.open_sample("napari-glc", "coded")
    viewer.canvas.grid.enabled = True
    napari.qt.get_qapp().processEvents()
    viewer.reset_view()
    viewer.screenshot(str(IMAGES / "sample_in_napari.png"), canvas_only=False, flash=False)
    viewer.close()


def qualities() -> None:
    """Original, preview and five qualities of the sample, a crop of each."""
    picture = iio.imread(sample_path())
    area = (slice(120, 440), slice(60, 300))
    strips = [picture[area]]
    for quality in (0, 25, 50, 75, 100):
        data = napari_glc.encode(picture, quality=quality)
        strips.append(napari_glc.decode(data)[area])
    iio.imwrite(IMAGES / "qualities.jpg", np.hstack(strips), quality=92)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    qualities()
    sample_in_napari()
