"""Jobs and the base of the widgets: progress, cancel, errors, closing."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from napari.layers import Image, Labels
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox

from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.common.base import GlcWidget
from napari_glc._qt.common.jobs import Report, _running, wait_for_jobs
from napari_glc._qt.rate.widget import RateWidget


class Sleeper(GlcWidget):
    """Works for a while in small steps."""

    def __init__(self, napari_viewer, steps: int = 400) -> None:
        super().__init__(napari_viewer)
        self.source = self.add_layer_choice("&Layer", "What to work on")
        self.steps, self.results, self.ticks = steps, [], []
        self.refresh()

    def obstacle(self) -> str:
        return "" if self.source.layer is not None else "There is no image layer."

    def work(self, report: Report) -> str:
        for step in range(self.steps):
            report(step, self.steps)
            if step == 2:
                report.show("two")
            time.sleep(0.01)
        return threading.current_thread().name

    def run(self) -> None:
        self.start(self.work, "Sleeping", self.results.append, shown=self.ticks.append)


@pytest.fixture
def layer(viewer, small_parrots):
    return viewer.add_image(small_parrots, rgb=True, name="parrots")


def test_a_job_runs_beside_the_gui_and_hands_over_its_result(dock, finish, layer, qtbot):
    widget = dock(Sleeper, steps=30)
    seen = []
    widget.run_button.click()
    assert widget.busy
    assert not widget.run_button.isEnabled()
    assert widget.cancel_button.isEnabled()
    widget._attached.job.progressed.connect(lambda done, total: seen.append((done, total)))
    finish(widget)
    assert widget.results
    assert widget.results[0] != threading.current_thread().name
    assert widget.ticks == ["two"]
    assert seen
    assert seen[-1][1] == 30
    assert widget.run_button.isEnabled()


def test_a_job_takes_one_thread_and_the_next_job_the_same(dock, finish, layer):
    widget = dock(Sleeper, steps=2)
    idle = threading.active_count()
    for _ in range(3):
        widget.run_button.click()
        assert threading.active_count() <= idle + 1
        finish(widget)
    assert len(widget.results) == 3
    assert len(set(widget.results)) == 1


def test_cancel_acts_within_half_a_second(dock, finish, layer, qtbot):
    widget = dock(Sleeper)
    widget.run_button.click()
    qtbot.wait(200)
    started = time.monotonic()
    qtbot.keyClick(widget, Qt.Key.Key_Escape)
    finish(widget)
    assert time.monotonic() - started < 0.5
    assert widget.status.text() == "Cancelled."
    assert widget.results == []
    widget.steps = 3
    widget.run_button.click()
    finish(widget)
    assert len(widget.results) == 1


def test_the_activity_dock_can_cancel_too(dock, finish, layer, qtbot):
    widget = dock(Sleeper)
    widget.run_button.click()
    job = widget._attached.job
    qtbot.waitUntil(lambda: job._bar is not None)
    job._bar.cancel()
    finish(widget, 0.5)
    assert widget.results == []


def test_work_that_does_not_listen_is_not_waited_for(dock, finish, layer):
    widget = dock(Sleeper)
    ended = []

    def deaf(report: Report) -> None:
        time.sleep(1.5)
        ended.append(1)

    widget.start(deaf, "Deaf", widget.results.append)
    widget.cancel_button.click()
    finish(widget, 0.6)
    assert widget.status.text() == "Cancelled."
    assert not ended
    widget.start(lambda report: "next", "Next", widget.results.append)
    finish(widget)
    assert widget.results == ["next"]
    assert wait_for_jobs()
    assert ended
    assert widget.results == ["next"]


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), torch.OutOfMemoryError("CUDA out of memory"), MemoryError()]
)
def test_no_error_vanishes(dock, finish, layer, error, monkeypatch):
    widget = dock(Sleeper, steps=3)
    told = []
    monkeypatch.setattr(notification_manager, "dispatch", told.append)

    def fail(report: Report) -> None:
        raise error

    widget.start(fail, "Failing", widget.results.append)
    finish(widget)
    assert widget.status.text().startswith("Failed: ")
    assert ("memory" in widget.status.text()) == (not str(error).startswith("shapes"))
    assert told
    assert not _running
    widget.run_button.click()
    finish(widget)
    assert len(widget.results) == 1


def test_an_error_while_showing_a_result_is_told(dock, finish, layer):
    widget = dock(Sleeper, steps=2)
    widget.start(lambda report: 1, "Working", lambda value: [][value])
    finish(widget)
    assert "out of range" in widget.status.text()


def test_closing_the_dock_stops_the_job(dock, viewer, layer, qtbot):
    widget = dock(Sleeper)
    widget.run_button.click()
    qtbot.wait(100)
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: not _running, timeout=60_000)
    assert widget.results == []


def test_closing_the_viewer_stops_the_job(make_napari_viewer, small_parrots, qtbot):
    viewer = make_napari_viewer()
    viewer.add_image(small_parrots, rgb=True)
    widget = Sleeper(viewer)
    viewer.window.add_dock_widget(widget)
    qtbot.wait(50)
    widget.run_button.click()
    qtbot.wait(100)
    viewer.close()
    qtbot.waitUntil(lambda: not _running, timeout=60_000)
    assert widget.results == []


def test_the_layer_choice_follows_the_layer_list(dock, viewer, layer, small_parrots):
    widget = dock(Sleeper)
    choice = widget.source
    assert choice.layer is layer
    other = viewer.add_image(small_parrots, rgb=True, name="other")
    viewer.add_labels(small_parrots[..., 0].astype(int))
    assert [choice.itemText(i) for i in range(choice.count())] == ["parrots", "other"]
    assert choice.layer is layer
    layer.name = "macaws"
    assert choice.currentText() == "macaws"
    assert choice.layer is layer
    viewer.layers.remove(layer)
    assert choice.layer is other
    viewer.layers.clear()
    assert choice.layer is None
    assert not widget.run_button.isEnabled()
    assert widget.run_button.toolTip() == "There is no image layer."
    assert all(not isinstance(kind, Labels) for kind in choice._layers)
    assert Image in choice._kinds


def test_a_widget_that_opens_chooses_a_picture_and_no_result(dock, viewer, layer, small_parrots):
    made = viewer.add_image(small_parrots[..., 0], name="parrots bits", metadata={"glc": {"source": "parrots"}})
    assert viewer.layers.selection.active is made
    assert dock(Sleeper).source.layer is layer
    viewer.layers.remove(layer)
    assert dock(Sleeper).source.layer is made


def test_controls_have_labels_tips_and_names(dock, viewer):
    widget = dock(Sleeper)
    label = widget.form.itemAt(0).widget()
    assert label.buddy() is widget.source
    assert widget.source.toolTip() == label.toolTip() == "What to work on"
    assert widget.source.accessibleName() == "Layer"
    assert widget.minimumSizeHint().width() <= 320


def _wheel(field) -> QWheelEvent:
    middle = QPointF(field.rect().center())
    none, down = QPoint(), QPoint(0, -120)
    return QWheelEvent(
        middle,
        QPointF(field.mapToGlobal(field.rect().center())),
        none,
        down,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def test_the_wheel_scrolls_the_dock_and_changes_no_field(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((32, 32), np.uint8))
    widget = CodecWidget(viewer)
    dock = viewer.window.add_dock_widget(widget, area="right")
    dock.setFixedHeight(300)
    qtbot.wait(50)
    fields = [widget.rate_by, widget.quality.spin, widget.quality.slider, widget.codec]

    def values() -> list[Any]:
        return [f.currentIndex() if isinstance(f, QComboBox) else f.value() for f in fields]

    viewer.window._qt_window.setFocus()
    before = values()
    for field in fields:
        turned = _wheel(field)
        QApplication.sendEvent(field, turned)
        # Qt hands what is ignored on to the area that scrolls
        assert not turned.isAccepted()
    assert values() == before
    # a field somebody works in is turned
    viewer.window._qt_window.activateWindow()
    widget.quality.spin.setFocus()
    qtbot.waitUntil(widget.quality.spin.hasFocus)
    QApplication.sendEvent(widget.quality.spin, _wheel(widget.quality.spin))
    assert widget.quality.value < 50


def test_a_widget_opened_again_has_the_settings_it_was_closed_with(viewer, dock, small_parrots):
    viewer.add_image(small_parrots, rgb=True, name="parrots")
    widget = dock(CodecWidget)
    widget.codec.setCurrentIndex(widget.codec.findData("vqgan"))
    widget.quality.value = 72.5
    widget.rate_by.setCurrentIndex(widget.rate_by.findData("bpp"))
    widget.bpp.setValue(0.05)
    widget.options_form.field("vqgan", "packets").value = 3
    viewer.window.remove_dock_widget(widget)
    again = dock(CodecWidget)
    assert again is not widget
    assert (again.codec.currentData(), again.quality.value, again.bpp.value()) == ("vqgan", 72.5, 0.05)
    assert again.rate_by.currentData() == "bpp"
    assert again.options_form.values("vqgan") == widget.options_form.values("vqgan")
    # another kind of widget has settings of its own
    assert dock(RateWidget).quality.value != 72.5


@pytest.mark.parametrize("kind", [CodecWidget, RateWidget])
def test_who_chooses_a_decoded_layer_is_told_before_it_is_coded_again(kind, viewer, dock, small_parrots):
    original = viewer.add_image(small_parrots, rgb=True, name="parrots")
    decoded = viewer.add_image(small_parrots, rgb=True, name="again", metadata={"glc": {"codec": "glc"}})
    widget = dock(kind)
    widget.source.layer = decoded
    assert "'again' was decoded by codec glc already" in widget.status.text()
    assert widget.run_button.isEnabled()
    widget.source.layer = original
    assert "decoded" not in widget.status.text()
