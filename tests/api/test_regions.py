"""Bytes that move to where pixels count, without any effort."""

from __future__ import annotations

import numpy as np
import pytest

import napari_glc
from napari_glc import GlcFile
from napari_glc.errors import Cancelled
from napari_glc.evaluation.measures import pair_measure
from napari_glc.imaging.importance import mask_weights

QUALITY = 50
REGION = np.s_[32:96, 32:128]


@pytest.fixture(scope="module")
def picture(motocross: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(motocross[150:278, 250:410])


@pytest.fixture(scope="module")
def mask(picture) -> np.ndarray:
    mask = np.zeros(picture.shape[:2], bool)
    mask[REGION] = True
    return mask


@pytest.fixture(scope="module")
def plain(picture) -> bytes:
    return napari_glc.encode(picture, quality=QUALITY)


@pytest.fixture(scope="module")
def moved(picture, mask) -> bytes:
    return napari_glc.encode(picture, quality=QUALITY, importance=mask_weights(mask, 16))


def _inside(picture: np.ndarray, data: bytes) -> float:
    return pair_measure("squeezenet", None)(picture[REGION], np.ascontiguousarray(napari_glc.decode(data)[REGION]))


def test_a_region_comes_nearer_at_equal_bytes_without_effort(picture, plain, moved):
    assert 0.96 * len(plain) <= len(moved) <= len(plain)
    assert GlcFile(moved).quality > QUALITY
    assert _inside(picture, moved) < _inside(picture, plain)


def test_the_same_mask_gives_the_same_bytes_and_booleans_are_a_weight_of_four(picture, mask):
    found = napari_glc.encode(picture, quality=QUALITY, importance=mask)
    assert found == napari_glc.encode(picture, quality=QUALITY, importance=mask_weights(mask, 4))


def test_weights_that_are_all_alike_change_nothing(picture, plain, mask):
    assert napari_glc.encode(picture, quality=QUALITY, importance=np.full(mask.shape, 3)) == plain


def test_a_size_is_kept_and_the_region_has_more_of_it(picture, plain, mask):
    size = len(plain) + 40
    data = napari_glc.encode_to_bytes(picture, size, importance=mask_weights(mask, 16)).data
    alike = napari_glc.encode_to_bytes(picture, size)
    assert len(data) <= size
    assert GlcFile(data).quality > alike.quality
    assert _inside(picture, data) < _inside(picture, alike.data)


def test_a_plane_without_a_region_pays_for_one_that_has_it(picture):
    """16 bits, tiles, and weights for each plane."""
    stack = np.stack([picture[..., 0], picture[::-1, :, 1]]).astype(np.uint16) * 100
    weights = np.ones(stack.shape)
    weights[0] = 8
    options = {"axes": "ZYX", "quality": QUALITY, "tile": 64, "levels": 2}
    plain = GlcFile(napari_glc.encode(stack, **options))
    moved = GlcFile(napari_glc.encode(stack, importance=weights, **options))
    sizes = [[len(file.chunk(number)) for number in range(file.container.chunks)] for file in (plain, moved)]
    half = len(sizes[0]) // 2
    assert sum(sizes[1]) <= sum(sizes[0]) + 2 * len(sizes[0])
    assert sum(sizes[1][:half]) > sum(sizes[0][:half])
    assert sum(sizes[1][half:]) < sum(sizes[0][half:])
    assert moved.read().dtype == np.uint16


def test_the_search_stops_when_progress_raises(picture, mask):
    told = []

    def progress(done: int, total: int) -> None:
        told.append(done / total)
        if len(told) == 12:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        napari_glc.encode(picture, importance=mask, progress=progress)
    assert told == sorted(told)
