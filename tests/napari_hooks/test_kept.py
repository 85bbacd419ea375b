"""What a layer is beside its samples comes back from a file, and what cannot is said."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image

import napari_glc
from napari_glc._napari.layer_metadata import layer_options
from napari_glc._napari.reader import read_layers
from napari_glc._napari.writer import write_image

DATA = Path(__file__).parents[1] / "data"


# napari's, as soon as such a layer is made
pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")


@pytest.fixture(scope="module")
def worms() -> np.ndarray:
    return np.ascontiguousarray(tifffile.imread(DATA / "worms_crop_uint16.tif")[:, :64, :80])


def _there_and_back(layer: Image, path: Path) -> Image:
    data, meta, _ = layer.as_layer_data_tuple()
    write_image(str(path), data, meta)
    (found,) = read_layers(str(path))
    return Image(found[0], **found[1])


@pytest.mark.parametrize(
    "turned",
    [
        {"rotate": (10, 20, 30)},
        {"rotate": (0, 0, 30), "shear": (0.1, 0.2, 0.3)},
        {"affine": np.array([[2, 0, 0, 1], [0, 0.9, -0.3, 5], [0, 0.3, 1.1, -4], [0, 0, 0, 1]])},
    ],
)
def test_transform_gamma_and_metadata_come_back(worms, tmp_path, turned):
    said = {"stain": "DAPI", "exposure": {"ms": [1, 2.5, None]}, "gain": np.float32(1.5), "glc": {"old": 1}}
    layer = Image(worms, name="worms", scale=(3, 0.5, 0.5), gamma=0.6, metadata=said, **turned)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Non-orthogonal")
        back = _there_and_back(layer, tmp_path / "a.glc")
    for corner in ((0, 0, 0), (2, 63, 79), (1, 5, 70)):
        np.testing.assert_allclose(back.data_to_world(corner), layer.data_to_world(corner), atol=1e-9)
    np.testing.assert_allclose(back.rotate, layer.rotate, atol=1e-12)
    assert back.gamma == 0.6
    assert {key: value for key, value in back.metadata.items() if key != "glc"} == {
        "stain": "DAPI",
        "exposure": {"ms": [1, 2.5, None]},
        "gain": 1.5,
    }
    assert "old" not in back.metadata["glc"]


def test_what_cannot_be_kept_is_said(worms, tmp_path):
    values = worms[0].astype(np.float32)
    values[:3, :5], values[5, 5] = np.nan, np.inf
    layer = Image(values, contrast_limits=(100, 1500), metadata={"mask": np.zeros(3), "kept": 1, "long": "x" * 300_000})
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        back = _there_and_back(layer, tmp_path / "a.glc")
    words = " ".join(str(warning.message) for warning in said)
    assert "metadata 'mask', 'long'" in words
    assert "15 samples are no numbers (NaN)" in words
    assert "a.glc" in words
    assert back.metadata["kept"] == 1
    file = napari_glc.open(tmp_path / "a.glc")
    assert (file.layout.clipped, file.layout.not_numbers) == (1, 15)
    assert back.metadata["glc"]["not_numbers"] == 15


def test_a_hostile_transform_is_ignored(worms):
    eye = np.eye(2).tolist()
    for name, value in {
        "rotate": [[2, 0], [0, 2]],
        "shear": [[1, 2], [3, 1]],
        "affine": [[0, 0, 0], [0, 0, 0], [0, 0, 1]],
    }.items():
        for said in (value, eye, [[1]], "x", [[1, "a"], [0, 1]], [[1e300, 0], [0, 1]]):
            data = napari_glc.encode(worms[0], metadata={name: said, "gamma": -1, "metadata": [1]}, quality=0)
            options = layer_options(napari_glc.GlcFile(data))
            assert said == eye or name not in options, json.dumps(said)
            assert "gamma" not in options
            Image(worms[0], **options)
