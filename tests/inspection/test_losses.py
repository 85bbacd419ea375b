"""Losing and recovering from Python: the same as the library's steps called by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest

import napari_glc
from napari_glc import recovery
from napari_glc.codecs.index_mapped import DamagedMap
from napari_glc.codecs.vqgan.filling import fill_map
from napari_glc.container import Box, TileGrid
from napari_glc.errors import Cancelled, OptionError, UnsupportedArrayError
from napari_glc.evaluation.erasures import evaluate_losses
from napari_glc.files.damaging import damage
from napari_glc.files.opened import GlcFile
from napari_glc.inspection.recovery import simulation as losses
from napari_glc.inspection.recovery.simulation import LossPlan, lost_by, positions_of_mask, simulate, sweep
from napari_glc.inspection.recovery.source import source_of_file, source_of_picture
from napari_glc.metrics import absolute_error, psnr
from napari_glc.recovery import Sampling

QUALITY = 87.5


@pytest.fixture(scope="module")
def piece(parrots):
    return np.ascontiguousarray(parrots[200:328, 300:492])


@pytest.fixture(scope="module")
def source(vqgan, piece):
    return source_of_picture(vqgan, piece, QUALITY)


@pytest.mark.parametrize(
    "plan",
    [
        LossPlan(0.3, "random", 3),
        LossPlan(0.3, "tile", 4, "both-sides"),
        LossPlan(0.25, "packet", 1, "nearest"),
        LossPlan(0.2, "burst", 2, temperature=1.0, top_k=20),
    ],
)
def test_the_same_seed_gives_what_the_library_gives(vqgan, source, piece, plan):
    result = simulate(source, plan)
    indices = vqgan.index_map(piece, QUALITY, lambda done, total: None)
    lost = recovery.lost_positions(indices.shape, plan.ratio, plan.pattern, seed=plan.seed, packet=source.packet)
    np.testing.assert_array_equal(result.lost, lost)
    found = DamagedMap(Box(0, 0, *indices.shape), np.where(lost, -1, indices), 8, ())
    filled = fill_map(vqgan, found, QUALITY, plan.method, Sampling(plan.temperature, plan.top_k, plan.seed))
    np.testing.assert_array_equal(result.indices, filled.indices)
    grid = TileGrid(*piece.shape[:2], 0)
    np.testing.assert_array_equal(
        result.after, vqgan.render(filled, QUALITY, grid.plane, grid, lambda done, total: None)
    )
    assert result.accuracy == recovery.index_accuracy(indices, filled.indices, lost)
    assert result.to_original["after"].psnr == psnr(piece, result.after)
    assert result.to_undamaged["after"].psnr == psnr(result.undamaged, result.after)


def test_a_sweep_equals_the_evaluation_of_a_folder(source, piece, tmp_path):
    iio.imwrite(tmp_path / "piece.png", piece)
    methods = ["transformer", "nearest"]
    rows = evaluate_losses(tmp_path, [QUALITY], [0.1, 0.4], methods, device="cpu")
    seen = []
    points = sweep(source, [0.1, 0.4], methods, LossPlan(), progress=lambda done, total: seen.append((done, total)))
    assert [(p.ratio, p.method, p.accuracy, p.psnr) for p in points] == [
        (r["loss"], r["method"], r["accuracy"], r["psnr"]) for r in rows
    ]
    assert seen[-1] == (4, 4)
    assert seen == sorted(seen)


def test_the_picture_heals_while_indices_come_back(source, monkeypatch):
    monkeypatch.setattr(losses, "LIVE_SECONDS", 0.0)
    monkeypatch.setattr(losses, "_LIVE_SHARE", 0)
    shown, seen = [], []
    plan = LossPlan(0.5, seed=1)
    result = simulate(source, plan, progress=lambda *done: seen.append(done), shown=shown.append)
    assert len(shown) > 5
    left = [int(absolute_error(picture, result.after).astype(bool).sum()) for picture in shown]
    assert left[0] > left[len(left) // 2] > left[-1]
    assert left[-1] == 0
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    np.testing.assert_array_equal(simulate(source, plan).after, result.after)


def test_intermediate_pictures_are_rare(source):
    shown = []
    simulate(source, LossPlan(0.5), shown=shown.append)
    # the start, and at most four a second; 96 indices take a moment
    assert len(shown) < 20


def test_work_can_be_stopped_at_any_report(source):
    calls = []

    def stop(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 8:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        simulate(source, LossPlan(0.5), progress=stop)
    assert len(calls) == 8


def test_painted_masks_at_index_and_pixel_resolution(source):
    coarse = np.zeros((8, 12), np.uint8)
    coarse[2:4, 5] = 3
    fine = np.zeros((128, 192), bool)
    fine[47, 80] = fine[50, 95] = True
    plan = LossPlan(pattern="painted", method="nearest")
    expected = coarse > 0
    for mask in (coarse, fine):
        np.testing.assert_array_equal(simulate(source, plan, mask).lost, expected)
    for wrong in (None, np.ones((3, 3))):
        with pytest.raises(OptionError):
            simulate(source, plan, wrong)


def test_a_mask_of_an_odd_picture_fits_its_map(vqgan, embryo):
    source = source_of_picture(vqgan, embryo[:100, :90], 25)
    mask = np.zeros((100, 90), np.uint8)
    mask[-1, -1] = 1
    lost = positions_of_mask(mask, source)
    assert lost.shape == (7, 6)
    assert lost[-1, -1]
    assert lost.sum() == 1
    assert simulate(source, LossPlan(method="frequent")).after.shape == (100, 90)


def test_a_damaged_file_heals_as_glc_decode_does(piece):
    whole = napari_glc.encode(piece, codec="vqgan", quality=75, packets=4, device="cpu")
    broken = damage(whole, 0.25, seed=2)
    file = GlcFile(broken, device="cpu")
    source = source_of_file(file, device="cpu")
    result = simulate(source, LossPlan(pattern="own"))
    expected = file.recover("transformer")
    np.testing.assert_array_equal(result.after, expected.pixels)
    assert result.lost.mean() == expected.lost_share > 0
    assert math.isnan(result.accuracy)
    assert result.undamaged is None
    assert not result.to_original
    assert not result.to_undamaged
    compared = simulate(source.compared_with(piece), LossPlan(pattern="own"))
    assert set(compared.to_original) == {"before", "after"}
    # further losses come on top of the file's own
    more = lost_by(source, LossPlan(0.5, "packet", seed=0))
    assert (more & source.found.lost).sum() == source.found.lost.sum()
    assert more.sum() > source.found.lost.sum()
    with pytest.raises(OptionError):
        sweep(source, [0.1], ["nearest"], LossPlan())
    with pytest.raises(UnsupportedArrayError):
        source.compared_with(piece[1:])


def test_an_intact_file_has_the_map_of_its_picture(vqgan, parrots, source, piece):
    file = GlcFile(napari_glc.encode(piece, codec="vqgan", quality=QUALITY, packets=8, device="cpu"))
    read = source_of_file(file, device="cpu")
    np.testing.assert_array_equal(read.found.indices, source.found.indices)
    np.testing.assert_array_equal(read.packet, source.packet)
    result = simulate(read, LossPlan(0.2, method="nearest"))
    np.testing.assert_array_equal(result.undamaged, file.read())
    assert set(result.to_undamaged) == {"before", "after"}


def test_packets_are_counted_through_all_tiles(parrots):
    data = napari_glc.encode(parrots[:128], codec="vqgan", quality=0, packets=3, tile=128, device="cpu")
    source = source_of_file(GlcFile(data), device="cpu")
    assert sorted(np.unique(source.packet)) == list(range(source.found.packets))
    lost = lost_by(source, LossPlan(0.5, "packet"))
    assert not set(source.packet[lost]) & set(source.packet[~lost])


def test_what_makes_no_sense_is_refused(source, encoded_parrots):
    with pytest.raises(OptionError, match="have no index map to lose"):
        source_of_file(GlcFile(encoded_parrots), device="cpu")
    with pytest.raises(OptionError):
        source_of_picture(source.codec, source.original, 101)
    for plan in (LossPlan(2.0), LossPlan(pattern="rain"), LossPlan(method="prayer")):
        with pytest.raises(OptionError):
            simulate(source, plan)
    for arguments in (([0.1], ["prayer"], LossPlan()), ([0.1], ["nearest"], replace(LossPlan(), pattern="own"))):
        with pytest.raises(OptionError):
            sweep(source, *arguments)
