"""Optimised coefficients: never worse, any decoder reads them, and they can be had at any time."""

from __future__ import annotations

import numpy as np
import pytest

from napari_glc.codecs.base import PlaneCoding
from napari_glc.codecs.glc.effort.optimise import Goal, Standing, optimise
from napari_glc.container import TileGrid
from napari_glc.errors import OptionError
from napari_glc.metrics.feature_distance import FeatureDistance, distance_of_arrays

CODING = PlaneCoding(TileGrid(64, 128, 64), 60)


@pytest.fixture(scope="module")
def picture(motocross: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(motocross[200:264, 300:428])


def _decoded(codec, payloads: list[bytes]) -> np.ndarray:
    return codec.decode(payloads.__getitem__, CODING, CODING.grid.plane, lambda *_: None)


@pytest.fixture(scope="module")
def plain(codec, picture) -> list[bytes]:
    return list(codec.encode(picture, CODING, lambda *_: None).chunks)


@pytest.fixture(scope="module")
def worked(codec, picture) -> list[bytes]:
    return [payload for payload, _ in optimise(codec, picture, CODING, Goal(5))]


def test_no_effort_is_the_single_pass(codec, picture, plain):
    assert [payload for payload, _ in optimise(codec, picture, CODING, Goal(0))] == plain


def test_the_ordinary_decoder_reads_less_or_better(codec, picture, plain, worked):
    distance = distance_of_arrays(FeatureDistance("squeezenet"))
    before, after = (_decoded(codec, files) for files in (plain, worked))
    assert worked != plain
    closer = distance(picture, after) < distance(picture, before)
    smaller = sum(map(len, worked)) < sum(map(len, plain))
    assert closer or smaller


def test_the_same_work_gives_the_same_bytes(codec, picture):
    again = [[payload for payload, _ in optimise(codec, picture, CODING, Goal(2))] for _ in range(2)]
    assert again[0] == again[1]


def test_it_can_be_stopped_at_any_time(codec, picture, plain):
    standings: list[Standing] = []

    def enough(standing: Standing) -> bool:
        standings.append(standing)
        return len(standings) == 3

    payloads = [payload for payload, _ in optimise(codec, picture, CODING, Goal(5), enough)]
    assert len(standings) == 3
    assert standings[-1].total > 3
    # what was not reached is the single pass's
    assert payloads[1] == plain[1]
    assert _decoded(codec, payloads).shape == picture.shape


def test_important_parts_get_more_of_the_bytes(codec, picture):
    weights = np.ones((64, 128), np.float32)
    weights[:, :64] = 8
    sizes = []
    for importance in (weights, weights[:, ::-1].copy()):
        sizes.append([len(payload) for payload, _ in optimise(codec, picture, CODING, Goal(5, importance))])
    assert sizes[0][0] > sizes[1][0]


@pytest.mark.parametrize("effort", [-1, 10, 2.5, True])
def test_levels_that_do_not_exist_are_refused(codec, picture, effort):
    with pytest.raises(OptionError, match="effort must be a whole number from 0 to 9"):
        optimise(codec, picture, CODING, Goal(effort))


@pytest.mark.parametrize(
    "weights", [np.full((64, 128), np.nan), np.full((64, 128), -1.0), np.ones((64, 127)), np.zeros((64, 128))]
)
def test_weights_that_make_no_sense_are_refused(codec, picture, weights):
    with pytest.raises(OptionError):
        optimise(codec, picture, CODING, Goal(2, weights))
