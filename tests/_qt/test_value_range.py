"""Which values become black and white, chosen in the widgets by the rules of the library."""

from __future__ import annotations

import numpy as np
import pytest

import napari_glc
from napari_glc._napari.layer_planes import plane_of_layer
from napari_glc._qt.coding import widget as codec_widget
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.common.range_choice import RangeChoice
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc._qt.rate.widget import RateWidget
from napari_glc._qt.recovery.widget import RecoveryWidget
from napari_glc.codecs.goals import Standing
from napari_glc.codecs.registry import all_codecs
from napari_glc.container import Box
from napari_glc.imaging.range_rules import RANGE_RULES
from napari_glc.inspection.index_map.maps import file_map

RULES = ("minmax", "robust", "dtype")


@pytest.fixture
def worms(viewer, request):
    """16 bits, with one hot pixel, on display between two values of its own."""
    from imageio.v3 import imread

    pixels = imread(request.config.rootpath / "tests/data/worms_crop_uint16.tif")
    pixels = np.ascontiguousarray(np.squeeze(pixels)[..., :64, :96].reshape(-1, 64, 96)[0])
    pixels[5, 5] = 60_000
    return viewer.add_image(pixels, name="worms", contrast_limits=(200, 1500))


def choose(box, value) -> None:
    box.setCurrentIndex(box.findData(value))


def test_the_list_is_that_of_the_library(qtbot, lone_window):
    choice = RangeChoice()
    lone_window(choice)
    assert [choice.itemData(place) for place in range(choice.count())] == ["", *RANGE_RULES]
    assert tuple(RANGE_RULES) == RULES
    for words in RANGE_RULES.values():
        assert words.help in choice.tip


@pytest.mark.parametrize("rule", ["", *RULES])
def test_files_are_those_of_the_library(dock, worms, finish, rule):
    widget = dock(CodecWidget)
    choose(widget.range, rule)
    widget.run_button.click()
    finish(widget)
    file = napari_glc.GlcFile(widget._last[0].data)
    expected = napari_glc.encode(worms.data, value_range=rule or (200, 1500), quality=50)
    assert file.layout.ranges == napari_glc.GlcFile(expected).layout.ranges
    assert np.array_equal(file.read(), napari_glc.decode(expected))
    low, high = file.layout.ranges[0]
    assert f"{low:g} to {high:g} became 256 levels" in widget.notes.text()
    # what it looked like is kept where it is not the range of the file
    assert file.metadata.get("contrast_limits") == ([200.0, 1500.0] if rule else None)
    widget.estimate()
    finish(widget)
    assert "bytes" in widget.status.text()


@pytest.mark.parametrize("rule", ["", "robust"])
def test_what_an_optimisation_has_so_far_is_shown_in_the_values_of_the_layer(dock, viewer, worms, rule):
    """As the encoder shows it: three channels of a grey picture."""
    plane = plane_of_layer(worms, viewer.dims)
    seen = plane.ranged(rule, plane.read()).of_network(np.repeat(plane.picture()[..., np.newaxis], 3, axis=-1))
    assert (seen.shape, seen.dtype) == ((64, 96), np.uint16)
    widget = dock(CodecWidget)
    options = widget.options()
    run = codec_widget._Run(worms, "worms", np.dtype(np.uint16), plane, rule, options)
    standing = Standing(1, 9, 1000.0, 0.5, 900, 0.4, True, Box(0, 0, 64, 96), plane.picture)
    widget._follow(codec_widget.Moment(1.0, standing, seen), run)
    assert np.array_equal(viewer.layers["worms decoded"].data, seen)


def test_8_bits_are_stretched_if_somebody_asks_for_it(dock, viewer, finish, small_parrots):
    dark = (small_parrots[:64, :96, 1] // 8).astype(np.uint8)
    viewer.add_image(dark, name="dark")
    widget = dock(CodecWidget)
    errors = []
    for rule in ("", "minmax"):
        choose(widget.range, rule)
        widget.run_button.click()
        finish(widget)
        decoded = viewer.layers["dark decoded"].data
        assert decoded.dtype == np.uint8
        errors.append(float(np.abs(decoded.astype(float) - dark).mean()))
    assert errors[1] < errors[0]


@pytest.mark.parametrize("rule", RULES)
def test_the_explorer_shows_what_the_file_gives(dock, viewer, worms, finish, rule):
    widget = dock(RateWidget)
    choose(widget.range, rule)
    widget.run_button.click()
    finish(widget)
    shown = viewer.layers["worms at this rate"].data
    decoded = napari_glc.decode(napari_glc.encode(worms.data, value_range=rule, quality=50))
    assert shown.dtype == np.uint16
    assert np.array_equal(shown, decoded)
    # another rule is shown at once
    choose(widget.range, "minmax" if rule != "minmax" else "robust")
    finish(widget)
    assert (viewer.layers["worms at this rate"].data != shown).any()


@pytest.mark.parametrize("rule", ["", "robust"])
def test_maps_are_those_of_the_file(dock, viewer, worms, finish, rule):
    """Index map, latent and recovered picture, each of the values that its widget says."""
    file = napari_glc.GlcFile(napari_glc.encode(worms.data, codec="vqgan", quality=50, value_range=rule or (200, 1500)))
    indices = file_map(file, lambda *_: None)[1].indices
    index, latent, recovery = dock(IndexWidget), dock(LatentWidget), dock(RecoveryWidget)
    index.codebook.setCurrentText("128 codewords")
    latent.model.setCurrentText(next(name for name in _texts(latent.model) if "vqgan" in name))
    choose(recovery.codebook, 50)
    recovery.ratio.setValue(0)
    for widget in (index, latent, recovery):
        assert widget.range.rule == ""
        choose(widget.range, rule)
        widget.run_button.click()
        finish(widget)
        assert widget.form.isRowVisible(widget.range)
    assert np.array_equal(viewer.layers["worms index map"].data, indices)
    assert np.array_equal(latent._run.result.indices, indices)
    after = viewer.layers["worms after recovery"].data
    assert after.dtype == np.uint16
    assert np.array_equal(after, file.read())


def test_another_range_shows_another_map_at_once(dock, viewer, worms, finish):
    widget = dock(IndexWidget)
    widget.run_button.click()
    finish(widget)
    before = viewer.layers["worms index map"].data.copy()
    choose(widget.range, "minmax")
    finish(widget)
    assert (viewer.layers["worms index map"].data != before).any()
    # a file's range is its own
    widget.origin.setCurrentIndex(widget.origin.findData("file"))
    assert not widget.form.isRowVisible(widget.range)


def test_an_original_is_compared_in_the_values_of_its_file(dock, viewer, worms, finish, tmp_path):
    """However it is displayed, and whatever was chosen for layers."""
    napari_glc.imwrite(tmp_path / "worms.glc", worms.data, codec="vqgan", quality=100, value_range="robust")
    widget = dock(RecoveryWidget)
    choose(widget.range, "minmax")
    widget.set_file(tmp_path / "worms.glc")
    finish(widget)
    assert not widget.form.isRowVisible(widget.range)
    widget.compare.setChecked(True)
    choose(widget.method, "nearest")
    found = []
    for limits in ((200, 1500), (0, 65_535)):
        worms.contrast_limits = limits
        widget.run_button.click()
        finish(widget)
        found.append(widget.table.cell(1, 1))
    low, high = napari_glc.open(tmp_path / "worms.glc").layout.ranges[0]
    assert high < 5000
    assert found[0] == found[1]
    seen = ((worms.data.clip(low, high) - low) * (255 / (high - low))).round().astype(np.uint8)
    assert np.array_equal(widget._found.source.original, seen)


def _texts(box) -> list[str]:
    return [box.itemText(place) for place in range(box.count())]


def test_no_two_fields_of_a_codec_have_one_label():
    for entry in all_codecs():
        labels = [field.label for field in (*entry.options.fields(), *entry.decoding.fields())]
        assert len(set(labels)) == len(labels), entry.name
