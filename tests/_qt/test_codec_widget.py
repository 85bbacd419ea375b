"""The widget *Encode and decode* in a real viewer."""

from __future__ import annotations

import re
import shutil
import time

import dask.array
import imageio.v3 as iio
import numpy as np
import pytest
import torch
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_glc
from napari_glc._qt.coding import several_panel
from napari_glc._qt.coding import widget as codec_widget
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.common import device_choice
from napari_glc._qt.common.jobs import _running
from napari_glc._qt.common.paths import path_to_save, suggested_name
from napari_glc.codecs import loading
from napari_glc.inspection import coding
from napari_glc.metrics import compare
from napari_glc.models import embedded_models, registry
from napari_glc.models.registry import FOLDER_VARIABLE


@pytest.fixture
def layer(viewer, small_parrots):
    return viewer.add_image(small_parrots, rgb=True, name="parrots", scale=(0.5, 0.5), translate=(3, 4), units="um")


def _opened(dock):
    # no fixture: pytest would keep the widget, and with it the viewer, beyond the end of the test
    widget = dock(CodecWidget)
    widget.device.setCurrentIndex(widget.device.findData("cpu"))
    return widget


def _decoded(viewer):
    return [layer for layer in viewer.layers if layer.name.endswith(" decoded")]


def test_a_photograph_comes_back_over_its_original(viewer, layer, dock, finish, small_parrots):
    widget = _opened(dock)
    widget.quality.spin.setValue(30.5)
    assert widget.quality.slider.value() == 61
    widget.run_button.click()
    finish(widget)
    (decoded,) = _decoded(viewer)
    assert decoded.name == "parrots decoded"
    data = napari_glc.encode(
        small_parrots,
        quality=30.5,
        metadata={"name": "parrots", "scale": [0.5, 0.5], "translate": [3.0, 4.0], "units": ["micrometer"] * 2},
    )
    np.testing.assert_array_equal(decoded.data, napari_glc.decode(data))
    for name in ("scale", "translate", "contrast_limits"):
        np.testing.assert_array_equal(getattr(decoded, name), getattr(layer, name))
    assert decoded.units == layer.units
    assert decoded.axis_labels == layer.axis_labels
    assert decoded.rgb
    assert viewer.layers.index(decoded) > viewer.layers.index(layer)
    facts = decoded.metadata["glc"]
    assert facts["bytes"] == len(data)
    assert facts["quality"] == 30.5
    assert "invents" in facts["warning"]
    value = widget.table.value
    assert value("Bytes") == f"{len(data):,}"
    assert value("Bits per pixel") == f"{8 * len(data) / (128 * 192):.4f}"
    assert value("Compression") == f"{128 * 192 * 3 / len(data):,.0f} : 1"
    assert value("PSNR") == f"{compare(small_parrots, decoded.data).psnr:.2f} dB"
    assert value("MS-SSIM") == "picture too small"
    assert value("Encoding").endswith(" s")
    assert value("Decoding").endswith(" s")


def test_a_second_run_updates_its_layer(viewer, layer, dock, finish):
    widget = _opened(dock)
    widget.quality.value = 10
    widget.run()
    finish(widget)
    (first,) = _decoded(viewer)
    before, size = np.array(first.data), first.metadata["glc"]["bytes"]
    widget.quality.value = 90
    layer.translate = (7, 8)
    widget.run()
    finish(widget)
    assert _decoded(viewer) == [first]
    assert (first.data != before).any()
    assert first.metadata["glc"]["bytes"] > size
    np.testing.assert_array_equal(first.translate, (7, 8))
    assert widget.source.layer is layer


def test_sixteen_bits_are_coded_as_displayed(viewer, embryo, dock, finish):
    widget = _opened(dock)
    deep = embryo[:128, :192].astype(np.uint16) * 200
    limits = (500.0, float(np.percentile(deep, 99)))
    viewer.add_image(deep, name="embryo", contrast_limits=limits, colormap="green")
    widget.run()
    finish(widget)
    (decoded,) = _decoded(viewer)
    assert decoded.data.dtype == np.uint16
    assert decoded.data.min() >= limits[0]
    assert decoded.data.max() <= limits[1]
    assert tuple(decoded.contrast_limits) == limits
    assert decoded.colormap.name == "green"
    shown = np.clip(deep, *limits)
    assert np.abs(decoded.data - shown).mean() < 0.1 * (limits[1] - limits[0])
    share = ((deep < limits[0]) | (deep > limits[1])).mean()
    assert f"{limits[0]:g} to {limits[1]:g} became 256 levels" in widget.notes.text()
    assert f"{100 * share:.2g} % of the samples lay beyond" in widget.notes.text()


def test_the_plane_on_display_of_a_stack_is_coded(viewer, embryo, dock, finish):
    widget = _opened(dock)
    stack = np.stack([embryo[:128, :192], embryo[100:228, 100:292], embryo[:128, 200:392]])
    layer = viewer.add_image(stack, name="stack", scale=(2, 0.5, 0.5), translate=(10, 0, 0))
    viewer.dims.set_current_step(0, 1)
    widget.run()
    viewer.dims.set_current_step(0, 2)
    finish(widget)
    (decoded,) = _decoded(viewer)
    assert decoded.data.shape == (1, 128, 192)
    np.testing.assert_array_equal(decoded.scale, layer.scale)
    np.testing.assert_array_equal(decoded.translate, (12, 0, 0))
    assert compare(stack[1], decoded.data[0]).psnr > 3 + compare(stack[2], decoded.data[0]).psnr
    assert "Plane 1 of the stack" in widget.notes.text()


def test_all_planes_of_a_stack_go_into_one_file(viewer, embryo, dock, finish):
    widget = _opened(dock)
    stack = np.stack([embryo[:128, :192], embryo[100:228, 100:292]]).astype(np.uint16) * 200
    limits = (500.0, 40000.0)
    layer = viewer.add_image(stack, name="stack", scale=(2, 0.5, 0.5), translate=(10, 0, 0), contrast_limits=limits)
    assert widget.form.isRowVisible(widget.part)
    widget.part.setCurrentIndex(widget.part.findData("layer"))
    widget.run()
    finish(widget)
    (decoded,) = _decoded(viewer)
    result, _ = widget._last
    np.testing.assert_array_equal(decoded.data, napari_glc.decode(result.data))
    assert decoded.data.shape == stack.shape
    assert decoded.data.dtype == np.uint16
    for name in ("scale", "translate", "contrast_limits"):
        np.testing.assert_array_equal(getattr(decoded, name), getattr(layer, name))
    assert widget.table.value("Bits per pixel") == f"{8 * len(result.data) / stack.size:.4f}"
    assert "All 2 planes were coded." in widget.notes.text()
    assert "500 to 40000 became 256 levels" in widget.notes.text()
    eight = [
        np.clip((s.astype(float) - 500) / 39500 * 255, 0, 255).round().astype(np.uint8) for s in (stack, decoded.data)
    ]
    assert (
        widget.table.value("PSNR") == f"{compare(eight[0].reshape(256, 192), eight[1].reshape(256, 192)).psnr:.2f} dB"
    )
    # going back to one plane replaces the stack
    widget.part.setCurrentIndex(widget.part.findData("plane"))
    widget.run()
    finish(widget)
    assert [one.data.shape for one in _decoded(viewer)] == [(1, 128, 192)]


def test_a_stack_beyond_memory_is_decoded_when_looked_at(viewer, embryo, dock, finish, monkeypatch):
    widget = _opened(dock)
    viewer.add_image(np.stack([embryo[:128, :192]] * 2), name="stack")
    assert not widget.form.isRowVisible(widget.bpp)
    widget.part.setCurrentIndex(widget.part.findData("layer"))
    monkeypatch.setattr(coding, "_DECODED_BYTES", 1000)
    widget.run()
    finish(widget)
    (decoded,) = _decoded(viewer)
    assert widget.table.value("PSNR") == "not measured"
    assert isinstance(decoded.data, dask.array.Array)
    np.testing.assert_array_equal(np.asarray(decoded.data[1]), napari_glc.decode(widget._last[0].data)[1])


def test_index_maps_have_controls_of_their_own(viewer, vqgan, layer, dock, finish):
    widget = _opened(dock)
    packets, index_coder = (widget.options_form.field("vqgan", name) for name in ("packets", "index_coder"))
    assert not widget.form.isRowVisible(packets.native)
    widget.codec.setCurrentIndex(widget.codec.findData("vqgan"))
    assert widget.form.isRowVisible(packets.native)
    assert widget.form.isRowVisible(index_coder.native)
    assert widget.model.chosen.name == "vqgan-small"
    assert (packets.min, packets.max) == (1, 64)
    assert index_coder.choices == ("auto", "fixed", "zip", "adaptive", "transformer")
    packets.value, index_coder.value = 2, "fixed"
    widget.run()
    finish(widget)
    assert _decoded(viewer)[0].metadata["glc"]["codec"] == "vqgan"
    assert widget.table.value("Index coder") == "fixed"
    assert widget._last[0].data == napari_glc.encode(
        layer.data,
        codec="vqgan",
        index_coder="fixed",
        packets=2,
        metadata={"name": "parrots", "scale": [0.5, 0.5], "translate": [3.0, 4.0], "units": ["micrometer"] * 2},
    )


def test_a_rate_out_of_reach_is_said_so(viewer, layer, dock, finish):
    widget = _opened(dock)
    widget.rate_by.setCurrentIndex(widget.rate_by.findData("bpp"))
    assert widget.form.isRowVisible(widget.bpp)
    assert not widget.form.isRowVisible(widget.quality)
    widget.bpp.setValue(2)
    widget.run()
    finish(widget)
    assert widget.table.value("Quality") == "100"
    assert widget.table.value("Search")
    assert "2 bpp is beyond" in widget.notes.text()


def test_the_saved_file_is_the_last_result(viewer, layer, dock, finish, tmp_path, monkeypatch):
    widget = _opened(dock)
    assert not widget.save_button.isEnabled()
    widget.run()
    finish(widget)
    suggested = []
    path = tmp_path / "a.b.glc"
    monkeypatch.setattr(codec_widget, "path_to_save", lambda parent, title, name: suggested.append(name) or path)
    widget.save_button.click()
    assert suggested == ["parrots.glc"]
    assert path.name in widget.status.text()
    assert path.stat().st_size == int(widget.table.value("Bytes").replace(",", ""))
    (again,) = viewer.open(path, plugin="napari-glc")
    np.testing.assert_array_equal(again.data, _decoded(viewer)[0].data)
    np.testing.assert_array_equal(again.scale, layer.scale)
    assert again.units == layer.units

    before = path.read_bytes()
    monkeypatch.setattr(codec_widget, "path_to_save", lambda parent, title, name: None)
    widget.save_button.click()
    monkeypatch.setattr(codec_widget, "path_to_save", lambda parent, title, name: tmp_path / "nowhere" / "a.glc")
    widget.save_button.click()
    assert widget.status.text().startswith("Failed: ")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_saved_under_a_name_that_ends_as_it_should(dock, layer, monkeypatch, tmp_path):
    widget = _opened(dock)
    chosen = {"birds": "birds.glc", "a.b": "a.b.glc", "C.GLC": "C.GLC"}
    monkeypatch.setattr(QFileDialog, "exec", lambda dialog: 1)
    for typed, saved in chosen.items():
        monkeypatch.setattr(QFileDialog, "selectedFiles", lambda dialog, typed=typed: [str(tmp_path / typed)])
        assert path_to_save(widget, "Save", "picture.glc") == tmp_path / saved
    monkeypatch.setattr(QFileDialog, "exec", lambda dialog: 0)
    assert path_to_save(widget, "Save", "picture.glc") is None
    assert suggested_name("a/b: c?", ".glc") == "a_b_ c_.glc"
    assert suggested_name(" ", " rate.csv") == "picture rate.csv"


def test_a_layer_removed_meanwhile_leaves_its_figures(viewer, layer, dock, finish):
    widget = _opened(dock)
    widget.run()
    viewer.layers.remove(layer)
    finish(widget)
    assert len(viewer.layers) == 0
    assert "removed meanwhile" in widget.notes.text()
    assert widget.table.value("Bytes")
    assert widget.save_button.isEnabled()


def test_a_layer_renamed_meanwhile_lends_its_new_name(viewer, layer, dock, finish):
    widget = _opened(dock)
    widget.run()
    layer.name = "macaws"
    finish(widget)
    assert [one.name for one in _decoded(viewer)] == ["macaws decoded"]


def test_labels_alone_give_a_reason(viewer, dock, small_parrots):
    widget = _opened(dock)
    assert "no image layer" in widget.run_button.toolTip()
    labels = viewer.add_labels(small_parrots[..., 0].astype(int))
    widget.refresh()
    assert not widget.run_button.isEnabled()
    assert "Labels cannot be coded" in widget.run_button.toolTip()
    viewer.add_image(small_parrots, rgb=True)
    assert widget.run_button.isEnabled()
    assert labels not in widget.source._layers


def test_what_cannot_be_coded_is_refused(viewer, dock, small_parrots):
    widget = _opened(dock)
    viewer.add_image(small_parrots[..., 0] > 100, name="mask")
    widget.run()
    assert "is a mask" in widget.status.text()
    assert not widget.busy


def test_cancel_leaves_nothing_behind(viewer, parrots, dock, finish, qtbot):
    widget = _opened(dock)
    viewer.add_image(parrots, rgb=True)
    widget.rate_by.setCurrentIndex(widget.rate_by.findData("bpp"))
    widget.run()
    qtbot.waitUntil(lambda: widget.progress.value() > 0, timeout=60_000)
    qtbot.keyClick(widget, Qt.Key.Key_Escape)
    finish(widget)
    assert widget.status.text() == "Cancelled."
    assert len(viewer.layers) == 1
    assert widget.table.isHidden()


def test_running_out_of_memory_is_survived(viewer, layer, dock, finish, monkeypatch):
    widget = _opened(dock)

    def burst(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(codec_widget, "code_stack", burst)
        widget.run()
        finish(widget)
    assert "device cpu" in widget.status.text()
    assert widget.progress.isHidden()
    widget.run()
    finish(widget)
    assert _decoded(viewer)


def test_closing_the_dock_ends_the_job(viewer, parrots, dock, qtbot):
    widget = _opened(dock)
    viewer.add_image(parrots, rgb=True)
    widget.run()
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: not _running, timeout=60_000)
    assert len(viewer.layers) == 1


def test_released_models_are_loaded_again(viewer, layer, dock, finish):
    widget = _opened(dock)
    widget.run()
    finish(widget)
    assert loading._loaded
    held = dict(loading._loaded)
    try:
        widget.release_button.click()
        assert not loading._loaded
        assert "released" in widget.status.text()
        widget.run()
        finish(widget)
        assert len(loading._loaded) == 1
    finally:
        loading._loaded.update(held)


def test_only_devices_that_are_here_are_listed_and_the_tooltip_says_why_not_others(dock, monkeypatch):
    widget = _opened(dock)
    obstacles = loading.device_obstacles()
    assert obstacles["cpu"] == ""
    listed = [widget.device.itemData(place) for place in range(widget.device.count())]
    assert listed == ["auto", *sorted(name for name, obstacle in obstacles.items() if not obstacle)]
    absent = next(name for name, obstacle in obstacles.items() if obstacle)
    assert f"Not here: {absent} ({obstacles[absent]})" in widget.device.toolTip()
    assert "Where the networks run" in widget.device.toolTip()
    monkeypatch.setattr(device_choice, "plugin_setting", lambda group, name: absent)
    other = dock(CodecWidget)
    assert other.device.device == "auto"
    assert absent in other.device.notice
    monkeypatch.setattr(device_choice, "plugin_setting", lambda group, name: "cpu")
    assert dock(CodecWidget).device.device == "cpu"


def test_a_codec_without_model_says_where_it_belongs(dock, layer, tmp_path, monkeypatch):
    (map_model,) = (model for model in embedded_models() if model.codec == "vqgan")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    # an installation that somebody took the embedded weights out of
    monkeypatch.setattr(registry, "_EMBEDDED", tmp_path / "embedded")
    shutil.copy(map_model.path, tmp_path)
    widget = _opened(dock)
    assert widget.codec.currentData() == "glc"
    assert widget.model.count() == 0
    assert not widget.run_button.isEnabled()
    assert str(tmp_path) in widget.status.text()
    widget.codec.setCurrentIndex(widget.codec.findData("vqgan"))
    assert widget.model.chosen.name == map_model.name
    assert widget.run_button.isEnabled()


def test_figures_can_be_copied(layer, dock, finish, qtbot):
    widget = _opened(dock)
    widget.run()
    finish(widget)
    widget.table.selectAll()
    qtbot.keyClick(widget.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QApplication.clipboard().text().splitlines()
    assert len(lines) == widget.table.rowCount()
    assert lines[0] == f"Bytes\t{widget.table.value('Bytes')}"


def test_every_control_is_named_and_fits(dock, layer, finish):
    widget = _opened(dock)
    for codec in ("vqgan", "clric", "perco", "glc"):
        widget.codec.setCurrentIndex(widget.codec.findData(codec))
        for row in range(widget.form.rowCount()):
            label = widget.form.itemAt(row, widget.form.ItemRole.LabelRole).widget()
            field = widget.form.itemAt(row, widget.form.ItemRole.FieldRole).widget()
            assert label.buddy() is field
            assert "&" in label.text()
            assert field.accessibleName()
            assert field.toolTip()
        assert widget.body.parentWidget().minimumSizeHint().width() <= 320
    assert widget.minimumSizeHint().width() <= 320


def test_works_through_napari_own_proxy(make_napari_viewer_proxy, small_parrots, finish):
    viewer = make_napari_viewer_proxy()
    viewer.add_image(small_parrots, rgb=True, name="parrots")
    widget = CodecWidget(viewer)
    viewer.window.add_dock_widget(widget)
    started = time.monotonic()
    for _ in range(2):
        widget.run()
        finish(widget)
    assert time.monotonic() - started < 60
    assert [layer.name for layer in viewer.layers] == ["parrots", "parrots decoded"]
    assert isinstance(viewer.layers[1], Image)


def _with_effort(widget, effort: int) -> None:
    widget.options_form.field("glc", "effort").value = effort


def test_an_optimisation_shows_its_course_and_the_region_it_is_for(viewer, dock, finish, small_parrots):
    crop = np.ascontiguousarray(small_parrots[:64, :96])
    viewer.add_image(crop, rgb=True, name="parrot")
    labels = np.zeros((64, 96), int)
    labels[:, :32] = 1
    viewer.add_labels(labels, name="beak")
    widget = _opened(dock)
    widget.codec.setCurrentIndex(widget.codec.findData("vqgan"))
    assert not widget.form.isRowVisible(widget.region)
    widget.codec.setCurrentIndex(widget.codec.findData("glc"))
    assert widget.form.isRowVisible(widget.region)
    _with_effort(widget, 2)
    assert not widget.form.isRowVisible(widget.weight)
    sizes = {}
    for layer in (None, viewer.layers["beak"]):
        widget.region.layer = layer
        widget.bits.setChecked(True)
        widget.run()
        assert not widget.keep_button.isHidden()
        finish(widget)
        assert widget.keep_button.isHidden()
        standings = [moment.standing for moment in widget.course.moments]
        assert standings[0].iteration == 0
        assert widget.table.value("Effort") == "2"
        bits = viewer.layers["parrot bits"].data
        assert bits.shape == (4, 8)
        sizes[layer] = bits[:, :2].sum() / bits.sum()
    assert sizes[layer] > sizes[None]
    assert widget.form.isRowVisible(widget.weight)
    assert len(_decoded(viewer)) == 1


def test_what_there_is_can_be_kept(viewer, layer, dock, finish, qtbot):
    layer.data = layer.data[:64, :96]
    widget = _opened(dock)
    _with_effort(widget, 9)
    widget.run()
    qtbot.waitUntil(lambda: len(widget.course.moments) > 2, timeout=60_000)
    widget.keep_button.click()
    finish(widget)
    last = widget.course.moments[-1].standing
    assert last.iteration < last.total - 1
    assert _decoded(viewer)[0].data.shape == (64, 96, 3)
    assert widget.save_button.isEnabled()


def test_an_optimisation_is_cancelled_soon(viewer, layer, dock, qtbot):
    layer.data = layer.data[:64, :96]
    widget = _opened(dock)
    _with_effort(widget, 9)
    widget.run()
    qtbot.waitUntil(lambda: len(widget.course.moments) > 2, timeout=60_000)
    began = time.monotonic()
    widget.cancel()
    qtbot.waitUntil(lambda: not widget.busy, timeout=60_000)
    assert time.monotonic() - began < 2
    assert not _decoded(viewer)


def test_bytes_are_a_target(viewer, layer, dock, finish):
    widget = _opened(dock)
    widget.rate_by.setCurrentIndex(widget.rate_by.findData("bytes"))
    assert widget.form.isRowVisible(widget.bytes)
    widget.bytes.setValue(500)
    widget.run()
    finish(widget)
    size = int(widget.table.value("Bytes").replace(",", ""))
    assert 0.97 * 500 <= size <= 500


def test_the_size_is_estimated_before_anything_runs(viewer, dock, finish, motocross):
    layer = viewer.add_image(motocross, rgb=True, name="moto")
    widget = dock(CodecWidget)
    widget.source.layer = layer
    widget.quality.value = 60
    widget.estimate_button.click()
    finish(widget)
    words = widget.status.text()
    said = int(re.search(r"About ([\d,]+) bytes", words)[1].replace(",", ""))
    assert said == pytest.approx(len(napari_glc.encode(motocross, quality=60)), rel=0.25)
    assert "judged by 67 % of the pixels, from the middle of a plane" in words
    assert len(viewer.layers) == 1
    assert widget._last is None
    layer.data = motocross[:64, :96]
    widget.estimate_button.click()
    finish(widget)
    assert "judged by 100 % of the pixels" in widget.status.text()
    widget.codec.setCurrentIndex(widget.codec.findData("clric"))
    assert not widget.estimate_button.isEnabled()
    assert "fits every picture anew" in widget.estimate_button.toolTip()


def test_selected_layers_become_a_file_each(viewer, dock, finish, embryo, tmp_path, monkeypatch):
    one = viewer.add_image(embryo[:64, :96], name="cells", scale=(0.5, 0.5), units=("um", "um"))
    other = viewer.add_image(np.stack([embryo[:64, :64]] * 2).astype(np.uint16) * 9, name="cells/2")
    bad = viewer.add_image(np.zeros((64, 64), bool), name="mask")
    viewer.add_image(embryo, name="not this one")
    viewer.layers.selection = {one, other, bad}
    widget = dock(CodecWidget)
    widget.quality.value = 20
    monkeypatch.setattr(several_panel, "folder_to_use", lambda parent, title: tmp_path)
    widget.several.layers_button.click()
    finish(widget)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.glc", "cells_2.glc"]
    file, stack = napari_glc.open(tmp_path / "cells.glc"), napari_glc.open(tmp_path / "cells_2.glc")
    assert (file.quality, file.metadata["scale"], stack.shape, stack.dtype) == (20, [0.5, 0.5], (2, 64, 64), np.uint16)
    assert "2 written" in widget.notes.text()
    assert "mask failed: " in widget.notes.text()
    before = file.path.stat().st_mtime_ns
    widget.several.layers_button.click()
    finish(widget)
    assert "0 written, 0 bytes together; 2 already there" in widget.notes.text()
    assert file.path.stat().st_mtime_ns == before


def test_a_folder_of_pictures_is_encoded_and_can_be_stopped(viewer, dock, finish, embryo, tmp_path, monkeypatch):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    for name in ("a.png", "b.tif"):
        iio.imwrite(source / name, embryo[:64, :96])
    (source / "c.png").write_bytes(b"no picture")
    (source / "notes.txt").write_text("not looked at")
    widget = dock(CodecWidget)
    folders = iter([source, target, source, target])
    monkeypatch.setattr(several_panel, "folder_to_use", lambda parent, title: next(folders))
    seen: list[tuple[int, int]] = []
    widget.several.folder_button.click()
    widget._attached.job.progressed.connect(lambda *progress: seen.append(progress))
    finish(widget)
    assert sorted(path.name for path in target.iterdir()) == ["a.png.glc", "b.tif.glc"]
    assert "2 written" in widget.notes.text()
    assert "c.png failed: " in widget.notes.text()
    assert {total for _, total in seen} == {3000}
    for path in target.iterdir():
        path.unlink()
    widget.several.folder_button.click()
    widget.cancel()
    finish(widget)
    assert len(list(target.iterdir())) < 2
