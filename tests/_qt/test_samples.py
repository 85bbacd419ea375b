"""Several pictures of the same bytes, in the widget *Encode and decode*. The codec's networks are random ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import napari_glc
from napari_glc import GlcFile
from napari_glc._base import onlooking
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc.codecs import registry
from napari_glc.codecs.perco.entry import ENTRY
from napari_glc.models.registry import FOLDER_VARIABLE
from perco_models import write_perco_models


@pytest.fixture(autouse=True)
def known(monkeypatch, tmp_path, motocross):
    write_perco_models(tmp_path, motocross)
    monkeypatch.setitem(registry._entries, ENTRY.name, replace(ENTRY, default_model="perco-narrow"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))


def test_samples_their_mean_and_where_they_differ(viewer, dock, finish, small_parrots):
    layer = viewer.add_image(small_parrots, rgb=True, name="parrots", scale=(0.5, 0.5), translate=(3, 4), units="um")
    widget = dock(CodecWidget)
    assert not widget.form.isRowVisible(widget.samples)
    widget.codec.setCurrentIndex(widget.codec.findData("perco"))
    widget.device.setCurrentIndex(widget.device.findData("cpu"))
    assert widget.form.isRowVisible(widget.samples)
    widget.samples.setValue(3)
    widget.quality.value = 0
    widget.run_button.click()
    finish(widget)
    file = GlcFile(widget._last[0].data)
    pictures = file.samples(3)
    shown = viewer.layers["parrots decoded (invented)"]
    np.testing.assert_array_equal(shown.data, pictures[0])
    assert "all detail is invented" in shown.metadata["glc"]["warning"]
    stack = viewer.layers["parrots samples (invented)"]
    np.testing.assert_array_equal(stack.data, pictures)
    np.testing.assert_array_equal(stack.scale, (1, *layer.scale))
    assert stack.axis_labels[0] == "sample"
    deviation = viewer.layers["parrots deviation of samples"]
    assert deviation.data.shape == small_parrots.shape[:2]
    assert deviation.data.max() > 1
    for name in ("deviation of samples", "mean of samples"):
        np.testing.assert_array_equal(viewer.layers[f"parrots {name}"].translate, layer.translate)
    # of a plane of a stack as well, grey
    viewer.add_image(np.stack([small_parrots[..., 0]] * 2), name="stack")
    widget.source.layer = viewer.layers["stack"]
    widget.run_button.click()
    finish(widget)
    assert viewer.layers["stack[0] samples (invented)"].data.shape == (3, 1, *small_parrots.shape[:2])
    assert viewer.layers["stack[0] deviation of samples"].data.shape == (1, *small_parrots.shape[:2])
    # another codec has one picture
    widget.codec.setCurrentIndex(widget.codec.findData(napari_glc.codecs.registry.DEFAULT_CODEC))
    assert not widget.form.isRowVisible(widget.samples)
    assert widget.options().samples == 1


def test_the_picture_is_seen_while_it_is_painted(viewer, dock, finish, small_parrots, monkeypatch):
    monkeypatch.setattr(onlooking, "_SECONDS", 0.0)
    viewer.add_image(small_parrots, rgb=True, name="parrots")
    states = []

    class Watched(CodecWidget):
        def _show_unfinished(self, *args):
            super()._show_unfinished(*args)
            states.append(_shown(self.viewer))

    widget = dock(Watched)
    widget.codec.setCurrentIndex(widget.codec.findData("perco"))
    widget.decoding_form.field("perco", "steps").value = 30
    widget.run_button.click()
    finish(widget)
    assert len(states) == 30
    assert all(facts["unfinished"] for _, facts in states)
    pixels, facts = _shown(viewer)
    assert "unfinished" not in facts
    assert facts["steps"] == 30
    assert np.abs(pixels.astype(float) - states[0][0]).mean() > np.abs(pixels.astype(float) - states[-1][0]).mean()


def _shown(viewer):
    layer = viewer.layers["parrots decoded (invented)"]
    return np.array(layer.data), dict(layer.metadata["glc"])
