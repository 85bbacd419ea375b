"""What widgets show is saved: tables, curves and plots."""

from __future__ import annotations

import csv
from xml.etree import ElementTree

import numpy as np
import pytest
from imageio.v3 import imread

from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.common import export_row
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc._qt.recovery.widget import RecoveryWidget


@pytest.fixture
def layer(viewer, small_parrots):
    return viewer.add_image(small_parrots[:64, :96], rgb=True, name="parrots")


@pytest.fixture
def stack(viewer, small_parrots):
    frames = np.stack([small_parrots[top : top + 64, :64, 1] for top in (0, 32, 64)])
    return viewer.add_image(frames, name="frames")


@pytest.fixture
def saved(monkeypatch, tmp_path):
    """Clicks a button of a row and gives what was written."""
    asked = []
    monkeypatch.setattr(
        export_row, "path_to_save", lambda parent, title, name, kinds: asked.append(name) or tmp_path / name
    )

    def save(row, kind):
        row.buttons[kind].click()
        path = tmp_path / asked[-1]
        if kind == "CSV":
            with path.open(newline="") as lines:
                return path.name, list(csv.DictReader(lines))
        if kind == "PNG":
            return path.name, imread(path)
        return path.name, ElementTree.parse(path).getroot()

    return save


def check_plot(saved, row, name):
    file, picture = saved(row, "PNG")
    assert file == f"{name}.png"
    assert picture.std() > 10
    file, drawing = saved(row, "SVG")
    assert file == f"{name}.svg"
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"


def test_figures_and_course_of_an_encoding(dock, layer, finish, saved, monkeypatch, tmp_path):
    widget = dock(CodecWidget)
    assert not widget.table_saving.buttons["CSV"].isEnabled()
    assert widget.course_saving.isHidden()
    widget.options_form.field("glc", "effort").value = 1
    widget.run_button.click()
    finish(widget)
    result = widget._last[0]
    name, (row,) = saved(widget.table_saving, "CSV")
    assert name == "parrots figures.csv"
    assert widget.status.text() == "Saved parrots figures.csv."
    assert (int(row["bytes"]), float(row["psnr"]), row["effort"]) == (result.size, result.psnr, "1")
    # too small for MS-SSIM
    assert row["ms_ssim"] == ""
    _, course = saved(widget.course_saving, "CSV")
    assert len(course) == len(widget.course.moments)
    assert float(course[-1]["best_bytes"]) == widget.course.moments[-1].standing.best_bytes
    check_plot(saved, widget.course_saving, "parrots course")
    # what cannot be written is told, and what nobody wants is not
    monkeypatch.setattr(export_row, "path_to_save", lambda *words: tmp_path / "nowhere" / "a.csv")
    widget.table_saving.save_csv()
    assert widget.status.text().startswith("Failed: ")
    monkeypatch.setattr(export_row, "path_to_save", lambda *words: None)
    widget.tell("")
    widget.table_saving.save_csv()
    assert widget.status.text() == ""


def test_codewords(dock, layer, finish, saved):
    widget = dock(IndexWidget)
    assert not widget.saving.buttons["SVG"].isEnabled()
    widget.run_button.click()
    finish(widget)
    name, rows = saved(widget.saving, "CSV")
    assert name == "parrots codewords.csv"
    found = widget._found
    assert [int(row["positions"]) for row in rows] == found.map.counts.tolist()
    assert sum(float(row["bits"]) for row in rows) == pytest.approx(found.bits.bits.sum())
    assert [
        int(row["index"]) for row in sorted(rows, key=lambda row: int(row["rank"]))
    ] == found.codewords.order.tolist()
    check_plot(saved, widget.saving, "parrots codewords")
    widget.undo_button.click()
    assert not widget.saving.buttons["CSV"].isEnabled()


def test_values_of_a_position(dock, layer, finish, saved):
    widget = dock(LatentWidget)
    widget.run_button.click()
    finish(widget)
    assert widget.saving.isHidden()
    widget.pick_world((40, 70))
    finish(widget)
    name, rows = saved(widget.saving, "CSV")
    assert name == "parrots position.csv"
    symbols = widget._run.result.symbols[:, widget.row.value(), widget.column.value()]
    assert [float(row["symbol"]) for row in rows] == symbols.tolist()
    check_plot(saved, widget.saving, "parrots position")


def test_figures_and_sweep_of_a_loss(dock, layer, finish, saved):
    widget = dock(RecoveryWidget)
    widget.method.setCurrentIndex(widget.method.findData("nearest"))
    assert not widget.table_saving.buttons["CSV"].isEnabled()
    widget.run_button.click()
    finish(widget)
    name, (row,) = saved(widget.table_saving, "CSV")
    assert name == "parrots figures.csv"
    result = widget._found.result
    assert float(row["concealed_psnr_to_original"]) == result.to_original["after"].psnr
    assert float(row["lost_psnr_to_whole"]) == result.to_undamaged["before"].psnr
    assert float(row["accuracy"]) == result.accuracy
    widget.ratios.setText("0.2 0.4")
    for method, check in widget.methods.items():
        check.setChecked(method in ("nearest", "frequent"))
    widget.sweep_button.click()
    finish(widget)
    name, rows = saved(widget.sweep_saving, "CSV")
    assert name == "parrots sweep.csv"
    assert [(float(row["ratio"]), row["method"]) for row in rows] == [
        (0.2, "nearest"),
        (0.2, "frequent"),
        (0.4, "nearest"),
        (0.4, "frequent"),
    ]
    assert [float(row["accuracy"]) for row in rows] == [point.accuracy for point in widget.points]
    check_plot(saved, widget.sweep_saving, "parrots sweep")


def test_each_plane_is_measured_as_a_run_on_it_would_be(dock, viewer, stack, finish, saved):
    widget = dock(RecoveryWidget)
    widget.method.setCurrentIndex(widget.method.findData("nearest"))
    widget.device.setCurrentIndex(widget.device.findData("cpu"))
    assert not widget.planes_button.isHidden()
    widget.planes_button.click()
    finish(widget)
    said = widget.status.text()
    assert list(viewer.layers) == [stack]
    _, rows = saved(widget.planes_saving, "CSV")
    assert [row["plane"] for row in rows] == ["0", "1", "2"]
    table = widget.planes_table
    assert table.item(3, 0).text() == "mean"
    mean = np.mean([float(row["concealed_psnr_to_original"]) for row in rows])
    assert table.item(3, 3).text() == f"{mean:.2f}"
    assert said.startswith("3 planes measured.")
    assert f"{mean:.2f} dB concealed" in said
    viewer.dims.set_point(0, 1)
    widget.run_button.click()
    finish(widget)
    result = widget._found.result
    assert float(rows[1]["concealed_psnr_to_original"]) == result.to_original["after"].psnr
    assert float(rows[1]["accuracy"]) == result.accuracy
    assert table.item(1, 3).text() == f"{result.to_original['after'].psnr:.2f}"
    # a plain picture has no other planes
    viewer.add_image(stack.data[0], name="frame")
    widget.layer.layer = viewer.layers["frame"]
    assert widget.planes_button.isHidden()
    assert table.isHidden()
