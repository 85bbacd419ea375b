"""All widgets take the plane on display and put what they make of it there, on layers however they lie."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc._qt.rate.widget import RateWidget
from napari_glc._qt.recovery.widget import RecoveryWidget

pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")

WIDGETS = (CodecWidget, RateWidget, IndexWidget, LatentWidget, RecoveryWidget)
RESULTS = ("decoded", "at this rate", "index map", "latent colours", "after recovery")


@pytest.fixture
def worms(request) -> np.ndarray:
    """Three planes of 16 bits."""
    found = tifffile.imread(request.config.rootpath / "tests/data/worms_crop_uint16.tif")
    return np.ascontiguousarray(found[:, :64, :96])


def _chosen(widget, layer) -> None:
    choice = widget.layer if isinstance(widget, RecoveryWidget) else widget.source
    choice.layer = layer


def _corners(layer, index=None) -> np.ndarray:
    """World coordinates of the outer corners of a layer, or of a plane of it: ``None`` are its rows and columns."""
    shape = layer.data.shape[: layer.ndim]
    index = index or tuple(0 if size == 1 else None for size in shape)
    places = []
    for ends in np.ndindex(*(2,) * index.count(None)):
        end = iter(ends)
        places.append([-0.5 + next(end) * n if at is None else at for at, n in zip(index, shape, strict=True)])
    return np.array([layer.data_to_world(place) for place in places])


@pytest.mark.parametrize("kind", WIDGETS)
def test_results_lie_on_a_turned_layer_whatever_axes_are_shown(kind, viewer, dock, finish, worms):
    # as many planes as rows, each moved on by one: a picture from the side as well
    deep = np.stack([np.roll(worms[2, :64, :64], step, axis=0) for step in range(64)])
    turned = {"rotate": (0, 0, 30), "shear": (0, 0, 0.2), "affine": np.diag([1.0, 2, 1.5, 1])}
    layer = viewer.add_image(deep, name="worms", scale=(3, 0.5, 0.5), translate=(1, 2, 3), **turned)
    viewer.add_image(worms[0], name="flat", visible=False)
    widget = dock(kind)
    _chosen(widget, layer)
    if kind is RecoveryWidget:
        widget.ratio.setValue(0)
    # another axis is turned to the front, so that the layer is seen from the side
    for order, index in (((0, 1, 2), (5, None, None)), ((1, 0, 2), (None, 5, None))):
        if order != (0, 1, 2):
            layer.rotate, layer.shear, layer.affine = np.eye(3), (0, 0, 0), np.diag([1.0, 2, 1.5, 1])
        viewer.dims.order = order
        viewer.dims.set_point(order[0], layer.data_to_world([5, 5, 5])[order[0]])
        widget.run()
        finish(widget)
        result = RESULTS[WIDGETS.index(kind)]
        made = viewer.layers[
            f"worms[{', '.join(':' if n is None else str(n) for n in index[: index.index(5) + 1])}] {result}"
        ]
        assert made.metadata["glc"]["plane"] == (5,)
        np.testing.assert_allclose(_corners(made), _corners(layer, index), atol=1e-9)
        assert not made._slice.empty
        if result in ("decoded", "at this rate", "after recovery"):
            coded = layer.data[5] if index[0] else layer.data[:, 5]
            alike, unlike = (np.corrcoef(np.ravel(made.data), np.ravel(part))[0, 1] for part in (coded, coded[::-1]))
            assert alike > max(0.2, unlike)
        # results belong to their plane
        viewer.dims.set_point(order[0], layer.data_to_world([9, 9, 9])[order[0]])
        assert made._slice.empty
        assert "is on display; the results are of plane" in widget.status.text()
        viewer.dims.set_point(order[0], layer.data_to_world([5, 5, 5])[order[0]])
        assert widget.status.text() == ""


def test_figures_and_save_go_with_their_layer(viewer, dock, finish, worms):
    layer = viewer.add_image(worms[0], name="worms")
    mask = viewer.add_image(worms[1] > 500, name="mask")
    widget = dock(CodecWidget)
    _chosen(widget, layer)
    widget.run()
    finish(widget)
    assert widget.table.value("Bytes")
    assert widget.notes.text()
    assert widget.save_button.isEnabled()
    _chosen(widget, mask)
    assert widget.table.rowCount() == 0
    assert not widget.notes.text()
    assert not widget.save_button.isEnabled()
    widget.run()
    assert "mask" in widget.status.text()
    assert widget.table.rowCount() == 0
    # a dark result that nobody sees takes nobody's place
    viewer.layers.selection.clear()
    recovery = dock(RecoveryWidget)
    _chosen(recovery, layer)
    recovery.run()
    finish(recovery)
    active = viewer.layers.selection.active
    assert active is None or active.visible
    assert recovery.table.cell(1, 1)
    _chosen(recovery, mask)
    assert not recovery.table.cell(1, 1)


def test_the_rate_slider_follows_the_plane(viewer, dock, finish, worms):
    viewer.add_image(worms, name="worms")
    viewer.dims.set_point(0, 0)
    widget = dock(RateWidget)
    widget.run()
    finish(widget)
    made = viewer.layers["worms[0] at this rate"]
    viewer.dims.set_point(0, 2)
    assert "Plane 2 of worms is on display; the results are of plane 0." in widget.status.text()
    widget.quality.value = 80
    finish(widget)
    assert made.name == "worms[2] at this rate"
    assert made.translate[0] == 2
    assert made.metadata["glc"]["plane"] == (2,)
    np.testing.assert_array_equal(widget._session.picture, widget._place.picture())
    assert np.corrcoef(np.ravel(made.data), np.ravel(worms[2]))[0, 1] > 0.3


def test_linked_widgets_say_it_when_they_show_a_place_in_different_codebooks(viewer, dock, finish, worms):
    from napari_glc._qt.index_map.widget import IndexWidget
    from napari_glc._qt.latent.widget import LatentWidget

    layer = viewer.add_image(worms[0, :64, :96], name="worms")
    indices, latents = dock(IndexWidget), dock(LatentWidget)
    names = [latents.model.itemText(place) for place in range(latents.model.count())]
    latents.model.setCurrentIndex(next(place for place, name in enumerate(names) if "vqgan" in name))
    indices.codebook.setCurrentIndex(0)
    size = int(indices.codebook.currentText().split()[0])
    for quality, told in ((0, True), (100, False)):
        latents.quality.value = quality
        for widget in (indices, latents):
            widget.run_button.click()
            finish(widget)
        place = tuple(layer.data_to_world((20, 30)))
        for picking, following in ((indices, latents), (latents, indices)):
            following.tell("")
            picking.select_at(place) if picking is indices else picking.pick_world(place)
            for widget in (indices, latents):
                finish(widget)
            assert (f"{size} codewords of vqgan-small" in following.status.text()) == told, following.status.text()
            assert ("another codeword" in following.status.text()) == told
