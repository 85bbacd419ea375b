"""Lost indices: patterns of loss and ways of recovery, on real index maps."""

from __future__ import annotations

import numpy as np
import pytest

from napari_glc import recovery
from napari_glc.codecs.index_mapped import DamagedMap
from napari_glc.codecs.vqgan.filling import fill_map
from napari_glc.codecs.vqgan.packets import packet_map
from napari_glc.container import Box
from napari_glc.errors import OptionError
from napari_glc.recovery import Sampling
from napari_glc.recovery.transformer import predict_by_windows

LEVEL, QUALITY = 7, 87.5


@pytest.fixture(scope="module")
def indices(vqgan, motocross):
    """19 x 20: further each way than the transformer sees."""
    return vqgan.index_map(motocross[64:368, 128:448], QUALITY, lambda done, total: None)


@pytest.mark.parametrize("pattern", recovery.PATTERNS)
@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.25, 1.0])
def test_patterns_lose_what_they_promise(pattern, ratio):
    packet = packet_map(32, 48, 8)
    lost = recovery.lost_positions((32, 48), ratio, pattern, seed=1, packet=packet)
    assert lost.shape == (32, 48)
    if pattern == "packet":
        assert len(np.unique(packet[lost])) == round(8 * ratio)
        assert not set(packet[lost]) & set(packet[~lost])
    else:
        assert lost.sum() == round(ratio * 32 * 48)
    again = recovery.lost_positions((32, 48), ratio, pattern, seed=1, packet=packet)
    np.testing.assert_array_equal(lost, again)


def test_patterns_have_their_shapes():
    burst = recovery.lost_positions((32, 48), 0.2, "burst", seed=0).ravel().reshape(-1, 16)
    assert set(burst.sum(1)) <= {0, 16, round(0.2 * 1536) % 16}
    tile = recovery.lost_positions((32, 48), 1 / 6, "tile", seed=0).reshape(8, 4, 12, 4)
    assert set(tile.sum((1, 3)).ravel()) == {0, 16}


def test_wrong_patterns_are_refused():
    for arguments in [((4, 4), 2.0), ((4, 4), 0.5, "rain"), ((4, 4), 0.5, "packet")]:
        with pytest.raises(OptionError):
            recovery.lost_positions(*arguments)


@pytest.mark.parametrize("method", ["transformer", "both-sides", "nearest", "frequent", "none"])
@pytest.mark.parametrize("pattern", ["random", "burst", "tile"])
def test_known_indices_stay_and_lost_ones_are_filled(vqgan, indices, method, pattern):
    lost = recovery.lost_positions(indices.shape, 0.3, pattern)
    found = DamagedMap(Box(0, 0, *indices.shape), np.where(lost, -1, indices), 1, ())
    filled = fill_map(vqgan, found, QUALITY, method).indices
    np.testing.assert_array_equal(filled[~lost], indices[~lost])
    assert filled.min() >= 0
    assert filled.max() < 1024


def test_a_painted_mask_serves_as_well(vqgan, indices):
    rows, columns = np.ogrid[:19, :20]
    lost = (rows - 12) ** 2 + (columns - 10) ** 2 < 50
    filled = recovery.predict_in_order(vqgan.transformer, indices, lost, LEVEL)
    np.testing.assert_array_equal(filled[~lost], indices[~lost])


@pytest.mark.parametrize("pattern", ["random", "burst"])
def test_the_fast_way_equals_one_window_for_each_lost_index(vqgan, indices, pattern):
    lost = recovery.lost_positions(indices.shape, 0.1, pattern, seed=4)
    fast = recovery.predict_in_order(vqgan.transformer, indices, lost, LEVEL)
    np.testing.assert_array_equal(fast, predict_by_windows(vqgan.transformer, indices, lost, LEVEL))


def test_bands_of_a_large_map_change_nothing(vqgan, indices, monkeypatch):
    lost = recovery.lost_positions(indices.shape, 0.2)
    for predict in (recovery.predict_in_order, recovery.predict_both_sides):
        whole = predict(vqgan.transformer, indices, lost, LEVEL)
        monkeypatch.setattr("napari_glc.recovery.transformer._BAND", 20 * 7)
        np.testing.assert_array_equal(predict(vqgan.transformer, indices, lost, LEVEL), whole)
        monkeypatch.undo()


def test_the_transformer_beats_the_baselines(vqgan, parrots, motocross, embryo):
    """On average: in single pictures copying the nearest word can be better."""
    right: dict[str, list[float]] = {}
    for picture in (parrots[:256], motocross[:256], np.repeat(embryo[..., np.newaxis], 3, axis=-1)):
        indices = vqgan.index_map(picture, QUALITY, lambda done, total: None)
        lost = recovery.lost_positions(indices.shape, 0.2)
        found = DamagedMap(Box(0, 0, *indices.shape), np.where(lost, -1, indices), 1, ())
        for method in ("transformer", "both-sides", "nearest", "frequent"):
            filled = fill_map(vqgan, found, QUALITY, method).indices
            right.setdefault(method, []).append(recovery.index_accuracy(indices, filled, lost))
    mean = {method: float(np.mean(values)) for method, values in right.items()}
    assert mean["both-sides"] > mean["transformer"] > max(mean["nearest"], mean["frequent"])


def test_later_indices_are_not_used_by_the_published_way(vqgan, indices):
    lost = recovery.lost_positions(indices.shape, 0.1, seed=2)
    changed = indices.copy()
    changed[16:] = (changed[16:] + 7) % 1024
    first, second = (recovery.predict_in_order(vqgan.transformer, i, lost, LEVEL) for i in (indices, changed))
    np.testing.assert_array_equal(first[:16], second[:16])


def test_sampling_depends_on_seed_and_top_1_is_arg_max(vqgan, indices):
    lost = recovery.lost_positions(indices.shape, 0.1)

    def predict(*arguments: float) -> np.ndarray:
        return recovery.predict_in_order(vqgan.transformer, indices, lost, LEVEL, Sampling(*arguments))

    best = predict()
    np.testing.assert_array_equal(predict(1.0, 1), best)
    drawn = predict(1.0, 50, 3)
    np.testing.assert_array_equal(predict(1.0, 50, 3), drawn)
    assert (predict(1.0, 50, 4) != drawn).any()
    assert (drawn != best).any()
    for wrong in ((-1.0,), (float("nan"),), (1.0, 0)):
        with pytest.raises(OptionError):
            Sampling(*wrong)
