"""A codec that is one entry appears in every widget it suits, its options as fields; no widget knows its name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QStyle

import napari_glc
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.common.base import GlcWidget
from napari_glc._qt.common.option_form import OptionForm
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc._qt.rate.curve_plot import CurvePlot
from napari_glc._qt.rate.widget import RateWidget
from napari_glc._qt.recovery.widget import RecoveryWidget
from napari_glc.codecs import registry
from napari_glc.codecs.entry import CodecEntry
from napari_glc.codecs.options import CodecOptions, Knob
from napari_glc.evaluation.rows import Result


@pytest.fixture
def layer(viewer, small_parrots):
    return viewer.add_image(small_parrots, rgb=True, name="parrots")


def _choose(box, value) -> None:
    box.setCurrentIndex(box.findData(value))


def test_it_can_be_encoded_with_its_option(toy, viewer, layer, dock, finish, small_parrots):
    widget = dock(CodecWidget)
    grain = widget.options_form.field("toy", "grain")
    assert not widget.form.isRowVisible(grain.native)
    _choose(widget.codec, "toy")
    assert widget.form.isRowVisible(grain.native)
    label = widget.form.labelForField(grain.native)
    assert label.text().replace("&", "") == "Film grain"
    assert label.buddy() is grain.native
    assert "&" in label.text()
    assert grain.native.toolTip() == label.toolTip() == "Strength of the film grain"
    assert grain.native.accessibleName() == "Film grain"
    assert (grain.value, grain.min, grain.max) == (0, 0, 9)
    assert widget.model.chosen.name == "toy-blocks"
    grain.value = 4
    widget.run_button.click()
    finish(widget)
    data = napari_glc.encode(small_parrots, codec="toy", grain=4, metadata={"name": "parrots"})
    assert widget._last[0].data == data
    np.testing.assert_array_equal(viewer.layers["parrots decoded"].data, napari_glc.decode(data))
    assert widget.table.value("Film grain") == "4"
    # what was set stays set while another codec is looked at
    _choose(widget.codec, "glc")
    assert not widget.form.isRowVisible(grain.native)
    _choose(widget.codec, "toy")
    assert widget.options().options == {"grain": 4}


def test_it_can_be_decoded_with_its_option(toy, viewer, layer, dock, finish, small_parrots):
    widget = dock(CodecWidget)
    brightness = widget.decoding_form.field("toy", "brightness")
    assert not widget.form.isRowVisible(brightness.native)
    _choose(widget.codec, "toy")
    assert widget.form.isRowVisible(brightness.native)
    brightness.value = -30.0
    widget.run_button.click()
    finish(widget)
    data = widget._last[0].data
    assert data == napari_glc.encode(small_parrots, codec="toy", metadata={"name": "parrots"})
    decoded = viewer.layers["parrots decoded"]
    np.testing.assert_array_equal(decoded.data, napari_glc.decode(data, brightness=-30))
    assert decoded.metadata["glc"]["brightness"] == -30
    assert widget.table.value("Brightness") == "-30.0"


def test_what_optimises_for_every_picture_is_not_searched(toy, viewer, layer, dock, changed_toy):
    slow = replace(toy, capabilities=replace(toy.capabilities, encode_cost="fit"))
    changed_toy.setitem(registry._entries, "toy", slow)
    widget = dock(CodecWidget)
    place = widget.rate_by.findData("bpp")
    widget.rate_by.setCurrentIndex(place)
    assert widget.form.isRowVisible(widget.bpp)
    _choose(widget.codec, "toy")
    assert not widget.rate_by.model().item(place).isEnabled()
    assert not widget.form.isRowVisible(widget.bpp)
    assert widget.options().bpp is None
    _choose(widget.codec, "glc")
    assert widget.rate_by.model().item(place).isEnabled()


def test_its_rate_is_explored_and_its_option_followed(toy, viewer, layer, dock, finish, small_parrots):
    widget = dock(RateWidget)
    _choose(widget.device, "cpu")
    _choose(widget.codec, "toy")
    widget.run_button.click()
    finish(widget)
    plain = napari_glc.encode(small_parrots, codec="toy")
    assert widget.table.value("Size") == f"{len(plain)} bytes"
    widget.options_form.field("toy", "grain").value = 3
    finish(widget)
    data = napari_glc.encode(small_parrots, codec="toy", grain=3)
    assert widget.table.value("Size") == f"{len(data)} bytes"
    np.testing.assert_array_equal(viewer.layers["parrots at this rate"].data, napari_glc.decode(data))
    _choose(widget.hallucination, "beyond")
    finish(widget)
    assert viewer.layers["parrots hallucinated detail"].data.shape == (16, 24)


def test_points_made_with_other_options_leave_the_curve(toy, viewer, layer, dock, finish):
    widget = dock(RateWidget)
    _choose(widget.device, "cpu")
    widget._codecs = [toy]  # the curves of the others take their time
    widget.curves.baselines.setChecked(False)
    _choose(widget.codec, "toy")
    widget.draw_curves()
    finish(widget)
    sizes = [point.size for point in widget.curves.plot.points]
    assert len(sizes) == 9
    widget.options_form.field("toy", "grain").value = 3
    finish(widget)
    assert widget.curves.plot.points == []
    widget.draw_curves()
    finish(widget)
    assert [point.size for point in widget.curves.plot.points] == [size + 1 for size in sizes]


def test_what_it_cannot_do_is_not_offered(toy, viewer, layer, dock, finish):
    assert toy.capabilities.preview
    for widget in (dock(LatentWidget), dock(IndexWidget), dock(RecoveryWidget)):
        models = [widget.model.itemData(place).codec for place in range(widget.model.count())]
        assert models
        assert "toy" not in models
    explorer = dock(RateWidget)
    beyond = explorer.hallucination.findData("beyond")
    _choose(explorer.codec, "toy")
    _choose(explorer.hallucination, "beyond")
    finish(explorer)
    _choose(explorer.codec, "vqgan")
    assert not explorer.hallucination.model().item(beyond).isEnabled()
    assert explorer.hallucination.itemData(explorer.hallucination.currentIndex()) == ""
    _choose(explorer.codec, "toy")
    assert explorer.hallucination.model().item(beyond).isEnabled()


def test_its_curve_has_its_style(toy, viewer, lone_window):
    plot = CurvePlot(viewer)
    lone_window(plot)
    for bpp in (0.1, 0.2):
        measures = {"squeezenet": 1 - bpp}
        plot.add(Result(image="", codec="toy", quality=100 * bpp, size=10, bpp=bpp, measures=measures))
    curve = next(line for line in plot.axes.get_lines() if line.get_label() == "toy")
    assert (curve.get_color(), curve.get_marker()) == (toy.plot.colour, toy.plot.marker)
    plot.detach()


@dataclass(frozen=True, kw_only=True)
class _AllKinds(CodecOptions):
    effort: Annotated[Literal[1, 2, 7], Knob("time spent")] = 2
    seed: Annotated[int, Knob("of the noise")] = -3
    share: Annotated[float, Knob("kept", least=0, most=1)] = 0.125
    film: Annotated[bool, Knob("add grain", label="Film look")] = True
    caption: Annotated[str, Knob("what it shows")] = "birds"


def test_every_kind_of_option_has_a_field(dock, viewer):
    entry = CodecEntry(
        name="other", number=7777, label="", summary="", implementation="nowhere:Nothing", options=_AllKinds
    )
    widget = dock(GlcWidget)
    form = OptionForm(widget, [entry])
    form.show_codec("other")
    assert form.values("other") == _AllKinds().to_dict()
    kinds = {name: type(form.field("other", name).native) for name in ("effort", "share", "film", "caption")}
    for name, kind in (("effort", QComboBox), ("share", QDoubleSpinBox), ("film", QCheckBox), ("caption", QLineEdit)):
        assert issubclass(kinds[name], kind)
    assert form.field("other", "film").native.text() == ""
    heard = []
    form.changed.connect(lambda: heard.append(form.values("other")))
    for name, value in (("effort", 7), ("seed", 12345678), ("share", 0.75), ("film", False), ("caption", "two birds")):
        form.field("other", name).value = value
        assert heard[-1][name] == value
    # what the fields allow is what the codec allows
    assert _AllKinds.made("other", form.values("other")).to_dict() == heard[-1]
    keys = [
        text[text.index("&") + 1].lower()
        for row in range(widget.form.rowCount())
        if (text := widget.form.itemAt(row, widget.form.ItemRole.LabelRole).widget().text())
    ]
    assert len(set(keys)) == 5
    assert widget.minimumSizeHint().width() <= 320
    heard.clear()


@pytest.mark.parametrize("kind", [CodecWidget, RateWidget, IndexWidget, LatentWidget, RecoveryWidget])
def test_nothing_is_cut_off_in_the_narrowest_dock(toy, kind, viewer, layer, dock):
    widget = dock(kind)
    bar = widget.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
    codecs = [widget.codec.itemData(place) for place in range(widget.codec.count())] if hasattr(widget, "codec") else []
    for codec in codecs or [None]:
        if codec is not None:
            _choose(widget.codec, codec)
        needed = widget.body.parentWidget().minimumSizeHint().width()
        assert needed <= widget.minimumWidth() - bar - 4, codec
