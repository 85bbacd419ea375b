"""Restoring and painting in napari: lists of what is installed, layers that say what was done to them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qtpy.QtWidgets import QComboBox

import napari_glc
from napari_glc._napari.reader import read_layers
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc.codecs.glc.parts import DECODER, ENCODER
from napari_glc.codecs.loading import release_models
from napari_glc.models import find_model, write_part
from napari_glc.models.registry import FOLDER_VARIABLE


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """An encoder that moves a little, and a generator that paints everything brighter."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    base = find_model("glc-small")
    tensors = base.load()
    facts = {"codec": "glc", "base": base.sha256, "description": ""}
    encoder = {key: value.half() for key, value in tensors.items() if key.startswith(ENCODER)}
    encoder["q_enc"] = encoder["q_enc"] * 0.9
    write_part(tmp_path / "calm.safetensors", encoder, kind="encoder", name="calm", effect="movement", **facts)
    key = f"{DECODER[0]}blocks.14.bias"
    assert tensors[key].shape == (48,)
    painter: dict[str, torch.Tensor] = {key: tensors[key] + 0.2}
    write_part(tmp_path / "bright.safetensors", painter, kind="decoder", name="bright", effect="", **facts)
    yield tmp_path
    release_models()


def test_a_layer_is_restored_and_says_so(parts, viewer, dock, finish, small_parrots):
    viewer.add_image(small_parrots, rgb=True, name="parrots")
    widget = dock(CodecWidget)
    restore = widget.options_form.field("glc", "restore")
    assert isinstance(restore.native, QComboBox)
    assert {"none", "calm"} <= set(restore.choices)
    restore.value = "calm"
    widget.run_button.click()
    finish(widget)
    facts = viewer.layers["parrots decoded"].metadata["glc"]
    assert facts["removed"] == "movement (calm)"
    assert "left out movement (calm)" in widget.notes.text()


def test_what_is_painted_is_measured_plain(parts, viewer, dock, finish, small_parrots):
    viewer.add_image(small_parrots, rgb=True, name="parrots")
    widget = dock(CodecWidget)
    widget.run_button.click()
    finish(widget)
    plain, psnr = viewer.layers["parrots decoded"].data.astype(int), widget.table.value("PSNR")
    widget.decoding_form.field("glc", "style").value = "bright"
    widget.run_button.click()
    finish(widget)
    assert (viewer.layers["parrots decoded"].data - plain).mean() > 10
    assert widget.table.value("PSNR") == psnr
    assert "painted" in widget.notes.text()


def test_an_opened_file_is_painted_without_its_original(parts, viewer, dock, finish, small_parrots):
    path = parts / "p.glc"
    napari_glc.imwrite(path, small_parrots, restore="calm", metadata={"name": "birds"})
    for data, options, kind in read_layers(str(path)):
        getattr(viewer, f"add_{kind}")(data, **options)
    opened = viewer.layers[0]
    assert opened.name == "birds (restored)"
    assert "left out movement" in opened.metadata["glc"]["warning"]
    widget = dock(LatentWidget)
    assert widget.form.isRowVisible(widget.again.button)
    widget.again.form.field("glc", "style").value = "bright"
    widget.again.form.field("glc", "strength").value = 0.5
    widget.again.button.click()
    finish(widget)
    painted = viewer.layers[-1]
    assert painted.name == "birds (restored) (bright)"
    assert "nothing in it is data" in painted.metadata["glc"]["warning"]
    np.testing.assert_array_equal(painted.data, napari_glc.imread(path, style="bright", strength=0.5))
    widget.again.form.field("glc", "strength").value = 1.0
    widget.again.button.click()
    finish(widget)
    assert [layer.name for layer in viewer.layers] == ["birds (restored)", "birds (restored) (bright)"]
    np.testing.assert_array_equal(painted.data, napari_glc.imread(path, style="bright"))
    np.testing.assert_array_equal(opened.data, napari_glc.imread(path))


def test_a_layer_of_no_file_has_nothing_to_decode_again(parts, viewer, dock, small_parrots):
    viewer.add_image(small_parrots, rgb=True, name="parrots")
    widget = dock(LatentWidget)
    assert not widget.form.isRowVisible(widget.again.button)
    assert not widget.form.isRowVisible(widget.again.form.field("glc", "style").native)


def test_the_explorer_says_what_noise_costs(parts, viewer, dock, finish, small_parrots):
    from napari_glc._qt.rate.widget import RateWidget

    viewer.add_image(small_parrots, rgb=True, name="parrots")
    widget = dock(RateWidget)
    widget.options_form.field("glc", "restore").value = "calm"
    widget.run_button.click()
    finish(widget)
    plain, calm = (len(napari_glc.encode(small_parrots, quality=50, restore=name)) for name in ("none", "calm"))
    assert widget.table.value("With the noise").startswith(f"{plain - calm:+d} bytes")
