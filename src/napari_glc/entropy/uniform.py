"""Indices that are all equally likely, in as many bits as that takes: not a power of two wastes hardly anything.

Up to 64 indices together are one number in base K, in the least bits that hold any such number. Where K is a power of
two, that is each index at a fixed number of bits, first come first (:mod:`.packed`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import DamagedFileError

__all__ = ["read_uniform", "uniform_size", "write_uniform"]

_GROUP = 64


def _groups(count: int) -> list[int]:
    return [min(_GROUP, count - start) for start in range(0, count, _GROUP)]


def _bits(group: int, size: int) -> int:
    return int(size**group - 1).bit_length()


def uniform_size(count: int, size: int) -> int:
    """Bytes of `count` indices below `size`."""
    full, rest = divmod(count, _GROUP)
    return -(-(full * _bits(_GROUP, size) + _bits(rest, size)) // 8)


def write_uniform(indices: NDArray[np.int64], size: int) -> bytes:
    """Indices below `size`, in the order of the array, padded with zero bits."""
    flat, bits = indices.ravel().tolist(), ""
    for group in _groups(len(flat)):
        number = 0
        for index in flat[:group]:
            number = number * size + index
        bits += f"{number:0{_bits(group, size)}b}"
        del flat[:group]
    bits += "0" * (-len(bits) % 8)
    return int("0" + bits, 2).to_bytes(len(bits) // 8, "big")


def read_uniform(data: bytes, count: int, size: int) -> NDArray[np.int64]:
    """Undo :func:`write_uniform`.

    Raises
    ------
    DamagedFileError
        If `data` has another length than ``uniform_size(count, size)``, or a number is beyond those of its indices.
    """
    if len(data) != uniform_size(count, size):
        raise DamagedFileError(f"{len(data)} bytes do not hold {count} indices")
    bits = "".join(f"{byte:08b}" for byte in data)
    indices, place = np.empty(count, np.int64), 0
    for number, group in enumerate(_groups(count)):
        width = _bits(group, size)
        value = int(bits[place : place + width] or "0", 2)
        place += width
        for back in range(group):
            value, indices[number * _GROUP + group - 1 - back] = divmod(value, size)
        if value:
            raise DamagedFileError(f"an index is beyond the {size} codewords of the model")
    return indices
