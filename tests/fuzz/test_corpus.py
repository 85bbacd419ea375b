"""Every input that ever was a finding, and a short run of each fuzzer; `tests/fuzz/run.py` runs them for long."""

from __future__ import annotations

import dataclasses
import io
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mutations
import run
import targets
from napari_glc import Limits, get_limits, set_limits
from napari_glc.container import parse, read_chunk
from napari_glc.errors import GlcError, LimitError, OptionError
from napari_glc.models import embedded_models
from seeds import seeds

CORPUS = sorted(run.CORPUS.glob("*.bin"))


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """Models and tables are loaded before anything is timed."""
    for data in seeds().values():
        targets.decode_file(data)


@pytest.fixture(autouse=True)
def _small_pictures() -> Iterator[None]:
    before = set_limits(Limits(pixels=1 << 14))
    yield
    set_limits(before)


def _with_models(data: bytes) -> Iterator[bytes]:
    yield data
    try:
        container = parse(data)
        chunks = [read_chunk(io.BytesIO(data), container, index) for index in range(container.chunks)]
    except GlcError:
        # what has no whole structure has its hash at the same place, and no checksum to put right
        chunks = []
    for model in embedded_models():
        if chunks:
            yield mutations.rebuilt(dataclasses.replace(container.header, model=model.tag), chunks)
        else:
            yield data[:5] + model.tag + data[8:]


@pytest.mark.parametrize("path", CORPUS, ids=[path.stem for path in CORPUS])
def test_what_once_failed_ends_in_pixels_or_an_error_of_ours(path):
    for data in _with_models(path.read_bytes()):
        for target in (targets.parse_file, targets.decode_streams, targets.decode_file):
            run.guarded(target, data)


@given(st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_survived_by_every_stream_decoder(data):
    targets.decode_streams(data)


def test_mutated_files_are_survived_by_the_parser():
    rng, files = random.Random(7), list(seeds().values())
    for _ in range(3000):
        run.guarded(targets.parse_file, mutations.mutate(rng.choice(files), rng))


def test_mutated_files_are_survived_by_the_decoders():
    rng, files = random.Random(8), list(seeds().values())
    answers = {run.guarded(targets.decode_file, mutations.mutate(rng.choice(files), rng)) for _ in range(60)}
    assert {"pixels", "DamagedFileError", "SymbolMismatchError"} <= answers


def test_the_parser_allocates_no_more_than_is_documented():
    run.measure_parser_memory(300)


def test_a_bomb_is_refused_before_its_pixels_are_allocated():
    """A megabyte of chunks claims half a terapixel; a few hundred bytes claim all the limits at once."""
    header = parse(seeds()["vqgan-zip-1"]).header
    huge = dataclasses.replace(header, height=1 << 20, width=1 << 20, tile=0)
    for bomb in (
        mutations.rebuilt(huge, [bytes(1 << 16)]),
        mutations.rebuilt(dataclasses.replace(huge, tile=1 << 14, packets=64), [bytes(2)] * (64 << 12)),
        mutations.rebuilt(dataclasses.replace(huge, tile=64), [b"x"]),
    ):
        started = time.process_time()
        assert targets.decode_file(bomb) in ("LimitError", "DamagedFileError", "TruncatedFileError")
        assert time.process_time() - started < run.SLOW


def test_limits_move_and_say_how():
    data = seeds()["glc"]
    before = set_limits(Limits(pixels=4095))
    with pytest.raises(LimitError, match="NAPARI_GLC_LIMITS=pixels=NUMBER"):
        targets.GlcFile(data, device="cpu").read()
    set_limits(Limits.parse("pixels=4096, side=64"))
    assert targets.decode_file(data) == "pixels"
    set_limits(Limits(side=63))
    assert targets.decode_file(data) == "LimitError"
    set_limits(before)
    assert get_limits() == before


@pytest.mark.parametrize("text", ["pixel=3", "pixels", "pixels=-1", "pixels=0", "pixels=1e6", "pixels=²"])
def test_limits_that_cannot_be_understood_are_refused(text):
    with pytest.raises(OptionError, match="NAPARI_GLC_LIMITS"):
        Limits.parse(text)
