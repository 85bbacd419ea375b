"""Every widget works with models imported from published checkpoints: small ones of the same architectures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fakes
import napari_glc
from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc._qt.rate.widget import RateWidget
from napari_glc._qt.recovery.widget import RecoveryWidget
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.codecs.loading import loaded_codec, release_models
from napari_glc.models import find_model
from napari_glc.models.registry import FOLDER_VARIABLE


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Iterator[Path]:
    """A model folder with a GLC model and two VQGANs, one with its second stage."""
    shelf = tmp_path_factory.mktemp("shelf")
    whole = {
        **fakes.prefixed("transformer.", fakes.narrow_transformer()),
        **fakes.prefixed("first_stage_model.", fakes.narrow_vqgan()),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(shelf))
        for name, state in (("a-glc", fakes.narrow_glc()), ("b-faces", fakes.narrow_codeformer()), ("c-gpt", whole)):
            torch.save({"state_dict": state}, shelf / "checkpoint")
            import_checkpoint(shelf / "checkpoint", name, heads=4 if name == "c-gpt" else None)
    yield shelf
    release_models()


@pytest.fixture(autouse=True)
def _folder(shelf, monkeypatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(shelf))


@pytest.fixture
def layer(viewer, small_parrots):
    return viewer.add_image(small_parrots, rgb=True, name="parrots")


def pick(box: Any, name: str) -> None:
    texts = [box.itemText(i).split(" (")[0] for i in range(box.count())]
    box.setCurrentIndex(texts.index(name))


def test_encode_and_decode(dock, viewer, layer, finish, small_parrots):
    widget = dock(CodecWidget)
    widget.device.setCurrentIndex(widget.device.findData("cpu"))
    pick(widget.model, "a-glc")
    widget.run_button.click()
    finish(widget)
    expected = napari_glc.decode(napari_glc.encode(small_parrots, model="a-glc", device="cpu"), device="cpu")
    np.testing.assert_array_equal(viewer.layers["parrots decoded"].data, expected)


@pytest.mark.parametrize(("codec", "name"), [("glc", "a-glc"), ("vqgan", "b-faces")])
def test_explore_the_rate(dock, viewer, layer, finish, small_parrots, codec, name):
    widget = dock(RateWidget)
    widget.device.setCurrentIndex(widget.device.findData("cpu"))
    widget.codec.setCurrentIndex(widget.codec.findData(codec))
    pick(widget.model, name)
    widget.run_button.click()
    finish(widget)
    data = napari_glc.encode(small_parrots, codec=codec, model=name, device="cpu")
    assert widget.table.value("Size") == f"{len(data)} bytes"
    pixels = viewer.layers["parrots at this rate"].data
    np.testing.assert_array_equal(pixels, napari_glc.decode(data, device="cpu"))
    widget.quality.value = 80
    finish(widget)
    assert widget.table.value("Size").endswith("bytes")


def test_index_map_and_a_codeword(dock, viewer, layer, finish, small_parrots):
    widget = dock(IndexWidget)
    pick(widget.model, "b-faces")
    widget.run_button.click()
    finish(widget)
    codec: Any = loaded_codec(find_model("b-faces"), "cpu")
    expected = codec.index_map(small_parrots, 50, lambda done, total: None)
    np.testing.assert_array_equal(viewer.layers["parrots index map"].data, expected)
    assert "of 64" in widget.summary.text()


def test_latent_of_a_vqgan(dock, viewer, layer, finish):
    widget = dock(LatentWidget)
    pick(widget.model, "c-gpt")
    assert "the whole latent" in widget.attention_note.text()
    widget.run_button.click()
    finish(widget)
    assert len(viewer.layers) > 1


def test_lose_and_recover(dock, viewer, layer, finish):
    widget = dock(RecoveryWidget)
    for name, method, told in (
        ("c-gpt", "transformer", "indices lost"),
        ("c-gpt", "both-sides", "one direction"),
        ("b-faces", "transformer", "recover with 'nearest'"),
        ("b-faces", "nearest", "indices lost"),
    ):
        pick(widget.model, name)
        widget.method.setCurrentIndex(widget.method.findData(method))
        widget.run_button.click()
        finish(widget)
        assert told in widget.status.text(), (name, method)
    assert viewer.layers["parrots after recovery"].data.shape == layer.data.shape
