"""File > Save while people use the window: it lives meanwhile, and Cancel leaves everything as it was."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QProgressDialog, QPushButton

import napari_glc
from napari_glc._base.interruption import checkpoint
from napari_glc._napari import writer
from napari_glc._napari.window import window
from napari_glc.errors import Cancelled, UnsupportedArrayError


@pytest.fixture
def in_loop(qtbot):
    """Do something as people do it, while the event loop runs; what it raises comes back."""

    def act(what) -> Any:
        done: list[Any] = []

        def attempt() -> None:
            try:
                done.append(what())
            except Exception as error:
                done.append(error)

        QTimer.singleShot(0, attempt)
        qtbot.waitUntil(lambda: bool(done), timeout=30_000)
        if isinstance(done[0], Exception):
            raise done[0]
        return done[0]

    return act


@pytest.fixture
def layer(viewer, embryo):
    viewer.window._qt_viewer  # noqa: B018 (a viewer with a window)
    return viewer.add_image(embryo[:64, :96], name="cells")


@pytest.fixture
def slow(monkeypatch) -> tuple[list[threading.Thread], threading.Event]:
    """A writer that goes on when it is allowed to."""
    threads: list[threading.Thread] = []
    go_on = threading.Event()
    write = writer.imwrite

    def held(path: Path, levels: Any, *, progress: Any, **options: Any) -> int:
        threads.append(threading.current_thread())
        progress(1, 4)
        for _ in range(2000):
            checkpoint()
            if go_on.wait(0.01):
                break
        return write(path, levels, progress=progress, **options)

    monkeypatch.setattr(writer, "imwrite", held)
    return threads, go_on


def _dialog() -> QProgressDialog | None:
    found = [each for each in QApplication.topLevelWidgets() if isinstance(each, QProgressDialog) and each.isVisible()]
    return found[0] if found else None


def _when_shown(act) -> QTimer:
    """Do something to the dialog as soon as it is there."""
    timer = QTimer()

    def look() -> None:
        dialog = _dialog()
        if dialog is not None and dialog.value() == 1:
            timer.stop()
            act(dialog)

    timer.timeout.connect(look)
    timer.start(10)
    return timer


def test_saving_shows_how_far_it_is_and_the_window_lives(layer, in_loop, slow, tmp_path):
    threads, go_on = slow
    seen: list[tuple[str, int, bool]] = []

    def look(dialog: QProgressDialog) -> None:
        seen.append((dialog.labelText(), dialog.maximum(), dialog.isModal()))
        go_on.set()

    timer = _when_shown(look)
    (path,) = in_loop(lambda: layer.save(tmp_path / "cells.glc"))
    assert not timer.isActive()
    assert seen == [("Saving cells.glc ...", 4, True)]
    assert threads != [threading.main_thread()]
    assert napari_glc.open(path).shape == (64, 96)
    assert _dialog() is None


def test_cancel_leaves_the_old_file(layer, in_loop, slow, tmp_path):
    path = tmp_path / "cells.glc"
    path.write_bytes(b"precious")
    timer = _when_shown(lambda dialog: dialog.findChild(QPushButton).click())
    with pytest.raises(Cancelled, match=r"Saving cells\.glc: cancelled"):
        in_loop(lambda: layer.save(path))
    assert not timer.isActive()
    assert [each.name for each in tmp_path.iterdir()] == ["cells.glc"]
    assert path.read_bytes() == b"precious"


def test_what_cannot_be_saved_says_so_as_in_a_script(viewer, in_loop, tmp_path):
    layer = viewer.add_image(np.zeros((64, 64), np.int64))
    with pytest.raises(UnsupportedArrayError, match="int64"):
        in_loop(lambda: layer.save(tmp_path / "a.glc"))
    assert not list(tmp_path.iterdir())


def test_who_saves_a_decoded_layer_is_told_before(layer, in_loop, tmp_path, monkeypatch):
    told: list[tuple[str, list[Path]]] = []
    monkeypatch.setattr(window(), "tell", lambda text: told.append((text, list(tmp_path.iterdir()))), raising=False)
    layer.metadata = {"glc": {"codec": "vqgan"}}
    in_loop(lambda: layer.save(tmp_path / "a.glc"))
    ((words, files),) = told
    assert "'cells' was decoded by codec vqgan already" in words
    assert not files


def test_another_device_is_told_of(layer, in_loop, tmp_path, monkeypatch):
    from napari_glc._napari import settings

    told: list[str] = []
    monkeypatch.setattr(window(), "tell", told.append, raising=False)
    said = settings.plugin_setting
    monkeypatch.setattr(settings, "plugin_setting", lambda *of: "vulkan" if of == ("runtime", "device") else said(*of))
    in_loop(lambda: layer.save(tmp_path / "a.glc"))
    assert told == ["Device vulkan is not here: using cpu."] or "using cuda" in told[0]
