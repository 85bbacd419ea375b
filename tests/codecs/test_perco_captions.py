"""Captions in bytes, tokens of texts, and what the published rates take."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_glc.codecs.perco.byte_pairs import BytePairs, pairs_of
from napari_glc.codecs.perco.caption import DICTIONARY, MOST_BYTES, pack_caption, unpack_caption
from napari_glc.entropy.uniform import read_uniform, uniform_size, write_uniform
from napari_glc.errors import DamagedFileError, ModelError, OptionError
from napari_glc.networks.perco_published_config import PublishedPercoConfig

PUBLISHED = [
    (64, 256, 0.1250, 5),
    (64, 64, 0.0937, 5),
    (32, 8196, 0.0507, 5),
    (32, 256, 0.0313, 20),
    (16, 1024, 0.0098, 20),
    (8, 1024, 0.0024, 20),
    (8, 256, 0.0019, 20),
]
"""Grid at 512 x 512, codewords, bits per pixel and steps as published."""


@pytest.mark.parametrize(("grid", "codewords", "bpp", "steps"), PUBLISHED)
def test_every_published_rate(grid, codewords, bpp, steps):
    config = PublishedPercoConfig(stride=64 // grid, codewords=codewords)
    assert config.hyper_bpp == pytest.approx(bpp, abs=1e-4)
    assert config.steps == steps
    indices = np.random.default_rng(grid).integers(0, codewords, (grid, grid))
    indices[0, 0], indices[-1, -1] = codewords - 1, 0
    data = write_uniform(indices, codewords)
    assert len(data) == uniform_size(indices.size, codewords)
    # a group of 64 wastes less than a bit
    assert 8 * len(data) < indices.size * np.log2(codewords) + indices.size / 64 + 8
    np.testing.assert_array_equal(read_uniform(data, indices.size, codewords), indices.ravel())


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9000), st.integers(0, 200), st.integers(0, 2**32))
def test_indices_come_back(size, count, seed):
    indices = np.random.default_rng(seed).integers(0, size, count)
    data = write_uniform(indices, size)
    assert len(data) == uniform_size(count, size)
    np.testing.assert_array_equal(read_uniform(data, count, size), indices)


def test_numbers_beyond_all_indices_are_refused():
    with pytest.raises(DamagedFileError, match="beyond the 3 codewords"):
        read_uniform(b"\xff", 2, 3)
    with pytest.raises(DamagedFileError, match="do not hold"):
        read_uniform(b"\0\0", 2, 3)


CHARACTERS = st.one_of(
    st.integers(32, 126), st.integers(0, 0x2FFF), st.integers(0, 0xD7FF), st.integers(0xE000, 0x10FFFF)
)
"""Numbers of characters: of English, of most scripts, of all. Hypothesis' own texts look up all of Unicode first."""


def _texts(most: int) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(st.integers(32, 126).map(chr), max_size=most).map("".join),
        st.lists(CHARACTERS.map(chr), max_size=most).map("".join),
    )


@settings(max_examples=30, deadline=None)
@given(_texts(200))
def test_captions_come_back_or_are_refused(text):
    try:
        data = pack_caption(text)
    except OptionError as error:
        refused = str(error)
    else:
        assert unpack_caption(data) == text
        assert len(data) <= 1 + len(text.encode())
        return
    assert refused.isprintable()


def test_common_words_take_few_bytes():
    for text in ("a man in a red shirt riding a bicycle on a street", "two dogs playing on the beach at sunset"):
        assert 2 * len(pack_caption(text)) < len(zlib.compress(text.encode(), 9))


def _deflated(data: bytes) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    return b"\1" + coder.compress(data) + coder.flush()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_deflated(b"a" * 50_000_000), "longer than 1024"),
        (_deflated(b"a" * (MOST_BYTES + 1)), "longer than 1024"),
        (_deflated(b"red\x07"), "U\\+0007"),
        (_deflated("right\u202eleft".encode()), "U\\+202E"),
        (_deflated(b"\xc3("), "no UTF-8"),
        (b"\0\xed\xa0\x80", "no UTF-8"),
        (_deflated(b"a boat")[:-1], "does not end"),
        (_deflated(b"a boat") + b"\0", "does not end"),
        (b"\1\xff\xff\xff", "does not inflate"),
        (b"\2boat", "does not know"),
        (b"\0", "empty"),
    ],
)
def test_hostile_captions_are_refused(data, words):
    with pytest.raises(DamagedFileError, match=words) as refused:
        unpack_caption(data)
    assert str(refused.value).isprintable()


@settings(max_examples=30, deadline=None)
@given(_texts(60))
def test_any_text_has_tokens(text):
    pairs = BytePairs([(64, 320), (65, 66), (513, 320)], pad=0)
    tokens = pairs.framed(text, 400)
    assert len(tokens) == 400
    assert all(0 <= token <= pairs.end for token in tokens)
    assert tokens[0] == pairs.begin
    assert pairs.tokens(text) == pairs.tokens(f" {text}\n")


def test_pairs_of_what_does_not_exist_are_refused():
    with pytest.raises(ModelError, match="has not made"):
        pairs_of("#version: 0.2\na bc</w>\n", {})
