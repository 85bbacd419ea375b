"""Indices at a fixed number of bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import DamagedFileError

__all__ = ["index_bits", "packed_size", "read_packed", "write_packed"]


def index_bits(size: int) -> int:
    """Bits that tell `size` values apart: ``ceil(log2(size))``."""
    return max(1, (size - 1).bit_length())


def packed_size(count: int, size: int) -> int:
    """Bytes of `count` indices below `size`."""
    return -(-count * index_bits(size) // 8)


def write_packed(indices: NDArray[np.int64], size: int) -> bytes:
    """Pack indices below `size`, most significant bit first, padded with zero bits."""
    shifts = np.arange(index_bits(size))[::-1]
    bits = (indices.reshape(-1, 1) >> shifts) & 1
    return bytes(np.packbits(bits.astype(np.uint8)).tobytes())


def read_packed(data: bytes, count: int, size: int) -> NDArray[np.int64]:
    """Undo :func:`write_packed`.

    Raises
    ------
    DamagedFileError
        If an index is not below `size`, or `data` has another length than ``packed_size(count, size)``.
    """
    if len(data) != packed_size(count, size):
        raise DamagedFileError(f"{len(data)} bytes do not hold {count} indices")
    width = index_bits(size)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=count * width).reshape(count, width)
    indices: NDArray[np.int64] = bits.astype(np.int64) @ (1 << np.arange(width, dtype=np.int64)[::-1])
    if count and int(indices.max()) >= size:
        raise DamagedFileError(f"index {int(indices.max())} is beyond the {size} codewords of the model")
    return indices
