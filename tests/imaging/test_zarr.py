"""Zarr arrays whose chunks are GLC."""

from __future__ import annotations

import json
import tomllib
from importlib import import_module
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import tifffile
import zarr

import napari_glc
from napari_glc.errors import GlcError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("dtype", "options"), [("uint16", {"quality": 80}), ("float32", {"value_range": (0, 2000)})])
def test_an_array_stores_its_chunks_in_glc(tmp_path, dtype, options):
    from napari_glc.interop.zarr_codec import GlcZarrCodec

    worms = tifffile.imread(ROOT / "tests" / "data" / "worms_crop_uint16.tif").astype(dtype)
    stored = zarr.create_array(
        tmp_path / "a.zarr",
        shape=worms.shape,
        dtype=dtype,
        chunks=(1, 64, 96),
        serializer=GlcZarrCodec(**options),
        compressors=None,
    )
    stored[...] = worms
    files = [p for p in (tmp_path / "a.zarr" / "c").rglob("*") if p.is_file()]
    assert len(files) == 12
    assert all(p.read_bytes().startswith(b"GLC") for p in files)
    said = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["codecs"]
    assert [codec["name"] for codec in said] == ["glc"]
    again = zarr.open_array(tmp_path / "a.zarr", mode="r")
    assert again[...].dtype == worms.dtype
    assert np.corrcoef(again[0].ravel(), worms[0].ravel())[0, 1] > 0.9
    np.testing.assert_array_equal(again[1, 10:20, 50:110], again[...][1, 10:20, 50:110])


def test_an_array_of_version_2_stores_its_chunks_in_glc(tmp_path):
    from napari_glc.interop.numcodecs_codec import GlcNumcodec

    worms = tifffile.imread(ROOT / "tests" / "data" / "worms_crop_uint16.tif")
    path = tmp_path / "a.zarr"
    stored = zarr.create_array(
        path, shape=worms.shape, dtype=worms.dtype, chunks=(1, 64, 96), compressors=GlcNumcodec(80), zarr_format=2
    )
    stored[...] = worms
    files = [p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".") and p.name != "zarr.json"]
    assert len(files) == 12
    assert all(p.read_bytes().startswith(b"GLC") for p in files)
    assert json.loads((path / ".zarray").read_text())["compressor"]["id"] == "glc"
    again = zarr.open_array(path, mode="r")
    assert again[...].dtype == worms.dtype
    chunk = napari_glc.encode(worms[:1, :64, :96], axes="ZYX", quality=80, levels=1)
    np.testing.assert_array_equal(again[:1, :64, :96], napari_glc.decode(chunk))
    with pytest.raises(GlcError, match="without filters"):
        GlcNumcodec().encode(worms.ravel())


def test_the_entry_point_of_version_2_names_the_codec():
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["numcodecs.codecs"]
    module, name = points["glc"].split(":")
    codec = getattr(import_module(module), name)
    config = codec(quality=20, value_range=(1, 5)).get_config()
    assert numcodecs.get_codec(json.loads(json.dumps(config))).get_config() == config


def test_the_entry_point_names_the_codec():
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["zarr.codecs"]
    module, name = points["glc"].split(":")
    codec = getattr(import_module(module), name)
    assert codec.from_dict(codec(quality=20, value_range=(1, 5)).to_dict()) == codec(quality=20, value_range=(1, 5))
    with pytest.raises(GlcError, match="speed"):
        codec.from_dict({"name": "glc", "configuration": {"speed": 1}})
