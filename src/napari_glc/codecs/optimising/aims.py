"""What makes one state of a tile better than another: the price of its quality, a number of bytes, a distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .steering import ByBits, ByDistance, Fixed, Price

__all__ = ["Aim", "AsNear", "Cheapest", "Found", "Within"]

_FULL = 0.98
"""Share of the allowed bytes that is to be used."""


@dataclass(frozen=True)
class Found:
    """A state of a tile, truly written and truly rendered.

    Attributes
    ----------
    bytes
        Of the tile's payload.
    distance, look
        Distortion of the block at hand, and its distance of features.
    """

    bytes: int
    distance: float
    look: float


class Aim(Protocol):
    """What is wanted of a block."""

    def key(self, found: Found) -> tuple[float, ...]:
        """For comparisons: the lower, the better."""
        ...

    def price(self, bit: float, spare_bits: float, iterations: int) -> Price:
        """The price of a bit: `bit` is that of the quality, `spare_bits` what does not depend on the coefficients."""
        ...

    def slack(self, found: Found) -> int:
        """Whether a state should cost more bytes (1), fewer (-1), or is what was wanted (0)."""
        ...


@dataclass(frozen=True)
class Cheapest:
    """The least sum of distortion and priced bytes.

    Attributes
    ----------
    bit
        Price of a bit.
    """

    bit: float

    def key(self, found: Found) -> tuple[float, ...]:
        """See :class:`Aim`."""
        return (found.distance + 8 * found.bytes * self.bit,)

    def price(self, bit: float, spare_bits: float, iterations: int) -> Price:
        """See :class:`Aim`."""
        return Fixed(bit)

    def slack(self, found: Found) -> int:
        """See :class:`Aim`."""
        return 0


@dataclass(frozen=True)
class Within:
    """The least distortion a number of bytes allows.

    Attributes
    ----------
    bytes
        Of the tile's payload.
    """

    bytes: float

    def key(self, found: Found) -> tuple[float, ...]:
        """See :class:`Aim`."""
        return max(0.0, found.bytes - self.bytes), float(found.bytes < _FULL * self.bytes), found.distance

    def price(self, bit: float, spare_bits: float, iterations: int) -> Price:
        """See :class:`Aim`."""
        return ByBits(bit, 8 * self.bytes - spare_bits, iterations)

    def slack(self, found: Found) -> int:
        """See :class:`Aim`."""
        return -1 if found.bytes > self.bytes else int(found.bytes < (1 + _FULL) / 2 * self.bytes)


@dataclass(frozen=True)
class AsNear:
    """The fewest bytes a distance of features allows.

    Attributes
    ----------
    look
        The distance.
    """

    look: float

    def key(self, found: Found) -> tuple[float, ...]:
        """See :class:`Aim`."""
        return max(0.0, found.look - self.look), found.bytes

    def price(self, bit: float, spare_bits: float, iterations: int) -> Price:
        """See :class:`Aim`."""
        return ByDistance(bit, self.look, iterations)

    def slack(self, found: Found) -> int:
        """See :class:`Aim`."""
        return 1 if found.look > self.look else -int(found.look < 0.99 * self.look)
