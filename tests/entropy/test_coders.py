"""Symbols to bytes and back."""

from __future__ import annotations

import contextlib
import hashlib
import math

import constriction
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_glc.entropy.gaussian import MAX_SYMBOL, GaussianReader, cumulative_units, symbol_bits, write_gaussian
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


def test_the_units_of_every_symbol_are_those_constriction_codes_with():
    """All 64 x 511 shares: the first unit of a symbol's share decodes to it, the unit before to its neighbour."""
    model = constriction.stream.model.QuantizedGaussian(-MAX_SYMBOL, MAX_SYMBOL)
    units = cumulative_units()

    def decoded(unit: int, level: int) -> int:
        # a coder in this state takes its low 24 bits for the place within the distribution
        coder = constriction.stream.stack.AnsCoder(np.array([unit, 1], np.uint32))
        return int(coder.decode(model, np.zeros(1), SCALES[level : level + 1])[0])

    for level in range(64):
        starts = units[level].tolist()
        assert (starts[0], starts[-1]) == (0, 1 << 24)
        for symbol in range(-MAX_SYMBOL + 1, MAX_SYMBOL + 1):
            start = starts[symbol + MAX_SYMBOL]
            assert (decoded(start - 1, level), decoded(start, level)) == (symbol - 1, symbol)


@pytest.mark.parametrize("level", [1, 7, 25, 40, 63])
@pytest.mark.parametrize("symbol", [0, 1, -1, 4, -30, 255, -255])
def test_bits_of_a_symbol_are_those_it_adds_to_a_stream(symbol, level):
    count = 4000
    symbols, levels = np.full(count, symbol, np.int16), np.full(count, level, np.uint8)
    bits = symbol_bits(symbols, levels)
    assert bits.shape == (count,)
    # the first symbols pushed onto an empty stack may be free, so there are others below them
    below = _draw(3, 100)
    added = len(write_gaussian([(symbols, levels), below])) - len(write_gaussian([below]))
    # a stream ends in whole words of four bytes
    assert 8 * added == pytest.approx(bits.sum(), rel=1e-4, abs=64)


def test_no_symbol_costs_more_than_24_bits_and_a_skipped_one_nothing():
    every = np.arange(-MAX_SYMBOL, MAX_SYMBOL + 1)
    bits = symbol_bits(every[np.newaxis].repeat(64, 0), np.arange(64)[:, np.newaxis].repeat(len(every), 1))
    assert bits[1, -1] == bits.max() == 24
    assert (bits[0] == 0).all()
    assert bits[1:].min() > 0


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
