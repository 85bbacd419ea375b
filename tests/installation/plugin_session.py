"""What people do in napari once its plugin manager has installed napari-glc: `python plugin_session.py FOLDER`.

Runs in an environment of napari, a Qt binding and napari-glc without extras; see `test_plugin_manager.py`.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import napari
import numpy as np
import tifffile
from npe2 import PluginManager
from qtpy.QtWidgets import QApplication

import napari_glc
from napari_glc.files.damaging import damage

PLUGIN = "napari-glc"


def main(folder: Path) -> None:
    assert not [name for name in ("zarr", "numcodecs", "distributed", "pytest") if importlib.util.find_spec(name)]
    viewer = napari.Viewer()
    (parrots,) = viewer.open_sample(PLUGIN, "parrots")
    viewer.layers.clear()
    crop = np.ascontiguousarray(parrots.data[200:328, 300:492])
    layer = viewer.add_image(crop, rgb=True, name="crop", scale=(0.5, 0.5))

    contributed = PluginManager.instance().get_manifest(PLUGIN).contributions.widgets
    for contribution in contributed:
        dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, contribution.display_name)
        viewer.layers.selection.active = layer
        before = len(viewer.layers)
        widget.run_button.click()
        _wait_until(lambda widget=widget: widget.settled)
        assert len(viewer.layers) > before, (contribution.display_name, widget.status.text())
        viewer.window.remove_dock_widget(dock)
        print("opened", contribution.display_name, flush=True)

    # a picture, and a stack that is decoded when looked at
    stack = viewer.add_image(np.stack([crop[..., 1], crop[..., 0]]).astype(np.uint16) * 100, name="stack")
    for number, saved in enumerate((layer, stack)):
        (written,) = saved.save(str(folder / f"{number}.glc"), plugin=PLUGIN)
        (opened,) = viewer.open(written, plugin=PLUGIN)
        shown = np.asarray(opened.data)
        assert (shown.shape, shown.dtype, opened.rgb) == (saved.data.shape, saved.data.dtype, saved.rgb)
        assert np.corrcoef(shown.ravel(), saved.data.ravel())[0, 1] > 0.8
        np.testing.assert_array_equal(opened.scale, saved.scale)
        print("saved and opened", saved.name, flush=True)

    # 16 bits of a microscope, turned
    pixels = np.squeeze(tifffile.imread(Path(__file__).parents[1] / "data" / "worms_crop_uint16.tif"))
    worms = viewer.add_image(pixels, name="worms", rotate=[30] * 3 if pixels.ndim == 3 else 30)
    (opened,) = viewer.open(worms.save(str(folder / "worms.glc"), plugin=PLUGIN)[0], plugin=PLUGIN)
    assert (opened.data.shape, opened.data.dtype) == (worms.data.shape, np.uint16)
    np.testing.assert_allclose(opened.data_to_world(np.ones(pixels.ndim)), worms.data_to_world(np.ones(pixels.ndim)))
    print("saved and opened", worms.name, flush=True)

    # a stack of which packets were lost on the way
    data = napari_glc.encode(stack.data, axes="ZYX", codec="vqgan", packets=4)
    (folder / "damaged.glc").write_bytes(damage(data, 0.25))
    first = viewer.open(folder / "damaged.glc", plugin=PLUGIN)[0]
    assert np.corrcoef(np.asarray(first.data).ravel(), stack.data.ravel())[0, 1] > 0.6
    print("opened", first.name, flush=True)
    viewer.close()


def _wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the widget's job did not end"
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
