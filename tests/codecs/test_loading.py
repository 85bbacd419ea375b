"""Codecs in memory: each built once, the oldest forgotten, nobody kept waiting by another model."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from cachetools import LRUCache

from napari_glc.codecs import loading, registry
from napari_glc.codecs.loading import loaded_codec, release_models
from napari_glc.errors import ModelError
from napari_glc.models import ModelFile, embedded_models, find_model


@pytest.fixture(autouse=True)
def _nothing_loaded() -> Iterator[None]:
    """Other tests keep what they loaded."""
    kept = dict(loading._loaded)
    release_models()
    yield
    release_models()
    loading._loaded.update(kept)


@pytest.fixture
def copies(tmp_path) -> list[ModelFile]:
    """A model file under several names; as models with another name in the header have, other hashes."""
    from napari_glc.models import read_model

    data = find_model("glc-small").path.read_bytes()
    found = []
    for letter in "abc":
        path = tmp_path / f"{letter}.safetensors"
        path.write_bytes(data.replace(b'"name":"glc-small"', f'"name":"glc-smal{letter}"'.encode()))
        found.append(read_model(path))
    assert len({model.digest for model in found}) == 3
    return found


def test_threads_that_want_the_same_codec_get_one(copies):
    start = threading.Barrier(4)

    def load(_: int) -> object:
        start.wait()
        return loaded_codec(copies[0], "cpu")

    with ThreadPoolExecutor(4) as threads:
        codecs = list(threads.map(load, range(4)))
    assert len({id(codec) for codec in codecs}) == 1
    assert not loading._under_way


def test_a_model_that_takes_long_does_not_hold_up_another(copies, monkeypatch):
    slow, goes_on = threading.Event(), threading.Event()
    really = registry.load_codec

    def load(model: ModelFile, device: str) -> object:
        if model is copies[0]:
            slow.set()
            assert goes_on.wait(60)
        return really(model, device)

    monkeypatch.setattr(registry, "load_codec", load)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(loaded_codec, copies[0], "cpu")
        assert slow.wait(60)
        try:
            assert loaded_codec(copies[1], "cpu") is loaded_codec(copies[1], "cpu")
            release_models()
            assert not first.done()
        finally:
            goes_on.set()
        assert first.result() is loaded_codec(copies[0], "cpu")


def test_whoever_waited_for_a_failure_tries_alone(copies, monkeypatch):
    """A load that was stopped or failed in one thread is no failure of the others."""
    begun, goes_on, calls = threading.Event(), threading.Event(), []
    really = registry.load_codec

    def load(model: ModelFile, device: str) -> object:
        calls.append(model)
        if len(calls) == 1:
            begun.set()
            assert goes_on.wait(60)
            raise ModelError("stopped")
        return really(model, device)

    monkeypatch.setattr(registry, "load_codec", load)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(loaded_codec, copies[0], "cpu")
        assert begun.wait(60)
        second = threads.submit(loaded_codec, copies[0], "cpu")
        goes_on.set()
        with pytest.raises(ModelError, match="stopped"):
            first.result()
        assert second.result() is loaded_codec(copies[0], "cpu")
    assert len(calls) == 2


def test_the_codec_used_longest_ago_is_forgotten(copies, monkeypatch):
    room = 2 * copies[0].size
    monkeypatch.setattr(loading, "KEPT_BYTES", room)
    monkeypatch.setattr(loading, "_loaded", LRUCache(room, getsizeof=lambda kept: kept[1]))
    first, second = (loaded_codec(model, "cpu") for model in copies[:2])
    assert loaded_codec(copies[0], "cpu") is first
    gone, held = weakref.ref(second), weakref.ref(first)
    del first, second
    loaded_codec(copies[2], "cpu")
    gc.collect()
    assert gone() is None
    assert loaded_codec(copies[0], "cpu") is held()


def test_a_model_larger_than_all_room_is_kept_while_it_is_the_last(copies, monkeypatch):
    monkeypatch.setattr(loading, "KEPT_BYTES", 1000)
    monkeypatch.setattr(loading, "_loaded", LRUCache(1000, getsizeof=lambda kept: kept[1]))
    assert loaded_codec(copies[0], "cpu") is loaded_codec(copies[0], "cpu")
    assert loaded_codec(replace(copies[0], name="again"), "cpu") is loaded_codec(copies[0], "cpu")


def test_models_load_without_the_compiler():
    """PyTorch imports it, two seconds, when tensors without memory are asked for some of their values."""
    entered = set()
    sys.setprofile(lambda frame, event, argument: entered.add(frame.f_code.co_filename))
    try:
        for model in {model.codec: model for model in embedded_models()}.values():
            loaded_codec(model, "cpu")
    finally:
        sys.setprofile(None)
    assert torch.nn.Module.load_state_dict.__code__.co_filename in entered
    assert torch._compile.__file__ not in entered
