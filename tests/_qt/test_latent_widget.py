"""The latent widget on real pictures: layers in their places, picked positions, attention, linked widgets."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt

import napari_glc
from napari_glc._napari.reader import read_layers
from napari_glc._qt.common.jobs import _running
from napari_glc._qt.common.picking import Picked, picks
from napari_glc._qt.latent.layers import VIEWS
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc.inspection.latent.latents import coded_latent, latent_colours
from napari_glc.models import write_model
from napari_glc.networks.config import AutoencoderConfig, GlcConfig
from napari_glc.networks.glc import GlcNetwork

SCALE, TRANSLATE = (0.5, 0.25), (10.0, -20.0)


@pytest.fixture
def layer(viewer, small_parrots):
    return viewer.add_image(small_parrots, rgb=True, name="parrots", scale=SCALE, translate=TRANSLATE, units="um")


def edges(layer) -> np.ndarray:
    """World coordinates of the outer edges of the corner pixels; `extent` tells their centres."""
    half = np.asarray(layer.scale[-2:]) / 2
    return layer.extent.world[:, -2:] + [-half, half]


def choose(widget: LatentWidget, view: str) -> None:
    widget.view.setCurrentIndex(list(VIEWS).index(view))


def choose_model(widget: LatentWidget, codec: str) -> None:
    models = [widget.model.itemData(i) for i in range(widget.model.count())]
    widget.model.setCurrentIndex([m.codec for m in models].index(codec))


@pytest.fixture
def show(finish):
    def run(widget: LatentWidget, view: str) -> str:
        choose(widget, view)
        widget.run_button.click()
        finish(widget)
        return widget.status.text()

    return run


def test_opens_without_a_picture_and_says_why(dock, viewer):
    widget = dock(LatentWidget)
    assert not widget.run_button.isEnabled()
    assert "Open an image" in widget.run_button.toolTip()
    viewer.add_labels(np.zeros((8, 8), int))
    assert not widget.run_button.isEnabled()
    assert widget.minimumSizeHint().width() <= 320
    for number in range(widget.form.rowCount()):
        field = widget.form.itemAt(number, widget.form.ItemRole.FieldRole)
        assert field is None or field.widget().toolTip()


def test_every_view_lies_over_the_picture(dock, viewer, layer, show, codec, small_parrots):
    widget = dock(LatentWidget)
    wanted = coded_latent(codec, small_parrots, 50)
    arrays = {
        "colours": latent_colours(wanted.latent).rgb,
        "latent": wanted.latent,
        "y": wanted.y,
        "symbols": wanted.symbols,
        "scales": wanted.scales,
        "hyper": wanted.hyper_indices,
    }
    for view, array in arrays.items():
        status = show(widget, view)
        made = viewer.layers[-1]
        assert made.name in status
        np.testing.assert_allclose(made.data, array, atol=1e-4)
        np.testing.assert_allclose(edges(made), edges(layer), atol=1e-6)
        assert [str(u) for u in made.units[-2:]] == ["micrometer", "micrometer"]
        assert made.metadata["glc"]["quality"] == 50
    assert f"Stream: {wanted.payload_bytes[0]} bytes in 1 tile" in status
    assert viewer.layers["parrots symbols"].axis_labels[0] == "channel"
    assert viewer.layers["parrots hyper-latent"].colormap.background_value == -1
    # showing it again makes no second layer, another quality other symbols
    before, count = viewer.layers["parrots symbols"].data.copy(), len(viewer.layers)
    widget.quality.value = 100
    show(widget, "symbols")
    assert len(viewer.layers) == count
    assert (viewer.layers["parrots symbols"].data != before).any()


def test_grids_lie_over_the_picture_with_their_bits(dock, viewer, layer, show):
    layer.data = layer.data[:64, :96]
    widget = dock(LatentWidget)
    choose_model(widget, "clric")
    status = show(widget, "grids")
    result = widget._run.result
    assert "Estimated bytes by grid: 8 px" in status
    for k in range(7):
        made = viewer.layers[f"parrots grid {8 << k} px"]
        np.testing.assert_array_equal(made.data, result.grids[k])
        np.testing.assert_allclose(edges(made)[0], edges(layer)[0], atol=1e-6)
        assert made.metadata["glc"]["estimated_bytes"] == result.bits[k].sum() / 8
    np.testing.assert_allclose(edges(viewer.layers["parrots grid 8 px"]), edges(layer), atol=1e-6)
    count = len(viewer.layers)
    show(widget, "grid_bits")
    assert len(viewer.layers) == count + 7
    np.testing.assert_allclose(viewer.layers["parrots bits of grid 16 px"].data, result.bits[1].sum(0))
    widget.row.setValue(5)
    assert "Bits, its share in each grid" in widget.numbers.text()
    choose_model(widget, "glc")
    assert not widget.view.model().item(list(VIEWS).index("grids")).isEnabled()


def test_grids_of_a_file_are_shown_as_stored(dock, viewer, small_parrots, show, tmp_path):
    """Those of the file, at its quality, whatever the slider says; a layer that is no file's is coded."""
    path = tmp_path / "parrots.glc"
    napari_glc.imwrite(path, small_parrots[:64, :96], codec="clric", quality=20, effort=0)
    data, options, kind = read_layers(str(path))[0]
    assert kind == "image"
    options.pop("multiscale", None)
    viewer.add_image(data, **options)
    widget = dock(LatentWidget)
    choose_model(widget, "clric")
    status = show(widget, "grids")
    assert "As stored in parrots.glc, quality 20" in status
    file = napari_glc.open(path)
    stored = list(file.decoder.symbols(lambda tile: file.chunk(tile), file.coding(), 0, lambda *_: None))
    for grid, same in zip(reversed(stored), widget._run.result.grids, strict=True):
        np.testing.assert_array_equal(grid, same)
    status = show(widget, "grid_changes")
    changes = [viewer.layers[f"{options['name']} added by grid {8 << k} px"] for k in range(7)]
    assert len({layer.contrast_limits[1] for layer in changes}) == 1
    assert f"8 px {changes[0].metadata['glc']['root_mean_square']:.2f}" in status
    path.unlink()
    assert "As stored" not in show(widget, "grids")


def test_the_last_run_is_taken_back_with_all_that_was_picked_on_it(dock, viewer, layer, show, finish):
    layer.data = layer.data[:64, :96]
    widget = dock(LatentWidget)
    choose_model(widget, "vqgan")
    assert not widget.undo_button.isEnabled()
    show(widget, "colours")
    first = viewer.layers["parrots latent colours"].data.copy()
    # the same view of other pixels, and a position picked on them
    layer.data = layer.data[:, ::-1]
    show(widget, "colours")
    widget.overlay.setCurrentIndex(1)
    widget.row.setValue(2)
    finish(widget)
    added = {"parrots windows", "parrots picked position", "parrots attention"}
    assert {each.name for each in viewer.layers} == {"parrots", "parrots latent colours", *added}
    assert (viewer.layers["parrots latent colours"].data != first).any()
    widget.undo_button.click()
    assert {each.name for each in viewer.layers} == {"parrots", "parrots latent colours"}
    assert np.array_equal(viewer.layers["parrots latent colours"].data, first)
    # nothing tells of what was picked any more
    assert not widget.numbers.text()
    assert not any(part.isEnabled() for part in (widget.row, widget.column, widget.undo_button))
    assert not widget.plot.isVisibleTo(widget)
    assert widget.status.text() == "Undone: 3 layers removed, 1 layer put back as before the last run."
    # and it works on
    show(widget, "latent")
    widget.undo_button.click()
    assert {each.name for each in viewer.layers} == {"parrots", "parrots latent colours"}


def test_outlines_are_windows_or_tiles(dock, viewer, layer, show):
    widget = dock(LatentWidget)
    widget.overlay.setCurrentIndex(1)
    show(widget, "colours")
    np.testing.assert_allclose(viewer.layers["parrots windows"].data[0][[0, 2]], [[-0.5, -0.5], [127.5, 191.5]])
    np.testing.assert_allclose(viewer.layers["parrots windows"].scale, SCALE)
    widget.overlay.setCurrentIndex(2)
    assert "parrots windows" not in viewer.layers
    assert "parrots tiles" in viewer.layers
    assert viewer.layers[-1].name == "parrots tiles"
    widget.overlay.setCurrentIndex(0)
    assert "parrots tiles" not in viewer.layers


def test_a_position_is_picked_by_keyboard_mouse_and_other_widgets(dock, viewer, layer, show, qtbot, finish):
    widget = dock(LatentWidget)
    show(widget, "symbols")
    told = []

    def note(picked: Picked) -> None:
        told.append(picked)

    picks().picked.connect(note)
    widget.row.setValue(2)
    assert told[-1].source is widget
    # the middle of row 2, column 0
    assert told[-1].world[-2:] == pytest.approx((TRANSLATE[0] + 39.5 * SCALE[0], TRANSLATE[1] + 7.5 * SCALE[1]))
    symbols = viewer.layers["parrots symbols"].data
    assert f"Symbols: {np.count_nonzero(symbols[:, 2, 0])} of 96" in widget.numbers.text()
    marker = viewer.layers["parrots picked position"].data[0]
    np.testing.assert_allclose([marker.min(0), marker.max(0)], [[31.5, -0.5], [47.5, 15.5]])

    world = (TRANSLATE[0] + 100 * SCALE[0], TRANSLATE[1] + 50 * SCALE[1])
    picks().picked.emit(Picked(object(), world))
    assert (widget.row.value(), widget.column.value()) == (6, 3)
    assert len(told) == 2
    # what is picked in another viewer is of no interest here
    elsewhere = SimpleNamespace(viewer=ViewerModel())
    picks().picked.emit(Picked(elsewhere, (TRANSLATE[0], TRANSLATE[1])))
    assert (widget.row.value(), widget.column.value()) == (6, 3)
    picks().picked.emit(Picked(object(), (1e6, 0)))
    assert (widget.row.value(), widget.column.value()) == (6, 3)

    widget.row.setValue(0)
    widget.column.setValue(0)
    viewer.reset_view()
    qtbot.wait(50)
    native = viewer.window._qt_viewer.canvas.native
    qtbot.mouseClick(native, Qt.MouseButton.LeftButton, pos=QPoint(native.width() // 2, native.height() // 2))
    qtbot.wait(50)
    pixel = (np.array(viewer.cursor.position[-2:]) - TRANSLATE) / SCALE
    assert (widget.row.value(), widget.column.value()) == tuple(np.floor((pixel + 0.5) / 16))
    assert widget.row.value() > 0
    assert told[-1].source is widget
    picks().picked.disconnect(note)
    told.clear()  # Qt keeps the function, and with it the list, until some later event


def test_index_maps_show_their_transformers_attention(dock, viewer, layer, show, finish):
    widget = dock(LatentWidget)
    choose_model(widget, "vqgan")
    assert not widget.view.model().item(list(VIEWS).index("symbols")).isEnabled()
    assert "no attention. Shown instead: where its index transformer looks" in widget.attention_note.text()
    show(widget, "latent")
    assert viewer.layers["parrots latent"].data.shape == (96, 8, 12)
    widget.row.setValue(5)
    widget.column.setValue(7)
    finish(widget)
    heat = viewer.layers["parrots attention"]
    reach = widget._run.codec.transformer.config.reaches[0]
    assert heat.data.shape == (reach + 1, 2 * reach + 1)
    assert 0.3 < heat.data.sum() <= 1.001
    corner = np.array([5 - reach, 7 - 1 - reach]) * 16 - 0.5
    np.testing.assert_allclose(edges(heat)[0], corner * SCALE + TRANSLATE, atol=1e-6)
    assert "Transformer's probability" in widget.numbers.text()
    assert viewer.layers[-1].name == "parrots picked position"
    widget.attention.setCurrentIndex(0)
    assert "parrots attention" not in viewer.layers


def test_a_model_without_attention_says_so(dock, layer):
    widget = dock(LatentWidget)
    choose_model(widget, "glc")
    assert not widget.attention.isEnabled()
    assert "no attention" in widget.attention.toolTip()
    assert "no attention" in widget.attention_note.text()


def test_the_published_architecture_shows_its_window(dock, viewer, layer, show, finish, tmp_path, monkeypatch):
    inner = AutoencoderConfig(
        kind="vqgan", latent_channels=32, codewords=16, channels=32, multipliers=(1, 1, 1, 1, 1), window=4
    )
    config = GlcConfig(autoencoder=inner, hyper_codewords=16, prior_blocks=1)
    torch.manual_seed(2)
    state = GlcNetwork(config).state_dict()
    path = tmp_path / "tiny.safetensors"
    write_model(path, state, name="tiny", codec="glc", config=config.to_json(), description="random")
    monkeypatch.setenv("NAPARI_GLC_MODELS", str(tmp_path))
    widget = dock(LatentWidget)
    widget.model.setCurrentIndex(widget.model.findText("tiny (glc)"))
    assert "window of 4 x 4 positions" in widget.attention_note.text()
    show(widget, "colours")
    widget.pick_world((TRANSLATE[0] + 5 * 16 * SCALE[0], TRANSLATE[1] + 9 * 16 * SCALE[1]))
    finish(widget)
    heat = viewer.layers["parrots attention"]
    assert heat.data.shape == (4, 4)
    assert heat.data.sum() == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(edges(heat)[0], np.array([63.5, 127.5]) * SCALE + TRANSLATE, atol=1e-6)


def test_a_removed_layer_gets_no_results(dock, viewer, layer, finish):
    widget = dock(LatentWidget)
    widget.run_button.click()
    viewer.layers.remove(layer)
    finish(widget)
    assert len(viewer.layers) == 0
    assert widget.numbers.text() == ""


def test_a_slice_of_a_stack_keeps_its_place(dock, viewer, embryo, show):
    stack = np.stack([embryo[:64, :64], embryo[100:164, 100:164], embryo[:64, 64:128]])
    viewer.add_image(stack, name="embryo", scale=(3, 0.5, 0.5), units="um")
    viewer.dims.set_point(0, 3)
    widget = dock(LatentWidget)
    show(widget, "latent")
    made = viewer.layers["embryo[1] latent"]
    assert made.data.shape == (96, 1, 4, 4)
    np.testing.assert_allclose(made.extent.world[:, 1], [3, 3])
    assert made.scale[1] == 3
    assert made.axis_labels[0] == "channel"


def test_closing_the_dock_lets_go_of_the_viewer(dock, viewer, layer, qtbot):
    widget = dock(LatentWidget)
    assert any("on_press" in f.__name__ for f in viewer.mouse_drag_callbacks)
    widget.run_button.click()
    viewer.window.remove_dock_widget(widget)
    assert not any("on_press" in f.__name__ for f in viewer.mouse_drag_callbacks)
    qtbot.waitUntil(lambda: not _running, timeout=60_000)
    assert len(viewer.layers) == 1
    before = widget._wanted
    picks().picked.emit(Picked(object(), (12.0, -18.0)))
    assert widget._wanted == before
