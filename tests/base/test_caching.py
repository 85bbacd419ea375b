"""Caches that count bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_glc._base.caching import ByteCache, DecodedTiles


def _array(size: int) -> np.ndarray:
    return np.zeros(size, np.uint8)


def test_what_was_used_last_stays():
    cache = ByteCache(100)
    for name in "abc":
        cache[name] = _array(30)
    assert cache["a"].nbytes == 30
    cache["d"] = _array(40)
    assert set(cache) == {"a", "c", "d"}
    assert cache.get("b") is None
    with pytest.raises(KeyError):
        cache["b"]


def test_a_value_put_twice_counts_once():
    cache = ByteCache(100)
    cache["other"] = _array(50)
    for _ in range(5):
        cache["same"] = _array(50)
    assert set(cache) == {"other", "same"}


def test_a_value_larger_than_the_room_stays_alone():
    cache = ByteCache(100)
    cache["small"] = _array(10)
    cache["large"] = _array(1000)
    assert list(cache) == ["large"]
    cache["small"] = _array(10)
    assert list(cache) == ["small"]


def test_other_sizes_are_those_one_says():
    cache = ByteCache(8, size=len)
    cache[0], cache[1] = b"12345", b"678"
    assert len(cache) == 2
    cache[2] = b"9"
    assert list(cache) == [1, 2]


def test_threads_share_a_cache():
    cache = ByteCache(1000)

    def use(seed: int) -> int:
        for key in np.random.default_rng(seed).integers(0, 50, 3000).tolist():
            if cache.get(key) is None:
                cache[key] = _array(100)
        return len(cache)

    with ThreadPoolExecutor(8) as threads:
        assert max(threads.map(use, range(8))) <= 10


def test_a_codec_sees_the_tiles_of_its_plane():
    tiles = DecodedTiles(100)
    first, second = tiles.of("first"), tiles.of("second")
    first[3], second[3], first[5] = _array(30), _array(20), _array(40)
    assert (set(first), len(first), set(second)) == ({3, 5}, 2, {3})
    assert second[3].nbytes == 20
    del first[5]
    assert 5 not in first
    assert tiles.count == 3
