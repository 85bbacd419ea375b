"""Packed indices through DEFLATE, the lossless stage of the published system."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from ..errors import DamagedFileError
from .packed import packed_size, read_packed, write_packed

__all__ = ["read_deflated", "write_deflated"]


def write_deflated(indices: NDArray[np.int64], size: int) -> bytes:
    """Raw DEFLATE of :func:`~napari_glc.entropy.packed.write_packed`."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(write_packed(indices, size)) + squeeze.flush()


def read_deflated(data: bytes, count: int, size: int) -> NDArray[np.int64]:
    """Undo :func:`write_deflated`.

    Raises
    ------
    DamagedFileError
        If `data` does not expand to exactly `count` indices below `size`; no more is ever expanded.
    """
    inflate = zlib.decompressobj(-15)
    expected = packed_size(count, size)
    try:
        packed = inflate.decompress(data, expected + 1)
    except zlib.error as error:
        raise DamagedFileError(f"a deflated index stream cannot be read: {error}") from error
    if len(packed) != expected or not inflate.eof or inflate.unused_data:
        raise DamagedFileError("a deflated index stream does not hold the indices of its tile")
    return read_packed(packed, count, size)
