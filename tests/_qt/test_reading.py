"""The window never reads samples: lazy layers are read in the work thread, and what goes wrong there is told."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import napari_glc
from napari_glc._qt.coding import widget as codec_widget
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc._qt.rate.widget import RateWidget
from napari_glc._qt.recovery.widget import RecoveryWidget

WIDGETS = (CodecWidget, RateWidget, IndexWidget, LatentWidget, RecoveryWidget)


class Lazy:
    """A stack that is read plane by plane, and knows by whom."""

    def __init__(self, planes: np.ndarray) -> None:
        self._planes = planes
        self.shape, self.dtype, self.ndim = planes.shape, planes.dtype, planes.ndim
        self.readers: list[threading.Thread] = []
        self.broken = False

    def __getitem__(self, index: Any) -> np.ndarray:
        self.readers.append(threading.current_thread())
        if self.broken:
            raise OSError("the disk was unplugged")
        return self._planes[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)


@pytest.fixture
def stack(embryo: np.ndarray) -> Lazy:
    return Lazy(np.stack([embryo[:64, :96], embryo[100:164, 100:196]]).astype(np.uint16) * 200)


@pytest.fixture
def layer(viewer, stack):
    # not shown: napari itself reads what it draws
    return viewer.add_image(stack, name="cells", contrast_limits=(500, 40000), visible=False)


@pytest.mark.parametrize("kind", WIDGETS)
def test_samples_are_read_in_the_work_thread(kind, viewer, stack, layer, dock, finish):
    widget = dock(kind)
    stack.readers.clear()
    widget.run_button.click()
    finish(widget)
    assert stack.readers
    assert threading.main_thread() not in stack.readers
    assert "Failed" not in widget.status.text()
    assert len(viewer.layers) > 1


@pytest.mark.parametrize("kind", WIDGETS)
def test_what_goes_wrong_in_reading_is_told(kind, viewer, stack, layer, dock, finish, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("napari_glc._qt.common.base.show_error", told.append)
    widget = dock(kind)
    stack.broken = True
    widget.run_button.click()
    assert widget.busy
    finish(widget)
    assert widget.status.text() == "Failed: the disk was unplugged"
    assert told == ["the disk was unplugged"]
    assert len(viewer.layers) == 1
    stack.broken = False
    widget.run_button.click()
    finish(widget)
    assert len(viewer.layers) > 1


def test_the_plane_on_display_keeps_its_type_and_range_when_saved(
    viewer, stack, layer, dock, finish, tmp_path, monkeypatch
):
    path = tmp_path / "plane.glc"
    monkeypatch.setattr(codec_widget, "path_to_save", lambda parent, title, name: path)
    layer.scale, layer.translate = (3, 0.5, 0.5), (0, 10, 20)
    viewer.dims.set_current_step(0, 1)
    widget = dock(CodecWidget)
    widget.quality.value = 80
    widget.run_button.click()
    finish(widget)
    widget.save_button.click()
    file = napari_glc.open(path)
    assert (file.shape, file.dtype, file.axes) == ((64, 96), np.uint16, "YX")
    assert file.layout.ranges == ((500, 40000),)
    plane = stack._planes[1]
    assert file.layout.clipped == ((plane < 500) | (plane > 40000)).sum()
    decoded = viewer.layers["cells[1] decoded"]
    np.testing.assert_array_equal(decoded.data[0], file.read())
    (again,) = viewer.open(path, plugin="napari-glc")
    np.testing.assert_array_equal(again.data, decoded.data[0])
    assert again.data.dtype == np.uint16
    assert tuple(again.contrast_limits) == (500, 40000)
    np.testing.assert_array_equal(again.scale, (0.5, 0.5))
    np.testing.assert_array_equal(again.translate, (10, 20))


def test_types_that_files_do_not_know_become_float32(viewer, embryo, dock, finish):
    layer = viewer.add_image(embryo[:64, :96] / 255, name="cells", contrast_limits=(0, 0.8))
    assert layer.data.dtype == np.float64
    widget = dock(CodecWidget)
    widget.run_button.click()
    finish(widget)
    decoded = viewer.layers["cells decoded"]
    assert decoded.data.dtype == np.float32
    assert np.abs(decoded.data - layer.data).mean() < 0.05
    assert "float64 samples: they are kept as float32" in widget.notes.text()


def test_alpha_is_looked_at_in_the_work_thread(viewer, small_parrots, dock, finish, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("napari_glc._qt.common.base.show_error", told.append)
    rgba = np.dstack([small_parrots, np.full(small_parrots.shape[:2], 255, np.uint8)])
    opaque = viewer.add_image(rgba.copy(), rgb=True, name="opaque")
    widget = dock(CodecWidget)
    widget.source.layer = opaque
    widget.run_button.click()
    finish(widget)
    assert widget._last[0].data == napari_glc.encode(small_parrots, metadata={"name": "opaque"})
    rgba[5, 5, 3] = 0
    widget.source.layer = viewer.add_image(rgba, rgb=True, name="glass")
    widget.run_button.click()
    finish(widget)
    assert "layer 'glass' has transparent parts" in told[0]


def test_a_widget_opened_again_goes_on_with_its_layers(viewer, layer, dock, finish):
    for round_ in range(2):
        widget = dock(RateWidget)
        widget.run_button.click()
        finish(widget)
        names = [each.name for each in viewer.layers]
        assert names == ["cells", "cells[0] at this rate"], round_
        viewer.window.remove_dock_widget(widget)
