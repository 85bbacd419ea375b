"""Symbols to bytes and back."""

from __future__ import annotations

import contextlib
import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_glc.entropy.gaussian import GaussianReader, write_gaussian
from napari_glc.entropy.packed import packed_size, read_packed, write_packed
from napari_glc.entropy.scales import SCALES, level_thresholds
from napari_glc.errors import DamagedFileError


def _draw(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 64, count)
    symbols = np.rint(rng.normal(0, SCALES[levels])).astype(np.int32)
    symbols[levels == 0] = 0
    return symbols, levels


def test_parts_come_back_in_order():
    parts = [_draw(seed, 1000) for seed in range(4)]
    reader = GaussianReader(write_gaussian(parts))
    for symbols, levels in parts:
        np.testing.assert_array_equal(reader.read(levels), symbols)
    reader.finish()


def test_the_stream_is_as_long_as_its_information():
    symbols, levels = _draw(1, 100_000)
    from scipy.stats import norm

    kept = levels > 0
    scale = SCALES[levels[kept]]
    bits = -np.log2(norm.cdf((symbols[kept] + 0.5) / scale) - norm.cdf((symbols[kept] - 0.5) / scale)).sum()
    assert abs(len(write_gaussian([(symbols, levels)])) - bits / 8) < 0.002 * bits / 8 + 8


def test_nothing_but_skipped_symbols_takes_no_byte():
    levels = np.zeros(500, np.int64)
    assert write_gaussian([(np.zeros(500, np.int32), levels)]) == b""
    reader = GaussianReader(b"")
    assert not reader.read(levels).any()
    reader.finish()


def test_left_over_bytes_are_noticed():
    symbols, levels = _draw(2, 300)
    reader = GaussianReader(write_gaussian([(symbols, levels)]))
    reader.read(levels[:200])
    with pytest.raises(DamagedFileError):
        reader.finish()


@given(st.binary(max_size=200))
def test_any_bytes_decode_to_some_symbols_or_a_clear_error(data):
    levels = np.arange(64).repeat(3)
    with contextlib.suppress(DamagedFileError):
        assert len(GaussianReader(data).read(levels)) == len(levels)


@given(st.integers(2, 20_000), st.lists(st.integers(0, 2**31), max_size=60))
def test_packed_indices_come_back(size, values):
    indices = np.array(values, np.int64) % size
    data = write_packed(indices, size)
    np.testing.assert_array_equal(read_packed(data, len(indices), size), indices)
    # as written by hand: most significant bits first, as few as tell so many values apart, zeros up to a whole byte
    width = math.ceil(math.log2(size))
    bits = "".join(f"{index:0{width}b}" for index in indices.tolist())
    bits += "0" * (-len(bits) % 8)
    assert data == bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits), 8))
    assert packed_size(len(indices), size) == len(data)
    for wrong in (data + b"\0", data[:-1]):
        if wrong != data:
            with pytest.raises(DamagedFileError):
                read_packed(wrong, len(indices), size)


def test_an_index_beyond_the_codebook_is_damage():
    with pytest.raises(DamagedFileError):
        read_packed(write_packed(np.array([7]), 8), 1, 7)
    with pytest.raises(DamagedFileError):
        read_packed(b"", 1, 7)


def test_the_stored_scales_never_change():
    """These tables are part of the format: other numbers would make old files undecodable."""
    digest = hashlib.sha256(SCALES.astype("<f8").tobytes())
    digest.update(level_thresholds(12, logarithmic=True).astype("<f8").tobytes())
    digest.update(level_thresholds(12, logarithmic=False).astype("<f8").tobytes())
    assert digest.hexdigest()[:16] == "0f70f499388c5bec"
