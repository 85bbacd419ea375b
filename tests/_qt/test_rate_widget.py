"""Rate exploration: live steps, comparisons, maps and curves."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
from imageio.v3 import imread

import napari_glc
from napari_glc._base.interruption import checkpoint
from napari_glc._qt.common import export_row
from napari_glc._qt.common.jobs import _running
from napari_glc._qt.rate import curve_panel
from napari_glc._qt.rate import widget as rate_widget
from napari_glc._qt.rate.comparison import wiped
from napari_glc._qt.rate.curve_plot import CurvePlot
from napari_glc._qt.rate.widget import RateWidget
from napari_glc.evaluation.measures import pair_measure
from napari_glc.evaluation.rows import Result
from napari_glc.metrics.fidelity import psnr


@pytest.fixture
def layer(viewer, small_parrots):
    return viewer.add_image(
        small_parrots, rgb=True, name="parrots", scale=(0.5, 0.5), translate=(3, 4), units=("um", "um")
    )


@pytest.fixture
def make(dock, layer) -> Callable[[], RateWidget]:
    """Makes a widget; a fixture that were one would outlive the viewer."""

    def make() -> RateWidget:
        widget = dock(RateWidget)
        widget.device.setCurrentIndex(widget.device.findData("cpu"))
        return widget

    return make


@pytest.fixture
def explore(make, finish) -> Callable[[], RateWidget]:
    """Makes a widget and lets it show the picture."""

    def explore() -> RateWidget:
        widget = make()
        widget.run_button.click()
        finish(widget)
        return widget

    return explore


def test_without_layers_it_says_so(dock, viewer, small_parrots):
    widget = dock(RateWidget)
    viewer.add_labels(small_parrots[..., 0].astype(int))
    assert not widget.run_button.isEnabled()
    assert widget.run_button.toolTip() == "There is no image layer."
    widget.quality.value = 20
    widget.curves.draw_button.click()
    assert not widget.busy
    assert widget.minimumSizeHint().width() <= 320


def test_figures_and_pixels_are_those_of_the_library(explore, viewer, small_parrots, layer):
    explored = explore()
    data = napari_glc.encode(small_parrots, quality=50, device="cpu")
    pixels = napari_glc.decode(data, device="cpu")
    decoded = viewer.layers["parrots at this rate"]
    assert np.array_equal(decoded.data, pixels)
    assert explored.table.value("Size") == f"{len(data)} bytes"
    assert explored.table.value("Rate") == f"{napari_glc.GlcFile(data).bpp:.4f} bpp"
    assert explored.table.value("PSNR") == f"{psnr(small_parrots, pixels):.2f} dB"
    assert explored.table.value("MS-SSIM") == "picture too small"
    distance = pair_measure("squeezenet")(small_parrots, pixels)
    assert explored.table.value("Feature distance") == f"{distance:.3f}"
    assert tuple(decoded.scale) == tuple(layer.scale)
    assert tuple(decoded.translate) == tuple(layer.translate)
    assert decoded.units == layer.units
    assert decoded.metadata["glc"]["bytes"] == len(data)
    assert viewer.layers.selection.active is layer


def test_the_slider_shows_the_latest_request_in_one_layer(explore, viewer, finish, small_parrots):
    explored = explore()
    shown = []
    before = len(viewer.layers)
    decoded = viewer.layers["parrots at this rate"]
    note = decoded.events.data.connect(lambda event: shown.append(decoded.data))
    session = explored._session
    for quality in (10, 20, 30, 40, 5, 90):
        explored.quality.value = quality
    finish(explored)
    decoded.events.data.disconnect(note)
    # what came while a step was under way was not piled up
    assert shown[-1] is decoded.data
    assert len(shown) <= 2
    assert explored._step.quality == decoded.metadata["glc"]["quality"] == 90
    assert explored._session is session
    assert len(viewer.layers) == before
    data = napari_glc.encode(small_parrots, quality=90, device="cpu")
    assert np.array_equal(decoded.data, napari_glc.decode(data, device="cpu"))


@pytest.mark.parametrize("codec", ["glc", "vqgan"])
def test_the_picture_comes_before_its_figures(explore, viewer, qtbot, finish, small_parrots, codec, monkeypatch):
    explored = explore()
    explored.codec.setCurrentIndex(explored.codec.findData(codec))
    explored.run_button.click()
    finish(explored)
    data = napari_glc.encode(small_parrots, codec=codec, quality=90, device="cpu")
    decoded, step = viewer.layers["parrots at this rate"], explored._step
    coder, pixels = explored._session.coder, decoded.data
    writer, name = (coder.coder, "payload") if codec == "glc" else (coder, "write_map")
    write, go_on, written = getattr(writer, name), threading.Event(), []

    def held_back(*args):
        """Writing takes as long as somebody likes, and asks now and then whether it is worth while."""
        while not go_on.wait(0.01):
            checkpoint()
        written.append(args)
        return write(*args)

    monkeypatch.setattr(writer, name, held_back)
    explored.quality.value = 20
    qtbot.waitUntil(lambda: decoded.data is not pixels, timeout=60_000)
    assert explored._step is step
    assert not explored.table.isEnabled()
    assert "bytes" not in decoded.metadata["glc"]
    # the next picture does not wait for the bytes of this one either, which nobody ever writes
    pixels = decoded.data
    explored.quality.value = 90
    qtbot.waitUntil(lambda: decoded.data is not pixels, timeout=60_000)
    assert written == []
    go_on.set()
    finish(explored)
    assert len(written) == 1
    assert explored.table.isEnabled()
    assert explored.table.value("Size") == f"{len(data)} bytes"
    assert decoded.metadata["glc"]["bytes"] == len(data)
    assert np.array_equal(decoded.data, napari_glc.decode(data, device="cpu"))


def test_the_latent_is_computed_once(explore, finish, monkeypatch):
    explored = explore()
    calls = []
    net = explored._session.coder.net
    analyse = net.analyse
    monkeypatch.setattr(net, "analyse", lambda x: calls.append(1) or analyse(x))
    explored.quality.value = 80
    finish(explored)
    assert explored._step.quality == 80
    assert calls == []


def test_comparison_modes(explore, viewer, qtbot, small_parrots):
    explored = explore()

    def choose(mode: str) -> None:
        explored.mode.setCurrentIndex(explored.mode.findData(mode))

    decoded = viewer.layers["parrots at this rate"]
    choose("grid")
    assert viewer.canvas.grid.enabled
    choose("blink")
    assert not viewer.canvas.grid.enabled
    qtbot.waitUntil(lambda: not decoded.visible, timeout=60_000)
    choose("wipe")
    assert decoded.visible
    wipe = viewer.layers["parrots wipe"]
    explored.divider.setValue(250)
    assert np.array_equal(wipe.data[:, :40], small_parrots[:, :40])
    assert np.array_equal(wipe.data[:, 60:], decoded.data[:, 60:])
    choose("error")
    assert "parrots wipe" not in viewer.layers
    error = viewer.layers["parrots absolute error"]
    expected = np.abs(small_parrots.astype(int) - decoded.data).max(axis=-1)
    assert np.array_equal(error.data, expected)
    choose("over")
    assert [each.name for each in viewer.layers] == ["parrots", "parrots at this rate"]


def test_the_line_of_the_wipe_can_be_dragged(explore, viewer, small_parrots):
    explored = explore()
    explored.mode.setCurrentIndex(explored.mode.findData("wipe"))
    viewer.layers.selection.active = viewer.layers["parrots"]

    class Press:
        type, button, handled, modifiers = "mouse_press", 1, False, ()
        position = (20.0, 4 + 0.5 * (96 - 0.5))

    press = Press()
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, press)
    assert not viewer.scene.camera.mouse_pan
    drags = [drag for callback in viewer.mouse_drag_callbacks if (drag := callback(viewer, press)) is not None]
    for drag in drags:
        next(drag, None)
    press.type, press.position = "mouse_move", (20.0, 4 + 0.5 * (48 - 0.5))
    for drag in drags:
        next(drag, None)
    assert explored.divider.value() == 250
    assert np.array_equal(viewer.layers["parrots wipe"].data[:, :46], small_parrots[:, :46])
    press.position = (20.0, 90.0)
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, press)
    assert viewer.scene.camera.mouse_pan


def test_the_wiped_picture_has_a_line_between_its_halves():
    original, decoded = np.full((2, 8), 10, np.uint8), np.full((2, 8), 200, np.uint8)
    assert wiped(original, decoded, 4)[0].tolist() == [10, 10, 10, 255, 0, 200, 200, 200]
    assert wiped(original, decoded, 0)[0].tolist() == [0] + [200] * 7
    assert wiped(original, decoded, 8)[0].tolist() == [10] * 7 + [255]


def _borders(layer) -> np.ndarray:
    """Outer borders of the first and the last pixel; napari's extent is that of their centres."""
    return layer.extent.world + np.array([[-0.5], [0.5]]) * layer.scale


def test_maps_lie_on_the_picture_and_follow_the_slider(explore, viewer, finish, layer):
    explored = explore()
    explored.bits.setChecked(True)
    explored.hallucination.setCurrentIndex(explored.hallucination.findData("unlike"))
    finish(explored)
    for name in ("parrots bits", "parrots hallucinated detail"):
        assert viewer.layers[name].data.shape == (8, 12)
        assert np.allclose(_borders(viewer.layers[name]), _borders(layer), atol=1e-6)
    bits = viewer.layers["parrots bits"]
    assert bits.data.sum() / 8 == pytest.approx(explored._step.payload, rel=0.05)
    before = bits.data.sum()
    explored.quality.value = 100
    finish(explored)
    assert viewer.layers["parrots bits"] is bits
    assert bits.data.sum() > before
    explored.hallucination.setCurrentIndex(explored.hallucination.findData("beyond"))
    finish(explored)
    assert "preview" in viewer.layers["parrots hallucinated detail"].metadata["glc"]["shows"]
    explored.bits.setChecked(False)
    explored.hallucination.setCurrentIndex(0)
    assert [each.name for each in viewer.layers] == ["parrots", "parrots at this rate"]


def test_curves_points_and_files(explore, viewer, finish, layer, tmp_path, monkeypatch):
    picture = layer.data = layer.data[:64, :96]
    explored = explore()
    monkeypatch.setattr(rate_widget, "available_baselines", lambda: ("jpeg",))
    explored.draw_curves()
    finish(explored)
    points = explored.curves.plot.points
    assert [p.codec for p in points] == ["glc"] * 9 + ["vqgan"] * 9 + ["clric"] * 5 + ["perco"] * 5 + ["jpeg"] * 5
    for codec in ("glc", "vqgan"):
        fifty = next(p for p in points if (p.codec, p.quality) == (codec, 50))
        assert fifty.size == len(napari_glc.encode(picture, codec=codec, quality=50, device="cpu"))
    assert explored.curves.points.count() == 33

    explored.curves.choose(8)
    finish(explored)
    assert explored.quality.value == 100
    assert explored._step.size == points[8].size
    bpp, measures = explored.curves.plot.here
    assert (bpp, measures["psnr"]) == (points[8].bpp, points[8].measures["psnr"])
    assert explored.curves.look.text().startswith("At this feature distance (SqueezeNet): JPEG")
    explored.curves.choose(10)
    finish(explored)
    assert explored.codec.currentData() == "vqgan"
    assert (explored._step.quality, explored._step.size) == (points[10].quality, points[10].size)
    explored.curves.choose(29)
    finish(explored)
    assert explored.status.text().startswith("JPEG at setting 5")
    jpeg = viewer.layers["parrots JPEG"]
    assert jpeg.metadata["glc"]["bytes"] == points[29].size
    assert psnr(picture, jpeg.data) == points[29].measures["psnr"]

    targets = iter((tmp_path / "c.csv", tmp_path / "c.png", None, tmp_path / "c.svg", tmp_path / "c.html"))
    for asking in (curve_panel, export_row):
        monkeypatch.setattr(asking, "path_to_save", lambda *words: next(targets))
    explored.curves.saving.buttons["CSV"].click()
    explored.curves.saving.buttons["PNG"].click()
    explored.curves.saving.buttons["PNG"].click()
    with open(tmp_path / "c.csv", newline="") as lines:
        assert [float(row["bpp"]) for row in csv.DictReader(lines)] == [p.bpp for p in points]
    assert imread(tmp_path / "c.png").shape[0] > 300
    explored.curves.saving.buttons["SVG"].click()
    assert ElementTree.parse(tmp_path / "c.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert explored.curves.report_button.isEnabled()
    explored.curves.report_button.click()
    finish(explored)
    assert explored.status.text() == "Saved c.html."
    page = (tmp_path / "c.html").read_text()
    assert "Codecs on parrots" in page
    assert f"{explored._step.size} bytes" in page


def test_what_nobody_sees_is_drawn_when_it_is_shown(viewer, lone_window, qtbot):
    plot, drawn = CurvePlot(viewer), []
    lone_window(plot)
    plot.mpl_connect("draw_event", drawn.append)
    plot.restyle()
    qtbot.wait(50)
    assert not drawn
    plot.show()
    qtbot.waitUntil(lambda: bool(drawn))
    seen = len(drawn)
    plot.restyle()
    qtbot.waitUntil(lambda: len(drawn) > seen)
    plot.hide()
    seen = len(drawn)
    plot.restyle()
    # what asks for pixels, such as a picture of the window, gets the present ones
    plot.grab()
    assert len(drawn) == seen + 1
    plot.detach()


def test_a_click_near_a_point_picks_it(viewer, lone_window):
    plot = CurvePlot(viewer)
    lone_window(plot)
    plot.resize(300, 260)
    for quality in (0, 50, 100):
        measures = {"squeezenet": 3 - quality / 50, "ms_ssim": 0.9}
        plot.add(Result(image="", codec="glc", quality=quality, size=100, bpp=0.01 * (1 + quality), measures=measures))
    plot.mark(0.02, {"squeezenet": 2.5})
    plot.draw()
    picked = []
    plot.picked.connect(picked.append)
    x, y = plot.axes.transData.transform((plot.points[1].bpp, plot.points[1].measures["squeezenet"]))
    from matplotlib.backend_bases import MouseEvent

    for dx in (3, 40):
        plot.callbacks.process("button_press_event", MouseEvent("button_press_event", plot, x + dx, y, 1))
    assert picked == [plot.points[1]]
    plot.show_metric("ms_ssim")
    assert plot.axes.get_ylabel() == "MS-SSIM"
    plot.detach()


def test_cancel_forgets_what_waits(explore, qtbot, finish):
    explored = explore()
    explored.curves.draw_button.click()
    explored.quality.value = 70
    started = time.monotonic()
    explored.cancel()
    finish(explored)
    assert time.monotonic() - started < 5
    assert explored.status.text() == "Cancelled."
    explored.quality.value = 71
    finish(explored)
    assert explored._step.quality == 71


def test_another_codec_takes_over_a_running_step(make, viewer, finish, vqgan, small_parrots):
    widget = make()
    widget.run_button.click()
    widget.codec.setCurrentIndex(widget.codec.findData("vqgan"))
    widget.quality.value = 60
    finish(widget)
    assert widget._session.codec == "vqgan"
    data = napari_glc.encode(small_parrots, codec="vqgan", quality=60, device="cpu")
    assert widget.table.value("Size") == f"{len(data)} bytes"
    assert viewer.layers["parrots at this rate"].metadata["glc"]["codec"] == "vqgan"


def test_grey_16_bit_layers_keep_their_values(dock, viewer, finish, embryo):
    picture = embryo[:128, :192].astype(np.uint16) * 100
    viewer.add_image(picture, name="embryo", contrast_limits=(0, 25500), colormap="green")
    widget = dock(RateWidget)
    widget.run_button.click()
    finish(widget)
    decoded = viewer.layers["embryo at this rate"]
    assert decoded.data.dtype == np.uint16
    assert decoded.colormap.name == "green"
    assert np.abs(decoded.data.astype(float) - picture).mean() < 1500


def test_a_layer_removed_meanwhile_is_no_trouble(make, viewer, finish, layer):
    widget = make()
    widget.run_button.click()
    viewer.layers.remove(layer)
    finish(widget)
    assert len(viewer.layers) == 0
    assert "Failed" not in widget.status.text()


def test_closing_the_dock_stops_everything(explore, viewer, qtbot):
    explored = explore()
    explored.mode.setCurrentIndex(explored.mode.findData("blink"))
    explored.quality.value = 77
    callbacks = len(viewer.mouse_drag_callbacks)
    viewer.window.remove_dock_widget(explored)
    qtbot.waitUntil(lambda: not _running, timeout=60_000)
    qtbot.wait(700)
    assert len(viewer.mouse_drag_callbacks) == callbacks - 1
    assert not explored.comparison._timer.isActive()
