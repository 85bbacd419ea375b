"""OME-TIFF in bands of tiles."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_glc.imaging import tiff
from napari_glc.imaging.tiff import write_ome_tiff


@pytest.mark.parametrize(
    ("axes", "region"),
    [
        ("YXS", ()),
        ("YXS", (slice(100, 400), slice(30, 700))),
        ("XYS", (slice(10, 300),)),
        ("SYX", ()),
        ("YX", (slice(0, 65),)),
        ("TYX", (slice(1, 3), slice(5, 200), slice(0, 64))),
        ("YTX", (slice(0, 200), 2)),
        ("XCTY", (slice(0, 100), slice(None), 1, slice(3, 300))),
    ],
)
def test_a_region_is_written_in_bands_of_tiles(tmp_path, parrots, monkeypatch, axes, region):
    monkeypatch.setattr(tiff, "_TILE", 64)
    monkeypatch.setattr(tiff, "_BAND", 192)
    array = parrots.astype(np.uint16) * 200 if "T" in axes else parrots
    array = array if "S" in axes else array[..., 1]
    for letter in "TC":
        if letter in axes:
            array = np.stack([array, array[::-1], array // 2])
    array = np.ascontiguousarray(
        array.transpose([("C" * ("C" in axes) + "T" * ("T" in axes) + "YXS").index(a) for a in axes])
    )
    ticks = []
    path = tmp_path / "a.ome.tif"
    metadata = {"scale": [0.5] * (len(axes) - ("S" in axes)), "units": ["micrometer"] * (len(axes) - ("S" in axes))}
    shape = write_ome_tiff(path, array, axes, region, metadata, lambda done, total: ticks.append((done, total)))
    full, parts = [], list(region)
    for letter in axes:
        full.append(slice(None) if letter == "S" or not parts else parts.pop(0))
    left = [letter for letter, part in zip(axes, full, strict=True) if isinstance(part, slice)]
    wanted = array[tuple(full)].transpose(
        [left.index(a) for a in [*(x for x in left if x not in "YXS"), *(x for x in "YXS" if x in left)]]
    )
    with tifffile.TiffFile(path) as file:
        assert 'PhysicalSizeX="0.5" PhysicalSizeXUnit="µm"' in file.ome_metadata
        assert file.pages[0].tile == (64, 64)
        found = file.series[0].asarray()
    assert shape == wanted.shape
    np.testing.assert_array_equal(found.reshape(shape), wanted)
    assert len(ticks) == ticks[0][1]
