"""The plugin manager disables the plugin while its docks are open and files are being filled in."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from npe2 import PluginManager
from qtpy.QtCore import QTimer

import napari_glc
from napari_glc._napari.flipping import FLIP_KEY
from napari_glc._napari.window import window
from napari_glc._qt.common.jobs import _running
from napari_glc._qt.rate.widget import RateWidget

PLUGIN = "napari-glc"


@pytest.fixture
def manager():
    """napari's own; the plugin is at work again afterwards."""
    manager = PluginManager.instance()
    yield manager
    manager.activate(PLUGIN)


def test_nothing_is_left_that_ticks_or_works(viewer, dock, finish, small_parrots, tmp_path, manager, qtbot):
    manager.activate(PLUGIN)
    viewer.add_image(small_parrots[:64, :96], rgb=True, name="parrots")
    widget = dock(RateWidget)
    widget.run_button.click()
    finish(widget)
    blinking = widget.comparison._timer
    widget.mode.setCurrentIndex(widget.mode.findData("blink"))
    assert blinking.isActive()

    # a stack that is being filled in, and a job at work
    path = tmp_path / "stack.glc"
    napari_glc.imwrite(path, np.stack([small_parrots[..., 1]] * 3), axes="ZYX")
    done = []
    QTimer.singleShot(0, lambda: done.append(viewer.open(path, plugin=PLUGIN)))
    qtbot.waitUntil(lambda: bool(done), timeout=20_000)
    filler = window()._filler
    assert filler is not None
    widget.quality.value = 90
    assert widget.busy

    # the part of disabling that is the plugin's; the rest changes napari's menus, once and for all in a process
    manager.deactivate(PLUGIN)
    assert window() is None
    qtbot.waitUntil(lambda: not _running, timeout=20_000)
    assert not blinking.isActive()
    assert not filler._drawing.isActive()
    assert filler._job is None
    assert not [timer for timer in widget.findChildren(QTimer) if timer.isActive()]
    # no dock is left, and no thread once it has ended what it did
    assert widget.parent() is None
    assert not any("Rate" in name for name in viewer.window.dock_widgets)
    qtbot.waitUntil(lambda: not _threads(), timeout=20_000)
    # nothing of it listens to the viewer, and who holds the widget elsewhere reads why
    assert widget.status.text().startswith("The plugin was disabled.")
    assert not widget.run_button.isEnabled()
    assert not any("napari_glc" in str(getattr(call, "__module__", "")) for call in viewer.mouse_drag_callbacks)
    assert not any("napari_glc" in str(getattr(call, "__module__", "")) for call in viewer.mouse_move_callbacks)
    assert FLIP_KEY not in [str(key) for key in viewer.keymap]
    viewer.add_image(small_parrots[:64, :96], rgb=True, name="later")
    widget.refresh()
    assert not any(part.isEnabled() for part in (widget.run_button, widget.quality, widget.source, widget.mode))
    # what is opened already is decoded by napari from now on
    viewer.dims.set_point(0, 2)
    assert np.asarray(done[0][0].data[2]).std() > 5

    # enabled again, a new dock works, where the old one was left
    manager.activate(PLUGIN)
    assert window() is not None
    again = dock(RateWidget)
    assert again.quality.value == 90
    again.source.layer = viewer.layers["parrots"]
    again.run_button.click()
    finish(again)
    assert "parrots at this rate" in viewer.layers
    assert _threads()


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("napari-glc")]
