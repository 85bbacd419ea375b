"""Opening and looking: nothing is decoded in the window's thread, and what is asked for comes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer

import napari_glc
from napari_glc._base.interruption import checkpoint
from napari_glc._napari.window import window
from napari_glc._qt.common import filling
from napari_glc.files.damaging import damage
from napari_glc.files.opened import GlcFile

PLUGIN = "napari-glc"


@pytest.fixture
def in_loop(qtbot):
    """Do something as people do it: while the event loop runs."""

    def act(what) -> Any:
        done: list[Any] = []
        QTimer.singleShot(0, lambda: done.append(what()))
        qtbot.waitUntil(lambda: bool(done), timeout=20_000)
        return done[0]

    return act


@pytest.fixture
def decoders(monkeypatch) -> list[tuple[threading.Thread, int, int]]:
    """Who decoded which plane at which level."""
    seen: list[tuple[threading.Thread, int, int]] = []
    decode = GlcFile.plane_pixels

    def watched(self: GlcFile, plane: int, level: int, *rest: Any, **options: Any) -> Any:
        seen.append((threading.current_thread(), plane, level))
        return decode(self, plane, level, *rest, **options)

    monkeypatch.setattr(GlcFile, "plane_pixels", watched)
    return seen


def _by_the_window(decoders: list[tuple[threading.Thread, int, int]]) -> bool:
    return threading.main_thread() in [thread for thread, *_ in decoders]


@pytest.fixture
def settled(qtbot):
    """Wait until everything that canvases asked for is there."""

    def wait() -> None:
        filler = window()._filler
        qtbot.waitUntil(lambda: filler._job is None and not filler._drawing.isActive(), timeout=60_000)

    return wait


@pytest.fixture
def picture_file(parrots, tmp_path) -> Path:
    path = tmp_path / "parrots.glc"
    napari_glc.imwrite(path, parrots[200:328, 300:492])
    return path


@pytest.fixture
def stack_file(embryo, tmp_path) -> Path:
    path = tmp_path / "cells.glc"
    napari_glc.imwrite(path, np.stack([embryo[:64, k : k + 96] for k in range(0, 400, 80)]), axes="TYX")
    return path


def test_a_picture_opens_at_once_and_is_filled_in(viewer, in_loop, decoders, settled, picture_file):
    (layer,) = in_loop(lambda: viewer.open(picture_file, plugin=PLUGIN))
    assert layer.data.shape == (128, 192, 3)
    settled()
    assert decoders
    assert not _by_the_window(decoders)
    # what is whole is a plain array, as after opening in a script
    assert type(layer.data) is np.ndarray
    np.testing.assert_array_equal(layer.data, napari_glc.imread(picture_file))
    np.testing.assert_array_equal(layer._data_view, layer.data)
    assert layer.thumbnail[..., :3].any()
    assert (layer.rgb, layer.name) == (True, "parrots")


def test_whoever_asks_for_samples_gets_samples(viewer, in_loop, settled, picture_file, monkeypatch):
    whole = napari_glc.imread(picture_file)
    advance, asked = filling._Filling.advance, threading.Event()

    def held(self: Any) -> None:
        asked.wait(20)
        advance(self)

    monkeypatch.setattr(filling._Filling, "advance", held)

    def ask() -> tuple[Any, Any, Any]:
        (layer,) = viewer.layers
        return np.array(layer._data_view), np.asarray(layer.data), layer.data[10:20].mean(axis=0).compute()

    in_loop(lambda: viewer.open(picture_file, plugin=PLUGIN))
    drawn, samples, means = in_loop(ask)
    asked.set()
    assert not drawn.any()
    np.testing.assert_array_equal(samples, whole)
    np.testing.assert_allclose(means, whole[10:20].mean(axis=0))
    settled()


def test_scripts_get_what_they_open(viewer, picture_file):
    (layer,) = viewer.open(picture_file, plugin=PLUGIN)
    np.testing.assert_array_equal(layer._data_view, napari_glc.imread(picture_file))


def test_napari_s_command_line_counts_as_people(viewer, decoders, settled, picture_file):
    """The event loop does not run yet when it opens files."""
    viewer.window._qt_viewer._qt_open([str(picture_file)], stack=False, plugin=PLUGIN)
    settled()
    assert decoders
    assert not _by_the_window(decoders)
    np.testing.assert_array_equal(viewer.layers[0].data, napari_glc.imread(picture_file))


def test_a_step_of_the_slider_waits_for_nothing(viewer, in_loop, decoders, settled, stack_file):
    (layer,) = in_loop(lambda: viewer.open(stack_file, plugin=PLUGIN))
    settled()
    whole = napari_glc.imread(stack_file)
    decoders.clear()
    in_loop(lambda: viewer.dims.set_current_step(0, 4))
    settled()
    np.testing.assert_array_equal(layer._data_view, whole[4])
    assert [plane for _, plane, _ in decoders] == [4]
    assert not _by_the_window(decoders)
    # and back: it is drawn again, not decoded
    decoders.clear()
    drawn = in_loop(lambda: (viewer.dims.set_current_step(0, 2), np.array(layer._data_view))[1])
    np.testing.assert_array_equal(drawn, whole[2])
    settled()
    assert not decoders


def test_planes_the_slider_has_left_are_dropped(viewer, in_loop, settled, stack_file, monkeypatch):
    begun, ended = [], []
    hold = threading.Event()
    decode = GlcFile.plane_pixels

    def slow(self: GlcFile, plane: int, *rest: Any, **options: Any) -> Any:
        begun.append(plane)
        while plane != 4 and not hold.wait(0.01):
            checkpoint()
        ended.append(plane)
        return decode(self, plane, *rest, **options)

    monkeypatch.setattr(GlcFile, "plane_pixels", slow)
    (layer,) = in_loop(lambda: viewer.open(stack_file, plugin=PLUGIN))
    for step in (0, 1, 3, 4):
        in_loop(lambda step=step: viewer.dims.set_current_step(0, step))
    settled()
    hold.set()
    assert ended == [4]
    np.testing.assert_array_equal(layer._data_view, napari_glc.open(stack_file).read((4,)))


def test_levels_show_the_coarse_one_first(viewer, qtbot, in_loop, settled, embryo, tmp_path, monkeypatch):
    path = tmp_path / "levels.glc"
    napari_glc.imwrite(path, embryo, levels=3)
    coarse, whole = napari_glc.open(path).read(level=2), napari_glc.imread(path)
    enlarged = coarse[np.arange(264) * 66 // 264][:, np.arange(542) * 136 // 542]
    fine = threading.Event()
    decode = GlcFile.plane_pixels

    def held(self: GlcFile, plane: int, level: int, *rest: Any, **options: Any) -> Any:
        while level == 0 and not fine.wait(0.01):
            checkpoint()
        return decode(self, plane, level, *rest, **options)

    monkeypatch.setattr(GlcFile, "plane_pixels", held)
    (layer,) = in_loop(lambda: viewer.open(path, plugin=PLUGIN))
    shown: list[np.ndarray] = []
    layer.events.set_data.connect(lambda: shown.append(np.array(layer._data_view)))
    in_loop(lambda: setattr(layer, "locked_data_level", 0))
    qtbot.waitUntil(lambda: bool(shown) and shown[-1].any(), timeout=20_000)
    np.testing.assert_array_equal(shown[-1], enlarged)
    fine.set()
    settled()
    np.testing.assert_array_equal(shown[-1], whole)


def test_what_cannot_be_decoded_is_told_once(viewer, in_loop, settled, stack_file, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(filling, "show_error", told.append)
    data = stack_file.read_bytes()
    stack_file.write_bytes(data[:-3] + bytes(byte ^ 255 for byte in data[-3:]))  # the last plane's
    (layer,) = in_loop(lambda: viewer.open(stack_file, plugin=PLUGIN))
    settled()
    assert not told
    in_loop(lambda: viewer.dims.set_current_step(0, 4))
    settled()
    in_loop(lambda: layer.refresh())
    settled()
    (words,) = told
    assert "cells.glc" in words
    assert "is damaged" in words
    assert not layer._data_view.any()


def test_damage_of_a_picture_is_told_on_opening(viewer, in_loop, picture_file):
    data = picture_file.read_bytes()
    picture_file.write_bytes(data[:-3] + bytes(byte ^ 255 for byte in data[-3:]))

    def refused() -> str:
        with pytest.raises(napari_glc.errors.DamagedFileError) as caught:
            viewer.open(picture_file, plugin=PLUGIN)
        return str(caught.value)

    assert "parrots.glc: tile 0 of 1" in in_loop(refused)
    assert not viewer.layers


def test_a_removed_layer_is_not_decoded_on(viewer, in_loop, settled, stack_file, monkeypatch):
    ended = []
    go_on = threading.Event()
    decode = GlcFile.plane_pixels

    def slow(self: GlcFile, plane: int, *rest: Any, **options: Any) -> Any:
        go_on.wait(20)
        ended.append(plane)
        return decode(self, plane, *rest, **options)

    monkeypatch.setattr(GlcFile, "plane_pixels", slow)
    viewer.dims.ndisplay = 3
    in_loop(lambda: viewer.open(stack_file, plugin=PLUGIN))
    in_loop(lambda: viewer.layers.clear())
    go_on.set()
    settled()
    assert len(ended) < 5
    # nor is anything kept of it when the next one comes
    monkeypatch.setattr(GlcFile, "plane_pixels", decode)
    viewer.dims.ndisplay = 2
    (layer,) = in_loop(lambda: viewer.open(stack_file, plugin=PLUGIN))
    settled()
    assert {kept.family for kept in window()._filler._fillings.values()} == {layer.data.family}


def test_decoding_can_be_stopped_and_goes_on_when_it_is_wanted(viewer, in_loop, settled, stack_file, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr(filling, "show_info", told.append)
    hold = threading.Event()
    decode = GlcFile.plane_pixels

    def slow(self: GlcFile, *rest: Any, **options: Any) -> Any:
        while not hold.wait(0.01):
            checkpoint()
        return decode(self, *rest, **options)

    monkeypatch.setattr(GlcFile, "plane_pixels", slow)
    (layer,) = in_loop(lambda: viewer.open(stack_file, plugin=PLUGIN))
    in_loop(lambda: window()._filler._job.cancel())
    settled()
    assert "Decoding of cells was stopped" in told[0]
    assert not layer._data_view.any()
    hold.set()
    in_loop(lambda: layer.refresh())
    settled()
    np.testing.assert_array_equal(layer._data_view, napari_glc.imread(stack_file)[2])


def test_lost_packets_are_predicted_while_the_layers_are_there(viewer, in_loop, settled, motocross, tmp_path):
    path = tmp_path / "lossy.glc"
    whole = napari_glc.encode(motocross[:128, :192], codec="vqgan", quality=60, packets=6)
    path.write_bytes(damage(whole, 0.4, seed=1))

    def opened() -> list[Any]:
        with pytest.warns(UserWarning, match=r"lossy\.glc: \d of 6 packets are lost\."):
            return viewer.open(path, plugin=PLUGIN)

    image, lost = in_loop(opened)
    assert "of 6 packets" in image.metadata["glc"]["recovered"]
    settled()
    found = napari_glc.open(path).recover()
    np.testing.assert_array_equal(image.data, found.pixels)
    np.testing.assert_array_equal(lost.data, found.lost)
    assert lost.data.any()


def test_a_sample_is_coded_while_the_window_lives(viewer, in_loop, decoders):
    original, coded = in_loop(lambda: viewer.open_sample(PLUGIN, "coded_tissue"))
    assert decoders
    assert not _by_the_window(decoders)
    assert coded.data.shape == original.data.shape
    assert type(coded.data) is np.ndarray
