"""Makes the pictures of the documentation from real runs: xvfb-run python docs/make_screenshots.py"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import napari
import numpy as np
from PIL import Image

import napari_glc
from napari_glc._napari.samples import sample_path

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


def photograph(viewer: Any) -> Any:
    """The sample."""
    return viewer.add_image(iio.imread(sample_path()), rgb=True, name="parrots")


def micrograph(viewer: Any) -> Any:
    """A frame of fly embryo nuclei."""
    frame = iio.imread(Path(__file__).parents[1] / "tests" / "data" / "embryo_frame0.png")
    return viewer.add_image(frame, colormap="green", name="embryo")


PICTURES: dict[str, Callable[[Any], Any]] = {"": photograph, "_embryo": micrograph}


def widget(scene: Path, suffix: str, theme: str = "dark") -> None:
    """One dock widget at work on one picture, as its scene in docs/screenshots sets it up."""
    viewer = napari.Viewer(show=True)
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    application = napari.qt.get_qapp()

    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 300
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{scene.stem}: the scene does not come about")
            application.processEvents()
            time.sleep(0.01)

    spec = importlib.util.spec_from_file_location(scene.stem, scene)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.show(viewer, PICTURES[suffix](viewer), wait)
    settled = time.monotonic() + 1
    wait(lambda: time.monotonic() > settled)
    shot = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)[..., :3])
    if theme != "dark":
        suffix += f"_{theme}"
    shot.quantize(200).save(IMAGES / f"widget_{scene.stem}{suffix}.png", optimize=True)
    viewer.close()


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    if len(sys.argv) > 1:  # a scene, "" or "_embryo", and perhaps a theme
        widget(Path(sys.argv[1]), *sys.argv[2:])
    else:
        qualities()
        sample_in_napari()
        for scene in sorted((Path(__file__).parent / "screenshots").glob("*.py")):
            for suffix in PICTURES:
                # a process for each: under software OpenGL, layers of different kinds do not follow each other well
                subprocess.run([sys.executable, __file__, str(scene), suffix], check=True)
