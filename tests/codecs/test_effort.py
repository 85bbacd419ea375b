"""Optimised coefficients: never worse, any decoder reads them, and they can be had at any time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_glc.codecs.base import PlaneCoding
from napari_glc.codecs.glc.effort.schedule import bit_price
from napari_glc.codecs.glc.options import GlcOptions
from napari_glc.codecs.goals import Goal, Standing
from napari_glc.container import TileGrid

GRID = TileGrid(64, 64, 64)


def _coding(effort: int, **goal) -> PlaneCoding:
    return PlaneCoding(GRID, 60, GlcOptions(effort=effort), goal=Goal(**goal))


def _encoded(codec, picture, coding: PlaneCoding) -> list[bytes]:
    return list(codec.encode(picture, coding, lambda *_: None).chunks)


@pytest.fixture(scope="module")
def picture(motocross: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(motocross[180:244, 300:364])


@pytest.fixture(scope="module")
def plain(codec, picture) -> list[bytes]:
    return _encoded(codec, picture, _coding(0))


@pytest.fixture(scope="module")
def course(codec, picture) -> tuple[list[Standing], list[bytes]]:
    """What an encoder with some effort told, and what it made."""
    told: list[Standing] = []
    return told, _encoded(codec, picture, _coding(4, watch=told.append))


def test_what_it_makes_is_better_by_true_bytes_and_true_loss(course, plain):
    told, worked = course
    first, last = told[0], told[-1]
    assert first.iteration == 0
    assert first.best_bytes == len(plain[0])
    assert last.iteration == last.total - 1
    assert last.best_bytes == len(worked[0])
    bit = bit_price(60) / (64 * 64)
    losses = [s.best_distance + 8 * s.best_bytes * bit for s in (first, last)]
    assert losses[1] < losses[0]
    assert [s.improved for s in told].count(True) >= 1


def test_any_decoder_shows_what_the_encoder_saw(codec, course):
    told, worked = course
    decoded = codec.decode(worked.__getitem__, _coding(0), GRID.plane, lambda *_: None)
    np.testing.assert_array_equal(decoded, told[-1].picture())


def test_the_same_work_gives_the_same_bytes(codec, picture):
    again = [_encoded(codec, picture, _coding(3)) for _ in range(2)]
    assert again[0] == again[1]


def test_what_there_is_can_be_kept_at_any_time(codec, picture, plain):
    told: list[Standing] = []

    def enough(standing: Standing) -> bool:
        told.append(standing)
        return len(told) == 4

    kept = _encoded(codec, picture, _coding(9, watch=enough))
    assert len(told) == 4
    assert told[-1].total > 100
    assert codec.decode(kept.__getitem__, _coding(0), GRID.plane, lambda *_: None).shape == picture.shape
    at_once = _encoded(codec, picture, _coding(9, watch=lambda _: True))
    assert at_once == plain


def test_important_tiles_get_more_of_the_bytes(codec, motocross):
    weights = np.full((64, 128), 0.25, np.float32)
    weights[:, :64] = 1.75
    sizes = []
    for importance in (weights, weights[:, ::-1].copy()):
        coding = replace(_coding(2, importance=importance), grid=TileGrid(64, 128, 64))
        sizes.append([len(chunk) for chunk in _encoded(codec, motocross[180:244, 300:428], coding)])
    assert sizes[0][0] / sizes[0][1] > sizes[1][0] / sizes[1][1]
