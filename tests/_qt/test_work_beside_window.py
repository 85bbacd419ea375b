"""Nothing is computed in the thread of the window: how long it is kept is measured elsewhere, not here."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from torch.nn.modules.module import register_module_forward_pre_hook

import napari_glc
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc._qt.rate.widget import RateWidget
from napari_glc._qt.recovery.widget import RecoveryWidget


@pytest.fixture
def at_work():
    """Threads in which layers of networks compute."""
    threads: set[threading.Thread] = set()
    hook = register_module_forward_pre_hook(lambda *_: threads.add(threading.current_thread()))
    yield threads
    hook.remove()


@pytest.mark.parametrize("kind", [CodecWidget, RateWidget, IndexWidget, LatentWidget, RecoveryWidget])
def test_widgets_compute_in_threads(dock, viewer, finish, small_parrots, at_work, kind):
    viewer.add_image(small_parrots[:64, :96], rgb=True, name="parrots")
    widget = dock(kind)
    widget.run_button.click()
    finish(widget)
    if kind is LatentWidget:
        widget.row.setValue(2)
    if kind in (CodecWidget, RateWidget):
        widget.quality.value = 80
    if kind is CodecWidget:
        widget.estimate()
    finish(widget)
    assert at_work
    assert threading.main_thread() not in at_work


def test_files_are_opened_looked_at_and_saved_in_threads(viewer, small_parrots, at_work, tmp_path, qtbot):
    path, done = tmp_path / "stack.glc", []
    napari_glc.imwrite(path, np.stack([small_parrots[..., 1], small_parrots[..., 0]]), axes="ZYX")
    at_work.clear()

    def use() -> None:
        (layer,) = viewer.open(path, plugin="napari-glc")
        viewer.dims.set_point(0, 1)
        done.append(layer.save(tmp_path / "again.glc", plugin="napari-glc"))

    QTimer.singleShot(0, use)
    qtbot.waitUntil(lambda: bool(done), timeout=60_000)
    assert napari_glc.open(done[0][0]).shape == (2, 128, 192)
    assert at_work
    assert threading.main_thread() not in at_work
