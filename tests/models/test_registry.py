"""Models by name, hash and path."""

from __future__ import annotations

import numpy as np
from safetensors.torch import load_file

import napari_glc
from napari_glc.models import embedded_models, write_model

SMALL = embedded_models()[0]


def test_what_a_model_given_by_path_encoded_it_also_decodes(tmp_path, parrots):
    path = tmp_path / "other.safetensors"
    write_model(path, load_file(SMALL.path), name="other", codec=SMALL.codec, config=SMALL.config, description="a copy")
    data = napari_glc.encode(parrots[:64, :64], model=path)
    ours = napari_glc.encode(parrots[:64, :64])
    assert data != ours  # they name their models
    np.testing.assert_array_equal(napari_glc.decode(data), napari_glc.decode(ours))
