"""Models by name, hash and path."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import napari_glc
from napari_glc.errors import ModelError
from napari_glc.models import embedded_models, find_model, installed_models, write_model
from napari_glc.models.registry import FOLDER_VARIABLE, _read_cached

SMALL = embedded_models()[0]


def test_what_a_model_given_by_path_encoded_it_also_decodes(tmp_path, parrots):
    path = tmp_path / "other.safetensors"
    write_model(path, load_file(SMALL.path), name="other", codec=SMALL.codec, config=SMALL.config, description="a copy")
    data = napari_glc.encode(parrots[:64, :64], model=path)
    ours = napari_glc.encode(parrots[:64, :64])
    assert data != ours  # they name their models
    np.testing.assert_array_equal(napari_glc.decode(data), napari_glc.decode(ours))


def test_hashes_of_large_models_are_remembered_and_never_trusted(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    path, notes = tmp_path / "large.safetensors", tmp_path / ".hashes.json"
    tensors = {"w": torch.zeros(5_000_000)}
    write_model(path, tensors, name="large", codec="glc", config=SMALL.config, description="")
    true = find_model("large").sha256
    status = path.stat()
    assert json.loads(notes.read_text()) == {path.name: [status.st_size, status.st_mtime_ns, true, true]}

    # as another process finds it: the note is believed for the list, and the file is hashed before it is used
    false = true[:8] + true[:7:-1]
    notes.write_text(
        json.dumps({path.name: [status.st_size, status.st_mtime_ns, false, false], "gone.safetensors": [1, 2, "x"]})
    )
    _read_cached.cache_clear()
    model = find_model("large")
    assert model.sha256 == false
    with pytest.raises(ModelError, match="has changed"):
        model.load()
    # a file of another time is hashed anew, and notes on files that are gone go
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert find_model("large").sha256 == true
    assert list(json.loads(notes.read_text())) == [path.name]
    for nonsense in ("", "[]", "{" * 100_000, '{"large.safetensors": 3}', '{"large.safetensors": [1, 2, null, null]}'):
        notes.write_text(nonsense)
        _read_cached.cache_clear()
        assert find_model("large").sha256 == true
    assert len(installed_models()) == 1 + len(embedded_models())
