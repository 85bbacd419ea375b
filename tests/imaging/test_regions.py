"""Reading parts: only what is needed is touched, once, at any level of resolution."""

from __future__ import annotations

import numpy as np
import pytest

import napari_glc
from napari_glc.container import TileGrid
from napari_glc.errors import DamagedFileError, OptionError


@pytest.fixture(scope="module")
def stack_file(motocross, parrots, tmp_path_factory):
    """Two RGB frames of 448 x 448 in tiles of 64, two levels."""
    path = tmp_path_factory.mktemp("stack") / "stack.glc"
    napari_glc.imwrite(
        path, np.stack([motocross[:448, :448], parrots[:448, :448]]), axes="TYXC", tile=64, levels=2, quality=20
    )
    return path


def test_a_region_is_the_same_part_of_the_whole(stack_file):
    whole = napari_glc.imread(stack_file)
    file = napari_glc.open(stack_file)
    for region in ((1, slice(100, 130), slice(20, 90)), (slice(0, 2), slice(440, 448)), (-1,), (slice(0, 1), 5, 400)):
        part = file.read(region)
        assert part.shape == whole[region].shape
        assert np.abs(part.astype(int) - whole[region]).max() <= 1


def test_a_region_touches_only_the_tiles_it_needs(stack_file, tmp_path):
    file = napari_glc.open(stack_file)
    region = (1, slice(0, 10), slice(0, 10))
    expected = file.read(region)
    # a tile and the 288 pixels further that the networks see: six tiles each way
    assert file.decoded_tiles == 36
    file.read(region)
    assert file.decoded_tiles == 36

    container, data = file.container, bytearray(stack_file.read_bytes())
    needed = {row * 7 + column for row in range(6) for column in range(6)}
    for chunk in range(container.chunks):
        place = container.place(chunk)
        if (place.plane, place.level) != (1, 0) or place.tile not in needed:
            start, end = container.offsets[chunk : chunk + 2]
            data[start:end] = bytes(end - start)
    broken = tmp_path / "broken.glc"
    broken.write_bytes(data)
    np.testing.assert_array_equal(napari_glc.open(broken).read(region), expected)
    with pytest.raises(DamagedFileError, match=r"tile 0 of 49 .* of plane 0 of 2"):
        napari_glc.open(broken).read((0,))
    with pytest.raises(DamagedFileError, match=r"at 1/2 of its size"):
        napari_glc.open(broken).read((1,), level=1)


def test_lower_levels_are_the_picture_made_smaller(stack_file, parrots):
    file = napari_glc.open(stack_file)
    assert file.levels == ((2, 448, 448, 3), (2, 224, 224, 3))
    half = file.read((1,), level=1)
    mean = parrots[:448, :448].reshape(224, 2, 224, 2, 3).mean(axis=(1, 3))
    assert half.shape == mean.shape
    assert np.corrcoef(half.ravel(), mean.ravel())[0, 1] > 0.85
    with pytest.raises(OptionError, match="no level 2"):
        file.read(level=2)


@pytest.mark.parametrize("region", [(slice(0, 9, 2),), (2,), (0, 0, 0, 0), (0, slice(5, 5)), (None,), ("x",)])
def test_regions_that_are_none_are_refused(stack_file, region):
    with pytest.raises(OptionError):
        napari_glc.open(stack_file).read(region)


def test_a_dask_array_decodes_what_is_computed_and_remembers_it(stack_file):
    file = napari_glc.open(stack_file)
    lazy = file.dask()
    assert (lazy.shape, lazy.dtype) == (file.shape, file.dtype)
    assert lazy.chunks[0] == (1, 1)
    assert file.decoded_tiles == 0
    first = lazy[0].compute()
    assert file.decoded_tiles == 49
    np.testing.assert_array_equal(lazy[0].compute(), first)
    np.testing.assert_array_equal(first, file.read((0,)))
    assert file.decoded_tiles == 49


def test_whoever_sees_a_cut_sees_all_of_the_plane():
    grid = TileGrid(3000, 5000, 512)
    groups = grid.groups(1536)
    assert sorted(tile for _, tiles in groups for tile in tiles) == list(range(len(grid)))
    assert sum(box.height * box.width for box, _ in groups) == 3000 * 5000
    assert all(grid.around(tiles) == box for box, tiles in groups)
    assert len(TileGrid(3000, 5000, 0).groups(1536)) == 1


def test_a_stack_verifies_and_streams_add_up(stack_file):
    file = napari_glc.open(stack_file)
    file.verify()
    assert sum(file.streams().values()) == file.size
