"""Flipping original and decoded picture, and taking back what a run did."""

from __future__ import annotations

import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.layers._layer_actions import _duplicate_layer
from qtpy.QtCore import Qt

from napari_glc._napari.flipping import FLIP_KEY
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.rate.widget import RateWidget
from napari_glc._qt.recovery.widget import RecoveryWidget


@pytest.fixture
def layer(viewer, small_parrots):
    return viewer.add_image(small_parrots[:64, :96], rgb=True, name="parrots")


@pytest.fixture
def coded(dock, layer, finish):
    """Makes a widget and lets it code the picture at a quality."""

    def run(widget, quality):
        widget.quality.value = quality
        widget.run_button.click()
        finish(widget)

    def make():
        widget = dock(CodecWidget)
        run(widget, 20)
        return widget

    make.again = run
    return make


def press(viewer, key):
    """A key on the canvas, found as napari finds it."""
    from napari.utils.key_bindings import coerce_keybinding

    found = viewer.keymap.get(coerce_keybinding(key))
    if found is not None:
        found(viewer)
    return found is not None


def test_the_key_shows_the_original_and_brings_back_what_lay_over_it(coded, viewer, layer):
    widget = coded()
    decoded = viewer.layers["parrots decoded"]
    for active in (layer, decoded, None):
        viewer.layers.selection.active = active
        assert press(viewer, FLIP_KEY)
        assert (layer.visible, decoded.visible) == (True, False)
        assert viewer.status == "Original: parrots"
        assert press(viewer, FLIP_KEY)
        assert (layer.visible, decoded.visible) == (True, True)
        assert viewer.status == "Decoded: parrots decoded"
    # an original on top would hide it
    viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
    widget.flip_button.click()
    assert (layer.visible, decoded.visible) == (True, False)
    widget.flip_button.click()
    assert (layer.visible, decoded.visible) == (False, True)
    assert widget.status.text() == "Decoded: parrots decoded"
    get_app_model().commands.execute_command("napari-glc.flip")
    assert (layer.visible, decoded.visible) == (True, False)


def test_the_key_goes_with_the_last_widget(dock, viewer, coded):
    first, second = coded(), dock(RateWidget)
    assert str(FLIP_KEY) in second.flip_button.text()
    viewer.window.remove_dock_widget(first)
    assert press(viewer, FLIP_KEY)
    viewer.window.remove_dock_widget(second)
    assert not press(viewer, FLIP_KEY)


def test_what_is_flipped_away_does_not_blink(dock, viewer, layer, finish):
    widget = dock(RateWidget)
    widget.run_button.click()
    finish(widget)
    decoded = viewer.layers["parrots at this rate"]
    widget.comparison.set_mode("blink")
    widget.flip_button.click()
    for _ in range(3):
        widget.comparison._blink()
        assert not decoded.visible
    widget.flip_button.click()
    assert decoded.visible
    widget.comparison._blink()
    assert not decoded.visible
    widget.comparison._blink()
    assert decoded.visible


def test_without_results_it_says_so(dock, layer):
    widget = dock(CodecWidget)
    widget.flip_button.click()
    assert widget.status.text() == "There is no decoded picture to flip to: run first."
    assert layer.visible


def test_a_first_run_is_taken_back_altogether(coded, viewer, layer, qtbot):
    widget = coded()
    assert widget.undo_button.isEnabled()
    qtbot.keyClick(widget.run_button, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert list(viewer.layers) == [layer]
    assert not widget.undo_button.isEnabled()
    assert widget.undo_button.toolTip() == "There is nothing to undo"
    # nothing tells of it any more
    assert not widget.table.rowCount()
    assert not widget.save_button.isEnabled()
    assert widget.status.text() == "Undone: 1 layer removed, 0 layers put back as before the last run."


def test_a_second_run_is_taken_back_to_the_first(coded, viewer, layer):
    widget = coded()
    decoded = viewer.layers["parrots decoded"]
    first, facts = decoded.data.copy(), dict(decoded.metadata["glc"])
    coded.again(widget, 80)
    assert (decoded.data != first).any()
    # a run that fails in between has nothing to take back, and leaves what there is
    widget._layers.begin()
    widget._layers.restore()
    widget.undo_button.click()
    assert list(viewer.layers) == [layer, decoded]
    assert np.array_equal(decoded.data, first)
    assert decoded.metadata["glc"] == facts
    assert not widget.undo_button.isEnabled()
    # what is there is brought up to date as ever
    coded.again(widget, 80)
    assert list(viewer.layers) == [layer, decoded]


def test_what_a_result_replaced_comes_back_in_its_place(coded, viewer, layer, small_parrots):
    widget = coded()
    decoded, above = viewer.layers["parrots decoded"], viewer.add_labels(np.zeros((64, 96), int))
    layer.rgb = False
    viewer.layers.selection.active = layer
    layer.data = small_parrots[:64, :96, 0].astype(np.uint16)
    coded.again(widget, 80)
    assert decoded not in viewer.layers
    widget.undo_button.click()
    assert list(viewer.layers) == [layer, decoded, above]


@pytest.mark.parametrize("kind", [RateWidget, IndexWidget, RecoveryWidget])
def test_every_widget_takes_its_last_run_back(dock, viewer, layer, finish, kind):
    widget = dock(kind)
    widget.run_button.click()
    finish(widget)
    added = len(viewer.layers) - 1
    assert added >= 1
    widget.undo_button.click()
    assert list(viewer.layers) == [layer]
    assert f"{added} layer" in widget.status.text()
    widget.run_button.click()
    finish(widget)
    assert len(viewer.layers) == 1 + added


def test_a_renamed_result_is_updated_and_a_duplicate_is_kept(coded, viewer, layer):
    widget = coded()
    decoded = viewer.layers["parrots decoded"]
    decoded.name = "mine"
    coded.again(widget, 60)
    assert [each.name for each in viewer.layers] == ["parrots", "mine"]
    assert decoded.metadata["glc"]["quality"] == 60
    # who wants to keep it duplicates it, wherever the copy lies
    viewer.layers.selection = {decoded}
    _duplicate_layer(viewer.layers)
    copy = viewer.layers["mine copy"]
    viewer.layers.move(viewer.layers.index(copy), 0)
    kept = copy.data.copy()
    coded.again(widget, 0)
    assert [each.name for each in viewer.layers] == ["mine copy", "parrots", "mine"]
    assert copy.metadata["glc"]["quality"] == 60
    assert np.array_equal(copy.data, kept)
    assert decoded.metadata["glc"]["quality"] == 0


@pytest.mark.parametrize("kind", [CodecWidget, RateWidget, IndexWidget, RecoveryWidget])
def test_every_result_warns(dock, viewer, layer, finish, kind):
    widget = dock(kind)
    if kind in (CodecWidget, RateWidget):
        widget.bits.setChecked(True)
    widget.run_button.click()
    finish(widget)
    results = [each for each in viewer.layers if each is not layer]
    assert results
    for result in results:
        assert "not for measurements" in result.metadata["glc"]["warning"], result.name
        assert result.metadata["glc"]["codec"] == ("glc" if kind in (CodecWidget, RateWidget) else "vqgan")


def test_a_dock_that_gets_its_settings_back_computes_nothing(dock, viewer, layer, finish):
    first = dock(RateWidget)
    first.quality.value = 20
    first.bits.setChecked(True)
    first.cancel()
    finish(first)
    viewer.window.remove_dock_widget(first)
    viewer.layers.clear()
    viewer.add_image(layer.data, rgb=True, name="parrots")
    second = dock(RateWidget)
    assert (second.quality.value, second.bits.isChecked()) == (20, True)
    assert not second.busy
    finish(second)
    assert len(viewer.layers) == 1
