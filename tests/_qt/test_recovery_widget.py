"""The recovery widget, used as people use it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qtpy.QtCore import Qt

import napari_glc
from napari_glc import recovery
from napari_glc._qt.common.jobs import _running
from napari_glc._qt.recovery import widget as recovery_widget
from napari_glc._qt.recovery.widget import RecoveryWidget
from napari_glc.codecs.index_mapped import DamagedMap
from napari_glc.codecs.vqgan.filling import fill_map
from napari_glc.container import Box, TileGrid
from napari_glc.files.damaging import damage
from napari_glc.inspection.recovery import simulation as losses
from napari_glc.metrics import psnr
from napari_glc.recovery import Sampling

KINDS = ("after recovery", "before recovery", "recovery difference", "lost positions")


@pytest.fixture
def picture(viewer, small_parrots):
    return viewer.add_image(
        small_parrots, rgb=True, name="parrots", scale=(0.5, 0.5), translate=(3, 4), units=("um", "um")
    )


def borders(layer) -> np.ndarray:
    """Outer borders of a layer in world coordinates."""
    low, high = layer.extent.world
    step = np.asarray(layer.scale) / 2
    return np.array([low - step, high + step])


def choose(box, value) -> None:
    box.setCurrentIndex(box.findData(value))


@pytest.mark.parametrize("method", ["transformer", "sampled"])
def test_the_result_is_that_of_the_library(dock, picture, viewer, finish, vqgan, small_parrots, method):
    widget = dock(RecoveryWidget)
    quality = 87.5
    choose(widget.codebook, quality)
    choose(widget.method, method)
    widget.top_k.setValue(30)
    widget.ratio.setValue(0.3)
    widget.seed.setValue(7)
    widget.run_button.click()
    finish(widget)

    indices = vqgan.index_map(small_parrots, quality, lambda done, total: None)
    lost = recovery.lost_positions(indices.shape, 0.3, "random", seed=7)
    found = DamagedMap(Box(0, 0, *indices.shape), np.where(lost, -1, indices), 8, ())
    sampling = Sampling(1.0, 30, 7) if method == "sampled" else None
    filled = fill_map(vqgan, found, quality, "transformer", sampling)
    grid = TileGrid(128, 192, 0)
    pixels = vqgan.render(filled, quality, grid.plane, grid, lambda done, total: None)
    np.testing.assert_array_equal(viewer.layers["parrots after recovery"].data, pixels)
    np.testing.assert_array_equal(viewer.layers["parrots lost positions"].data > 0, lost)
    accuracy = recovery.index_accuracy(indices, filled.indices, lost)
    facts = viewer.layers["parrots after recovery"].metadata["glc"]
    assert facts["accuracy"] == accuracy
    assert facts["seed"] == 7
    assert widget.table.cell(0, 1) == f"{100 * accuracy:.1f}"
    assert f"{lost.sum()} of 96 indices lost" in widget.status.text()


def test_layers_lie_on_the_picture_and_are_updated_by_the_next_run(dock, viewer, finish, picture):
    widget = dock(RecoveryWidget)
    choose(widget.method, "nearest")
    widget.run_button.click()
    finish(widget)
    layers = {kind: viewer.layers[f"parrots {kind}"] for kind in KINDS}
    for layer in layers.values():
        np.testing.assert_allclose(borders(layer), borders(picture), atol=1e-6)
        assert layer.units == picture.units
    first = layers["before recovery"].data.copy()
    count = len(viewer.layers)
    widget.seed.setValue(1)
    widget.run_button.click()
    finish(widget)
    assert len(viewer.layers) == count
    assert (layers["before recovery"].data != first).any()
    # a layer the user removed comes back, and only that one
    viewer.layers.remove(layers["lost positions"])
    widget.run_button.click()
    finish(widget)
    assert len(viewer.layers) == count
    assert widget.layer.layer is picture


def test_what_is_painted_is_lost(dock, picture, viewer, finish):
    widget = dock(RecoveryWidget)
    choose(widget.pattern, "painted")
    assert not widget.run_button.isEnabled()
    assert "Paint" in widget.run_button.toolTip()
    widget.paint_button.click()
    paint = viewer.layers["parrots painted loss"]
    assert paint.data.shape == (8, 12)
    assert paint.mode == "paint"
    assert viewer.layers.selection.active is paint
    np.testing.assert_allclose(borders(paint), borders(picture), atol=1e-6)
    widget.run_button.click()
    finish(widget)
    assert "nothing is painted" in widget.status.text()
    paint.brush_size = 1
    paint.paint((3, 5), 1)
    paint.paint((6, 1), 1)
    choose(widget.method, "both-sides")
    widget.run_button.click()
    finish(widget)
    lost = viewer.layers["parrots lost positions"].data
    assert [tuple(at) for at in np.argwhere(lost)] == [(3, 5), (6, 1)]
    widget.paint_button.click()
    assert viewer.layers.selection.active is paint
    assert "parrots painted loss [1]" not in viewer.layers


def test_a_damaged_file(dock, picture, viewer, finish, small_parrots, tmp_path, monkeypatch):
    widget = dock(RecoveryWidget)
    data = napari_glc.encode(small_parrots, codec="vqgan", quality=75, packets=4, metadata={"scale": [2.0, 2.0]})
    path = tmp_path / "broken.glc"
    path.write_bytes(damage(data, 0.25))
    monkeypatch.setattr(recovery_widget, "path_to_open", lambda parent: path)
    choose(widget.origin, "file")
    assert widget.run_button.toolTip() == "Choose a .glc file first."
    widget.file_button.click()
    finish(widget)
    assert "1 of 4 packet(s) damaged" in widget.status.text()
    choose(widget.pattern, "own")
    assert not widget.sweep_button.isEnabled()
    widget.run_button.click()
    finish(widget)
    expected = napari_glc.open(path).recover("transformer")
    after = viewer.layers["broken after recovery"]
    np.testing.assert_array_equal(after.data, expected.pixels)
    assert tuple(after.scale) == (2.0, 2.0)
    assert widget.table.cell(0, 1) == "-"
    widget.compare.setChecked(True)
    widget.run_button.click()
    finish(widget)
    assert widget.table.cell(1, 1) == f"{psnr(small_parrots, after.data):.2f}"
    assert widget.table.cell(1, 2) == "-"


def test_other_files_are_refused(dock, picture, finish, encoded_parrots, tmp_path, monkeypatch):
    widget = dock(RecoveryWidget)
    told = []
    monkeypatch.setattr("napari_glc._qt.common.base.show_error", told.append)
    path = tmp_path / "glc.glc"
    path.write_bytes(encoded_parrots)
    widget.set_file(path)
    finish(widget)
    widget.set_file(tmp_path / "nowhere.glc")
    finish(widget)
    assert "glc.glc is of codec glc, which has no packets to lose" in told[0]
    assert len(told) == 2
    assert widget._file is None


def test_a_sweep_draws_a_curve_for_each_method(dock, picture, finish):
    widget = dock(RecoveryWidget)
    widget.ratios.setText("0.1, 2")
    assert not widget.sweep_button.isEnabled()
    widget.ratios.setText("0.1 0.3")
    widget.methods["both-sides"].setChecked(False)
    widget.sweep_button.click()
    assert widget.cancel_button.isEnabled()
    finish(widget)
    assert [(p.ratio, p.method) for p in widget.points] == [
        (ratio, method) for ratio in (0.1, 0.3) for method in ("transformer", "nearest")
    ]
    curves = widget.accuracy_plot.axes.get_lines()
    assert [c.get_label() for c in curves] == ["Transformer", "Nearest known"]
    np.testing.assert_allclose(curves[1].get_ydata(), [100 * p.accuracy for p in widget.points[1::2]])
    np.testing.assert_allclose(widget.psnr_plot.axes.get_lines()[0].get_ydata(), [p.psnr for p in widget.points[::2]])
    assert "original" in widget.psnr_plot.axes.get_ylabel()


def test_cancel_leaves_no_unfinished_picture(dock, picture, viewer, finish, qtbot, monkeypatch):
    widget = dock(RecoveryWidget)
    real = losses.simulate

    def endless(source, plan, painted, *, progress, shown):
        while True:
            real(source, plan, painted, progress=progress, shown=shown)

    monkeypatch.setattr(losses, "simulate", endless)
    widget.run_button.click()
    qtbot.waitUntil(lambda: "parrots after recovery" in viewer.layers, timeout=60_000)
    assert viewer.layers["parrots after recovery"].metadata["glc"]["unfinished"]
    qtbot.keyClick(widget, Qt.Key.Key_Escape)
    finish(widget)
    assert widget.status.text() == "Cancelled."
    assert [layer.name for layer in viewer.layers] == ["parrots"]
    monkeypatch.undo()
    choose(widget.method, "nearest")
    widget.run_button.click()
    finish(widget)
    done = viewer.layers["parrots after recovery"].data.copy()
    monkeypatch.setattr(losses, "simulate", endless)
    widget.ratio.setValue(0.9)
    widget.run_button.click()
    after = viewer.layers["parrots after recovery"]
    qtbot.waitUntil(lambda: "unfinished" in after.metadata["glc"], timeout=60_000)
    widget.cancel_button.click()
    finish(widget)
    np.testing.assert_array_equal(after.data, done)
    assert after.metadata["glc"]["method"] == "nearest"
    # nor does a dock that is closed
    widget.run_button.click()
    qtbot.waitUntil(lambda: "unfinished" in after.metadata["glc"], timeout=20000)
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: "unfinished" not in after.metadata["glc"], timeout=1000)
    np.testing.assert_array_equal(after.data, done)


def test_running_out_of_memory_is_told_and_the_next_run_works(dock, picture, viewer, finish, monkeypatch):
    widget = dock(RecoveryWidget)

    def fail(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("napari_glc._qt.common.base.show_error", lambda text: None)
    monkeypatch.setattr(losses, "simulate", fail)
    widget.run_button.click()
    finish(widget)
    assert "memory" in widget.status.text()
    monkeypatch.undo()
    choose(widget.method, "none")
    widget.run_button.click()
    finish(widget)
    assert "parrots after recovery" in viewer.layers


def test_the_source_may_be_renamed_or_removed_meanwhile(dock, viewer, finish, picture):
    widget = dock(RecoveryWidget)
    widget.run_button.click()
    picture.name = "macaws"
    viewer.layers.remove(picture)
    finish(widget)
    assert "parrots after recovery" in viewer.layers
    # what is left to choose is the result itself
    assert widget.layer.layer is not picture


def test_closing_the_dock_mid_job_leaves_nothing_running(dock, picture, viewer, qtbot):
    widget = dock(RecoveryWidget)
    widget.run_button.click()
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: not _running, timeout=60_000)


def test_it_opens_without_pictures_and_with_labels_only(dock, viewer, small_parrots):
    widget = dock(RecoveryWidget)
    assert widget.run_button.toolTip() == "There is no image layer."
    viewer.add_labels(small_parrots[..., 0].astype(int))
    assert not widget.run_button.isEnabled()
    assert not widget.sweep_button.isEnabled()


def test_grey_values_of_other_types_come_back(dock, viewer, finish, embryo):
    stack = np.stack([embryo[:64, :80].astype(np.uint16) * 100] * 2)
    viewer.add_image(stack, name="cells", contrast_limits=(0, 25500))
    widget = dock(RecoveryWidget)
    choose(widget.method, "nearest")
    widget.run_button.click()
    finish(widget)
    after = viewer.layers["cells[0] after recovery"]
    assert after.data.dtype == np.uint16
    assert after.data.shape == (1, 64, 80)
    assert tuple(after.contrast_limits) == (0, 25500)
    assert viewer.layers["cells[0] lost positions"].data.shape == (1, 4, 5)


def test_every_control_is_named_and_the_widget_is_narrow(dock, picture):
    widget = dock(RecoveryWidget)
    for box in (*widget.methods.values(), widget.ratios, widget.sweep_button, widget.table, widget.codebook):
        assert box.accessibleName()
        assert box.toolTip()
    assert widget.minimumSizeHint().width() <= 320
    content = widget.ratios.parentWidget()
    assert content.minimumSizeHint().width() <= 320
