"""The index-map widget in a real viewer."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

import napari_glc
from napari_glc._napari.layer_planes import plane_of_layer
from napari_glc._qt.common.picking import Picked, picks
from napari_glc._qt.index_map import widget as index_widget
from napari_glc._qt.index_map.layers import IndexLayers, rank_colours
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.recovery.widget import RecoveryWidget
from napari_glc.container import parse
from napari_glc.inspection.index_map.codewords import order_codewords
from napari_glc.inspection.index_map.maps import IndexMap


class Mouse:
    """A mouse event at a place in the world."""

    def __init__(self, kind, world, pixel=(100, 100)) -> None:
        self.type, self.position, self.pos = kind, world, np.array(pixel)
        self.dims_displayed, self.handled, self.is_dragging = [0, 1], False, False


def _click(layer, world, moved=0):
    # napari hands out events in a wrapper whose content changes while the mouse moves
    mouse_press_callbacks(layer, ReadOnlyWrapper(Mouse("mouse_press", world), exceptions=("handled",)))
    if moved:
        mouse_move_callbacks(layer, Mouse("mouse_move", world, (100 + moved, 100)))
    mouse_release_callbacks(layer, Mouse("mouse_release", world, (100 + moved, 100)))


def _quietly(done, total):
    """Ignore progress."""


@pytest.fixture
def show(viewer, dock, finish, small_parrots):
    """Puts the widget with the map of 64 codewords of a part of the parrots on display.

    Not the widget itself: pytest would keep it alive beyond its viewer.
    """

    def start():
        viewer.add_image(
            small_parrots, rgb=True, name="parrots", scale=(0.5, 0.5), translate=(3, 7), units=("um", "um")
        )
        widget = dock(IndexWidget)
        widget.codebook.setCurrentText("64 codewords")
        widget.run_button.click()
        finish(widget)
        return widget

    return start


def test_the_map_lies_on_the_picture_and_code_0_shows(viewer, show, vqgan, small_parrots):
    shown = show()
    layer, picture = viewer.layers["parrots index map"], viewer.layers["parrots"]
    expected = vqgan.index_map(small_parrots, 37.5, _quietly)
    np.testing.assert_array_equal(layer.data, expected)
    # the outer borders of the first and of the last cell
    for of_map, of_picture in (((-0.5, -0.5), (-0.5, -0.5)), ((7.5, 11.5), (127.5, 191.5))):
        np.testing.assert_allclose(layer.data_to_world(of_map), picture.data_to_world(of_picture), atol=1e-6)
    assert layer.units == picture.units
    order = order_codewords(vqgan.net.codebook(3).embedding.weight.numpy())
    colours = rank_colours(64, "viridis")
    for rank in (0, 20, 63):
        np.testing.assert_allclose(layer.get_color(int(order[rank])), colours[rank], atol=1e-6)
    assert layer.get_color(0)[3] == 1
    assert layer.get_color(-1) is None
    assert layer.metadata["glc"]["codewords"] == 64
    assert "perplexity" in shown.summary.text()
    assert "coder" in shown.summary.text()
    assert f"{len(np.unique(expected))} of 64" in shown.summary.text()


def test_code_0_is_drawn_and_lost_indices_are_not(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    indices = np.zeros((8, 8), int)
    indices[:, 4:] = -1
    found = IndexMap(indices, 0, 8, 16, (128, 128))
    source = plane_of_layer(viewer.add_image(np.zeros((128, 128), np.uint8), name="zeros", visible=False))
    layer = IndexLayers(viewer).put_map(source, found, np.arange(8)[::-1], "viridis", {})
    qtbot.wait(50)
    viewer.reset_view()
    picture = viewer.screenshot(flash=False)[..., :3].astype(int)
    rows, columns = picture.shape[:2]
    left, right = picture[rows // 2, columns // 2 - 20], picture[rows // 2, columns // 2 + 20]
    assert np.abs(left - 255 * layer.get_color(0)[:3]).max() <= 2
    assert right.max() == 0
    viewer.layers.clear()


def test_pointing_tells_index_count_bits_and_patch(viewer, show):
    shown = show()
    layer = viewer.layers["parrots index map"]
    for row, column in ((0, 0), (7, 11)):
        # anywhere in the cell
        world = layer.data_to_world((row + 0.45, column - 0.45))
        mouse_move_callbacks(viewer, Mouse("mouse_move", world))
        index = int(layer.data[row, column])
        text = shown.panel.text.text()
        assert f"Codeword {index}\n" in text
        assert f"at {(layer.data == index).sum()} positions" in text
        assert f"here {shown._found.bits.bits[row, column]:.2f} bits" in text
        pixmap = shown.panel.patch.pixmap()
        colour = pixmap.toImage().pixelColor(48, 48)
        expected = shown._found.codewords.patches[index][8, 8]
        assert np.abs(np.array([colour.red(), colour.green(), colour.blue()]) - expected).max() <= 1
    mouse_move_callbacks(viewer, Mouse("mouse_move", layer.data_to_world((-3, 0))))
    assert "Point at the map" in shown.panel.text.text()


def test_clicking_finds_all_places_of_a_codeword_and_tells_the_others(viewer, show):
    shown = show()
    layer = viewer.layers["parrots index map"]
    world = layer.data_to_world((2, 3))
    heard = []

    def hear(pick):
        heard.append((id(pick.source), pick.world))  # Qt frees this function late: it must not hold the widget

    picks().picked.connect(hear)
    _click(layer, world)
    picks().picked.disconnect(hear)
    index = int(layer.data[2, 3])
    assert shown.codeword.value() == index
    places = viewer.layers["parrots codeword"]
    np.testing.assert_array_equal(places.data, layer.data == index)
    np.testing.assert_allclose(places.extent.world, layer.extent.world)
    assert viewer.layers.selection.active is layer
    assert heard == [(id(shown), tuple(world))]
    # panning selects nothing
    other = np.argwhere(layer.data != index)[0]
    _click(layer, layer.data_to_world(other), moved=30)
    assert shown.codeword.value() == index
    shown.codeword.setValue(-1)
    assert "parrots codeword" not in viewer.layers


def test_it_follows_what_is_picked_elsewhere(viewer, show):
    shown = show()
    layer = viewer.layers["parrots index map"]
    world = layer.data_to_world((5, 1))
    picks().picked.emit(Picked(object(), tuple(world)))
    assert shown.codeword.value() == layer.data[5, 1]
    picks().picked.emit(Picked(object(), (-1000.0, 0.0)))
    assert shown.codeword.value() == layer.data[5, 1]


def test_another_codebook_shows_at_once_in_the_same_layer(viewer, show, finish, vqgan, small_parrots):
    shown = show()
    layer = viewer.layers["parrots index map"]
    shown.codeword.setValue(5)
    shown.codebook.setCurrentText("8 codewords")
    assert shown.busy
    shown.codebook.setCurrentText("256 codewords")  # changed again meanwhile: the last choice counts
    finish(shown)
    np.testing.assert_array_equal(layer.data, vqgan.index_map(small_parrots, 62.5, _quietly))
    assert [other.name for other in viewer.layers] == ["parrots", "parrots index map"]
    assert shown.codeword.value() == -1
    assert shown.codeword.maximum() == 255
    shown.colormap.setCurrentText("turbo")
    order = shown._found.codewords.order
    np.testing.assert_allclose(layer.get_color(int(order[-1])), rank_colours(256, "turbo")[-1], atol=1e-6)


def test_a_files_own_map_is_shown_without_decoding(viewer, dock, finish, small_parrots, vqgan, tmp_path, monkeypatch):
    metadata = {"scale": [2.0, 2.0], "units": ["um", "um"], "name": "birds"}
    data = bytearray(napari_glc.encode(small_parrots, codec="vqgan", quality=50, packets=4, metadata=metadata))
    start, end = parse(bytes(data)).offsets[1:3]
    data[start:end] = bytes(end - start)
    path = tmp_path / "damaged.glc"
    path.write_bytes(data)
    widget = dock(IndexWidget)
    widget.origin.setCurrentIndex(1)
    assert not widget.run_button.isEnabled()
    assert not widget.codebook.isEnabled()
    monkeypatch.setattr(index_widget, "path_to_open", lambda parent: path)
    widget._browse()
    widget.run_button.click()
    finish(widget)
    layer = viewer.layers["birds index map"]
    lost = layer.data == -1
    assert 0.2 < lost.mean() < 0.3
    np.testing.assert_array_equal(layer.data[~lost], vqgan.index_map(small_parrots, 50, _quietly)[~lost])
    np.testing.assert_allclose(layer.data_to_world((-0.5, -0.5)), (-1, -1))
    assert f"{lost.sum()} positions" in widget.summary.text()
    assert f"{len(data):,} bytes" in widget.summary.text()
    place = np.argwhere(lost)[0]
    mouse_move_callbacks(viewer, Mouse("mouse_move", layer.data_to_world(place)))
    assert widget.panel.text.text() == "This position is lost."


def test_files_that_cannot_be_shown_say_why(viewer, dock, finish, small_parrots, tmp_path):
    widget = dock(IndexWidget)
    widget.origin.setCurrentIndex(1)
    other = tmp_path / "other.glc"
    other.write_bytes(napari_glc.encode(small_parrots))
    for path, words in ((other, "codec 'glc'"), (tmp_path / "none.glc", "No such file")):
        widget.path.setText(str(path))
        widget.run_button.click()
        finish(widget)
        assert widget.status.text().startswith("Failed: ")
        assert words in widget.status.text()
    assert len(viewer.layers) == 0


def test_layers_deleted_meanwhile_do_no_harm(viewer, show, finish):
    shown = show()
    viewer.layers.remove("parrots index map")
    mouse_move_callbacks(viewer, Mouse("mouse_move", (4, 8)))
    shown.codeword.setValue(2)
    shown.run_button.click()
    viewer.layers.clear()
    finish(shown)
    assert "parrots index map" in viewer.layers
    assert not shown.run_button.isEnabled()


def test_closing_takes_the_callbacks_away(viewer, show):
    shown = show()
    layer = viewer.layers["parrots index map"]
    assert len(viewer.mouse_move_callbacks) == 1
    assert shown._clicked in layer.mouse_drag_callbacks
    viewer.window.remove_dock_widget(shown)
    assert len(viewer.mouse_move_callbacks) == 0
    assert shown._clicked not in layer.mouse_drag_callbacks
    picks().picked.emit(Picked(object(), tuple(layer.data_to_world((1, 1)))))
    assert shown.codeword.value() == -1


def test_microscopy_and_controls(viewer, dock, finish, embryo, vqgan):
    viewer.add_labels(np.zeros((8, 8), int))
    widget = dock(IndexWidget)
    assert widget.run_button.toolTip() == "There is no image layer."
    values = (embryo.astype(np.uint16) * 16)[:128, :192]
    viewer.add_image(np.stack([values[::-1], values]), name="embryo", contrast_limits=(0, 4080))
    viewer.dims.set_point(0, 1)
    widget.codebook.setCurrentText("32 codewords")
    widget.run_button.click()
    finish(widget)
    plane = np.repeat(embryo[:128, :192, None], 3, -1)
    np.testing.assert_array_equal(viewer.layers["embryo[1] index map"].data[0], vqgan.index_map(plane, 25, _quietly))
    assert widget.minimumSizeHint().width() <= 320
    for row in range(widget.form.rowCount()):
        field = widget.form.itemAt(row, widget.form.ItemRole.FieldRole).widget()
        assert field.toolTip()
        assert widget.form.labelForField(field).buddy() is not None
    rank = widget.plot.nearest(0.0)
    assert widget._found.map.counts[widget._found.codewords.order[rank]] > 0


def test_the_planes_of_a_stack_in_a_file_have_maps_of_their_own(viewer, dock, finish, small_parrots, tmp_path):
    stack = np.stack([small_parrots[..., 0], small_parrots[::-1, :, 1]])
    data = napari_glc.encode(stack, axes="ZYX", codec="vqgan", quality=0, packets=2, metadata={"scale": [3, 1, 1]})
    (tmp_path / "a.glc").write_bytes(data)
    viewer.add_image(stack, name="stack", scale=(3, 1, 1))
    viewer.dims.set_current_step(0, 0)
    widget = dock(IndexWidget)
    widget.origin.setCurrentIndex(widget.origin.findData("file"))
    widget.path.setText(str(tmp_path / "a.glc"))
    widget.plane.setValue(1)
    widget.run()
    finish(widget)
    # what was asked for by its number is put on display
    assert viewer.dims.current_step[0] == 1
    viewer.dims.set_current_step(0, 0)
    made = viewer.layers["a[1] index map"]
    assert made.data.shape == (1, 8, 12)
    assert made.translate[0] == 3
    assert "Plane 1 of 2" in widget.summary.text()
    recovery = dock(RecoveryWidget)
    recovery.set_file(tmp_path / "a.glc")
    finish(recovery)
    assert recovery.form.isRowVisible(recovery.plane)
    recovery.plane.setValue(1)
    recovery.method.setCurrentIndex(recovery.method.findData("nearest"))
    recovery.run()
    finish(recovery)
    after = viewer.layers["a[1] after recovery"]
    assert after.data.shape == (1, 128, 192)
    assert after.translate[0] == 3
    assert viewer.dims.current_step[0] == 1
