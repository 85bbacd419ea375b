"""Stacks of index maps that lost packets: what is left is decoded, and the rest predicted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_glc
from napari_glc._napari.reader import read_layers
from napari_glc.cli import main
from napari_glc.errors import DamagedFileError, OptionError
from napari_glc.files.damaging import damage
from napari_glc.inspection.index_map.maps import file_map
from napari_glc.inspection.recovery.source import source_of_file

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def whole() -> bytes:
    """Two time points of two channels, 16 bits, four packets a plane."""
    worms = tifffile.imread(DATA / "worms_crop_uint16.tif")[:2, :64, :80]
    stack = np.stack([worms, worms[:, ::-1]])
    return napari_glc.encode(stack, axes="TCYX", codec="vqgan", quality=50, packets=4, index_coder="fixed")


@pytest.fixture(scope="module")
def hurt(whole) -> bytes:
    """All of plane 1 is lost, and a packet of plane 2."""
    file = napari_glc.GlcFile(whole)
    data, offsets = bytearray(whole), file.container.offsets
    for chunk in (4, 5, 6, 7, 9):
        data[offsets[chunk]] ^= 255
    return bytes(data)


def test_intact_planes_stay_and_lost_ones_are_filled(whole, hurt):
    before, found = napari_glc.decode(whole), napari_glc.GlcFile(hurt).recover("nearest")
    assert found.pixels.shape == before.shape
    assert found.pixels.dtype == np.uint16
    assert (found.lost_packets, found.packets) == (5, 16)
    for place in ((0, 0), (1, 1)):
        np.testing.assert_array_equal(found.pixels[place], before[place])
        assert not found.lost[place].any()
    assert found.lost[0, 1].all()
    assert 0.1 < found.lost[1, 0].mean() < 0.5
    assert found.lost_share == pytest.approx(found.lost.mean(), abs=0.01)
    with pytest.raises(DamagedFileError, match="no packet is intact"):
        napari_glc.GlcFile(damage(whole, 1)).recover("nearest")


def test_napari_opens_what_is_left(hurt, tmp_path):
    (tmp_path / "a.glc").write_bytes(hurt)
    with pytest.warns(UserWarning, match="5 of 16 packets are lost"):
        layers = read_layers(str(tmp_path / "a.glc"))
    assert [kind for _, _, kind in layers] == ["image", "labels"] * 2
    assert [data.shape for data, _, _ in layers] == [(2, 64, 80)] * 4
    assert layers[3][0][0].all()
    assert "recovered" in layers[2][1]["metadata"]["glc"]


def test_the_shell_decodes_and_describes_what_is_left(hurt, tmp_path, capsys):
    bad, out, mask = tmp_path / "a.glc", tmp_path / "a.ome.tif", tmp_path / "m.tif"
    bad.write_bytes(hurt)
    assert main(["info", str(bad), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["shape"] == [2, 2, 64, 80]
    assert "damaged" in said.err
    assert main(["decode", str(bad), str(out), "--recover", "nearest", "--mask", str(mask)]) == 0
    assert "5 of 16 packets" in capsys.readouterr().err
    found = napari_glc.GlcFile(hurt).recover("nearest")
    np.testing.assert_array_equal(tifffile.imread(out), found.pixels)
    np.testing.assert_array_equal(tifffile.imread(mask) != 0, found.lost)
    one = tmp_path / "one.png"
    assert main(["decode", str(bad), str(one), "--recover", "nearest", "--planes", "T=1,C=0"]) == 0
    assert main(["decode", str(bad), str(one), "--recover", "nearest"]) in (1, 2)
    assert "--planes" in capsys.readouterr().err


def test_any_plane_of_a_stack_can_be_inspected(whole, hurt, vqgan):
    file = napari_glc.GlcFile(hurt)
    assert file_map(file, lambda done, total: None, 1)[1].lost.all()
    lost = file_map(file, lambda done, total: None, 2)[1].lost
    np.testing.assert_array_equal(source_of_file(file, plane=2, device="cpu").found.lost, lost)
    intact = napari_glc.GlcFile(whole)
    source = source_of_file(intact, plane=3, device="cpu")
    low, high = intact.layout.range_of((1, 1))
    eight = (intact.read()[1, 1] - low) * (255 / (high - low))
    # values are whole numbers, of which there are fewer than 256 in a narrow range
    assert np.abs(source.render(source.found.indices) - eight).max() <= max(1, 255 / (high - low))
    with pytest.raises(OptionError, match="no plane 4"):
        file_map(intact, lambda done, total: None, 4)
