"""Sizes and distances as targets, by single passes and within one optimisation."""

from __future__ import annotations

import numpy as np
import pytest

import napari_glc
from napari_glc.errors import OptionError
from napari_glc.metrics.feature_distance import FeatureDistance, distance_of_arrays


@pytest.fixture(scope="module")
def picture(motocross: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(motocross[200:296, 300:428])


@pytest.mark.parametrize("effort", [0, 2])
def test_bytes_are_used_up_and_never_exceeded(picture, effort):
    for size in (110, 260):
        found = napari_glc.encode_to_bytes(picture, size, effort=effort)
        assert 0.97 * size <= len(found.data) <= size


def test_bytes_of_several_tiles_and_planes(picture):
    stack = np.stack([picture[..., 0], picture[..., 2]])
    found = napari_glc.encode_to_bytes(stack, 420, axes="ZYX", tile=64, effort=1)
    assert 0.93 * 420 <= len(found.data) <= 420
    assert napari_glc.decode(found.data).shape == stack.shape


def test_too_few_bytes_are_refused_in_one_line(picture):
    with pytest.raises(OptionError, match="20 bytes are too few for this array: the lowest quality takes"):
        napari_glc.encode_to_bytes(picture, 20)


def test_more_bytes_than_the_best_quality_takes(picture):
    best = napari_glc.encode(picture, quality=100)
    assert napari_glc.encode_to_bytes(picture, 10**6).data == best


@pytest.mark.parametrize("effort", [0, 2])
def test_a_distance_is_kept(picture, effort):
    distance = distance_of_arrays(FeatureDistance("squeezenet"))
    middle = distance(picture, napari_glc.decode(napari_glc.encode(picture, quality=50)))
    found = napari_glc.encode_to_distance(picture, middle * 1.01, effort=effort)
    assert distance(picture, napari_glc.decode(found.data)) <= middle * 1.01
    assert len(found.data) <= len(napari_glc.encode(picture, quality=50)) + 2


def test_a_distance_nobody_reaches_is_refused_in_one_line(picture):
    with pytest.raises(OptionError, match=r"no quality comes as near as 0\.01; the highest has a distance of"):
        napari_glc.encode_to_distance(picture, 0.01)
    with pytest.raises(OptionError, match="must be positive"):
        napari_glc.encode_to_distance(picture, 0)
