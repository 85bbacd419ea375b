"""What is fuzzed. A target takes bytes and returns, or raises a :class:`GlcError`; anything else is a finding."""

from __future__ import annotations

import contextlib
import io

import numpy as np

from napari_glc import GlcFile
from napari_glc.container import parse, read_chunk
from napari_glc.entropy.adaptive import read_adaptive
from napari_glc.entropy.categorical import CategoricalReader, integer_weights
from napari_glc.entropy.deflated import read_deflated
from napari_glc.entropy.gaussian import GaussianReader
from napari_glc.entropy.packed import read_packed
from napari_glc.errors import GlcError

__all__ = ["decode_file", "decode_streams", "parse_file"]

_MOST_CHUNKS = 64
_CODEBOOKS = (2, 8, 11, 256, 2048)


def parse_file(data: bytes) -> None:
    """Head, metadata and chunks of a file, as far as no model is needed."""
    container = parse(data)
    assert 0 < container.size <= len(data)
    stream = io.BytesIO(data)
    for index in range(min(container.chunks, _MOST_CHUNKS)):
        with contextlib.suppress(GlcError):
            assert len(read_chunk(stream, container, index)) <= len(data)


def decode_streams(data: bytes) -> None:
    """Every stream decoder of `entropy` on the same bytes: counts, codebooks and scales come from the first three."""
    if len(data) < 3:
        return
    count, size, stream = data[0], _CODEBOOKS[data[1] % len(_CODEBOOKS)], data[3:]
    for read in (read_packed, read_deflated):
        with contextlib.suppress(GlcError):
            indices = read(stream, count, size)
            assert indices.shape == (count,)
            assert not count or 0 <= indices.min() <= indices.max() < size
    with contextlib.suppress(GlcError):
        where = np.unpackbits(np.frombuffer(data[:3], np.uint8)).reshape(4, 6).astype(bool)
        indices = read_adaptive(stream, where, size, lambda: None)
        assert ((indices >= 0) == where).all()
        assert indices.max() < size
    with contextlib.suppress(GlcError):
        weights = np.floor(np.geomspace(1, 2.0**30, size))[np.newaxis].repeat(count % 17, 0)
        indices = CategoricalReader(stream).read(integer_weights(weights))
        assert ((indices >= 0) & (indices < size)).all()
    with contextlib.suppress(GlcError):
        reader = GaussianReader(stream)
        symbols = reader.read((np.arange(count) * (data[2] | 1)) % 64)
        assert np.abs(symbols).max(initial=0) <= 255
        reader.finish()


def decode_file(data: bytes) -> str:
    """Everything that is done with a file: pixels, a preview, recovery.

    Returns
    -------
    str
        How far it came: ``"pixels"``, ``"recovered"``, or the name of the error.
    """
    try:
        file = GlcFile(data, device="cpu")
        try:
            assert file.read().shape == file.shape
        except GlcError as error:
            if not file.entry.capabilities.lossy_packets:
                with contextlib.suppress(GlcError):
                    assert file.read(preview=file.entry.capabilities.preview).shape == file.shape
                return type(error).__name__
            found = file.recover("nearest")
            assert found.pixels.shape == file.shape
            assert found.lost.shape == file.shape[:2]
            return "recovered"
        return "pixels"
    except GlcError as error:
        return type(error).__name__
