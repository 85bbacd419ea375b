"""Opens coded microscopy files in napari and takes pictures: xvfb-run python docs/make_micro_screenshots.py FOLDER

FOLDER holds microscopy files; those of the documentation are CellProfiler's examples (docs/reference/sources.md). Each
is encoded with the defaults and opened as a user would, with napari's own reader dispatch.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import napari
from PIL import Image

from napari_glc.cli import main as glc

IMAGES = Path(__file__).parent / "images"


def opened(path: Path, folder: Path) -> None:
    """Encode a file, open what came of it, move the slider if there is one."""
    coded = folder / f"{path.stem}.glc"
    if glc(["encode", str(path), str(coded)]):
        raise SystemExit(f"{path} could not be encoded")
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1000, 640)
    viewer.open(str(coded), plugin="napari-glc")
    if viewer.dims.ndim > 2:
        viewer.dims.set_current_step(0, viewer.dims.nsteps[0] // 2)
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.reset_view()
    application = napari.qt.get_qapp()
    settled = time.monotonic() + 2
    while time.monotonic() < settled:
        application.processEvents()
        time.sleep(0.02)
    for layer in viewer.layers:
        print(layer.name, layer.data.shape, layer.dtype, layer.scale, layer.contrast_limits, layer.colormap.name)
    shot = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)[..., :3])
    shot.quantize(200).save(IMAGES / f"micro_{path.stem.split('_')[0]}.png", optimize=True)
    viewer.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for source in sorted(Path(sys.argv[1]).glob("*.tif")):
            opened(source, Path(scratch))
