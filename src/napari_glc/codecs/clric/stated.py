"""Parameters as a file states them: differences from where they begin, in steps that are powers of two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import DamagedFileError
from .layout import Parameters, parts, start_parameters

__all__ = ["FINEST", "Stated", "read_parameters"]

FINEST = 8
"""Binary digits after the point of the finest step."""
_MOST_ORDER = 7
_LARGEST = 1 << 15
"""No parameter is further from its beginning, in finest steps: products of three stay exact in double precision."""


@dataclass(frozen=True)
class Stated:
    """Integers for each part of the parameters, and how fine each is.

    Attributes
    ----------
    digits
        By part: binary digits after the point, 0 to :data:`FINEST`.
    values
        By part: differences from the beginning, in steps of ``2 ** -digits``.
    """

    digits: Mapping[str, int]
    values: Mapping[str, NDArray[np.int64]]

    @classmethod
    def rounded(cls, parameters: Parameters, digits: Mapping[str, int], channels: int, quality: float) -> Stated:
        """The nearest that can be stated."""
        start = start_parameters(channels, quality)
        values = {}
        for name, fine in digits.items():
            limit = _LARGEST >> (FINEST - fine)
            steps = np.round((parameters[name] - start[name]) * 2.0**fine).astype(np.int64)
            values[name] = np.clip(steps, -limit, limit)
        return cls(dict(digits), values)

    def parameters(self, channels: int, quality: float) -> Parameters:
        """The parameters stated, multiples of ``2 ** -FINEST`` but for those that begin between."""
        start = start_parameters(channels, quality)
        return {name: start[name] + steps * 2.0 ** -self.digits[name] for name, steps in self.values.items()}

    def pack(self, channels: int) -> bytes:
        """Each part: four bits of digits, three of the order, exp-Golomb codes; the end is padded with zeros."""
        text = ""
        for part in parts(channels):
            codes = _codes(self.values[part.name])
            order = int(np.argmin(_lengths(codes)))
            text += f"{self.digits[part.name]:04b}{order:03b}" + "".join(_code(c, order) for c in codes.tolist())
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")

    def bits(self, name: str) -> int:
        """Bits of a part."""
        return 7 + int(_lengths(_codes(self.values[name])).min())


def read_parameters(data: bytes, channels: int) -> tuple[Stated, int]:
    """What a payload begins with, and the bytes it takes.

    Raises
    ------
    DamagedFileError
        If there is less than that, or a value beyond limits.
    """
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).tolist()
    place = 0

    def number(width: int) -> int:
        nonlocal place
        if place + width > len(bits):
            raise DamagedFileError("the parameters of a tile are cut off")
        found = 0
        for bit in bits[place : place + width]:
            found = 2 * found + bit
        place += width
        return found

    digits: dict[str, int] = {}
    values: dict[str, NDArray[np.int64]] = {}
    for part in parts(channels):
        fine, order = number(4), number(3)
        if fine > FINEST:
            raise DamagedFileError("a parameter step is finer than any")
        steps = []
        for _ in range(part.size):
            extra = 0
            while not number(1):
                extra += 1
                if extra > 17:
                    raise DamagedFileError("a parameter is larger than any")
            code = (((1 << extra) | number(extra)) - 1 << order) + number(order)
            steps.append((code + 1) // 2 * (1 if code % 2 else -1))
        found = np.array(steps, np.int64)
        if np.abs(found).max() > _LARGEST >> (FINEST - fine):
            raise DamagedFileError("a parameter is larger than any")
        digits[part.name], values[part.name] = fine, found
    return Stated(digits, values), -(-place // 8)


def _codes(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers from 0: small steps first, upwards before downwards."""
    return np.where(steps > 0, 2 * steps - 1, -2 * steps)


def _lengths(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bits of all codes under each order."""
    orders = np.arange(_MOST_ORDER + 1)[:, None]
    digits = np.frexp((codes >> orders) + 1)[1].astype(np.int64)
    lengths: NDArray[np.int64] = (2 * digits - 1 + orders).sum(1)
    return lengths


def _code(value: int, order: int) -> str:
    """Exp-Golomb code of a number from 0."""
    high = f"{(value >> order) + 1:b}"
    low = f"{value & ((1 << order) - 1):0{order}b}" if order else ""
    return "0" * (len(high) - 1) + high + low
