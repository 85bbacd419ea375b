"""How an array of any axes is made of planes.

::

    (T, C, Z, Y, X)                 one plane for every t, c, z; grey
    (T, C, Z, Y, X), packed         one plane for every t, z and three channels; RGB
    (T, Z, Y, X, C), C of 3 or 4    one plane for every t, z; RGB

An array keeps its order of axes; what is said here of *leading* axes holds for all that are neither rows, columns nor
colour samples, in the order in which they come.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ..errors import DamagedFileError, UnsupportedArrayError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DTYPES", "Layout", "guessed_axes", "laid_out"]

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32")
"""Types of samples that can be coded."""

PACKED = 3
"""Channels that share a plane when channels are packed."""

MAX_DIMENSIONS = 16

End = Annotated[float, msgspec.Meta(ge=-1e39, le=1e39)]
"""End of a value range: a finite number, at most a little beyond those of float32."""

_REMEDIES = {
    "bool": "a mask cannot be coded: a generative codec would redraw its borders. Save it as PNG or TIFF",
    "int64": "int64 samples cannot be coded. Labels belong in a lossless file (TIFF, Zarr); intensities fit "
    "image.astype('float32')",
    "float64": "float64 samples cannot be coded. Use image.astype('float32'), or a lossless file",
    "complex": "complex samples cannot be coded. Encode abs(image) as float32, or use a lossless file",
    "": "samples of type {dtype} cannot be coded; use one of " + ", ".join(DTYPES),
}
_REMEDY_OF = {
    "b": "bool",
    "i8": "int64",
    "u8": "int64",
    "f8": "float64",
    "f16": "float64",
    "c": "complex",
}


@dataclass(frozen=True)
class Layout:
    """Axes, shape and type of an array, and what becomes of its channels.

    Attributes
    ----------
    axes
        One letter for each dimension, each different: ``Y``, ``X``, ``S`` for the samples of RGB(A), any other letters
        for leading axes.
    shape
        Lengths of the axes.
    dtype
        One of :data:`DTYPES`.
    packed
        Whether three channels (axis ``C``) share a plane.
    ranges
        Values that became 0 and 255: a pair for all, for each channel, or for each leading index; empty if the samples
        are uint8 and coded as they are.
    clipped
        Samples that lay beyond their range.
    not_numbers
        Samples that were no numbers (NaN); they became the least value of their range.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: str
    packed: bool = False
    ranges: tuple[tuple[End, End], ...] = ()
    clipped: int = 0
    not_numbers: int = 0

    def size(self, axis: str) -> int:
        """Length of an axis; 1 if there is none of that letter."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def samples(self) -> int:
        """Samples of a pixel: 3 or 4, or 1 without an axis ``S``."""
        return self.size("S")

    @property
    def rgb(self) -> bool:
        """Whether planes are RGB: colour pictures or packed channels."""
        return "S" in self.axes or self.packed

    @cached_property
    def leading_axes(self) -> str:
        """Axes but rows, columns and samples."""
        return "".join(a for a in self.axes if a not in "YXS")

    @cached_property
    def leading(self) -> tuple[int, ...]:
        """Lengths of the leading axes."""
        return tuple(self.size(a) for a in self.leading_axes)

    @cached_property
    def plane_grid(self) -> tuple[int, ...]:
        """Planes along the leading axes; channels that share one counted once."""
        return tuple(
            -(-n // PACKED) if self.packed and a == "C" else n
            for a, n in zip(self.leading_axes, self.leading, strict=True)
        )

    @property
    def planes(self) -> int:
        """Planes in all."""
        return math.prod(self.plane_grid)

    def plane_of(self, place: tuple[int, ...]) -> tuple[int, int]:
        """Plane of a leading index, and the component of it: 0 unless channels are packed."""
        plane, component = 0, 0
        for axis, length, index in zip(self.leading_axes, self.plane_grid, place, strict=True):
            if self.packed and axis == "C":
                index, component = divmod(index, PACKED)
            plane = plane * length + index
        return plane, component

    def places(self, plane: int) -> list[tuple[int, ...]]:
        """Leading indices a plane is made of: one, or up to three channels."""
        place: list[int] = []
        for length in reversed(self.plane_grid):
            plane, index = divmod(plane, length)
            place.insert(0, index)
        if not self.packed:
            return [tuple(place)]
        c = self.leading_axes.index("C")
        first = place[c] * PACKED
        channels = range(first, min(first + PACKED, self.leading[c]))
        return [(*place[:c], channel, *place[c + 1 :]) for channel in channels]

    def range_of(self, place: tuple[int, ...]) -> tuple[float, float] | None:
        """Value range of a leading index; ``None`` if uint8 samples are coded as they are."""
        if not self.ranges:
            return None
        if len(self.ranges) == 1:
            return self.ranges[0]
        if len(self.ranges) == self.size("C") and "C" in self.axes:
            return self.ranges[place[self.leading_axes.index("C")]]
        flat = 0
        for length, index in zip(self.leading, place, strict=True):
            flat = flat * length + index
        return self.ranges[flat]

    def canonical(self, array: NDArray[Any], axes: str) -> NDArray[Any]:
        """An array of leading axes, rows, columns, samples, brought into this order of axes (those of `axes`)."""
        have = [a for a in self.leading_axes + "YXS" if a in axes]
        return array.transpose([have.index(a) for a in axes])

    def to_json(self) -> dict[str, Any]:
        """What the metadata block says of the array."""
        found: dict[str, Any] = {"axes": self.axes, "shape": list(self.shape), "dtype": self.dtype}
        if self.packed:
            found["packed"] = True
        if self.ranges:
            found["ranges"] = [list(pair) for pair in self.ranges]
        if self.clipped:
            found["clipped"] = self.clipped
        if self.not_numbers:
            found["not_numbers"] = self.not_numbers
        return found

    @classmethod
    def from_json(cls, found: dict[str, Any], height: int, width: int, planes: int, *, rgb: bool) -> Layout:
        """The layout of a file, checked against its header.

        Raises
        ------
        DamagedFileError
            If it is none, or another one.
        """
        try:
            layout = msgspec.convert(found, cls)
            _check_axes(layout.axes, layout.shape)
        except (ValueError, UnsupportedArrayError) as error:
            raise DamagedFileError(f"the metadata block does not describe an array: {error}") from error
        counts = {0, 1, layout.size("C"), math.prod(layout.leading)}
        fits = (
            layout.dtype in DTYPES
            and (layout.size("Y"), layout.size("X"), layout.planes, layout.rgb) == (height, width, planes, rgb)
            and layout.samples in (1, 3, 4)
            and len(layout.ranges) in counts
            and (bool(layout.ranges) or layout.dtype == "uint8")
            and not (layout.packed and ("S" in layout.axes or "C" not in layout.axes))
        )
        if not fits:
            raise DamagedFileError("the array the metadata block describes is not the one of the header")
        return layout


def _check_axes(axes: str, shape: tuple[int, ...]) -> None:
    if len(axes) != len(shape):
        raise UnsupportedArrayError(f"axes {axes!r} do not fit an array of shape {shape}")
    if len(set(axes)) != len(axes) or not axes.isalpha() or not axes.isascii() or not axes.isupper():
        raise UnsupportedArrayError(f"axes {axes!r} must be different capital letters, for instance 'TCZYX'")
    if "Y" not in axes or "X" not in axes:
        raise UnsupportedArrayError(f"axes {axes!r} must name rows and columns, 'Y' and 'X'")
    if len(axes) > MAX_DIMENSIONS:
        raise UnsupportedArrayError(f"{len(axes)} axes are more than {MAX_DIMENSIONS}")
    if min(shape) < 1:
        raise UnsupportedArrayError(f"an array of shape {shape} has no pixels")


def guessed_axes(shape: tuple[int, ...]) -> str:
    """Axes of an array nobody described: a last axis of 3 or 4 is colour; before rows and columns come Z, CZ or TCZ.

    Raises
    ------
    UnsupportedArrayError
        If the array has fewer than two or too many dimensions.
    """
    colour = "S" if len(shape) > 2 and shape[-1] in (3, 4) else ""
    leading = len(shape) - 2 - len(colour)
    if not 0 <= leading <= 3:
        raise UnsupportedArrayError(
            f"an array of shape {shape} cannot be coded without being told its axes, for instance axes='TCZYX'"
        )
    return "TCZ"[3 - leading :] + "YX" + colour


def laid_out(shape: tuple[int, ...], dtype: np.dtype[Any], axes: str | None, *, packed: bool = False) -> Layout:
    """The layout of an array to be encoded, without its ranges.

    Parameters
    ----------
    shape, dtype
        Of the array.
    axes
        One letter for each dimension, or ``None`` to guess. A ``C`` of length 3 or 4 behind ``Y`` and ``X`` is colour,
        as ``S`` is; any other ``C`` is channels.
    packed
        Let three channels share a plane.

    Raises
    ------
    UnsupportedArrayError
        With what to do instead.
    """
    axes = guessed_axes(shape) if axes is None else axes
    _check_axes(axes, shape)
    if "S" not in axes and axes.endswith("C") and shape[-1] in (3, 4):
        axes = axes[:-1] + "S"
    if "S" in axes and shape[axes.index("S")] not in (3, 4):
        raise UnsupportedArrayError(
            f"{shape[axes.index('S')]} samples a pixel are neither RGB nor RGBA; call them channels, 'C' before 'YX'"
        )
    kind = dtype.kind
    if dtype.newbyteorder("=").name not in DTYPES:
        remedy = _REMEDIES[_REMEDY_OF.get(f"{kind}{dtype.itemsize}", _REMEDY_OF.get(kind, ""))]
        raise UnsupportedArrayError(remedy.format(dtype=dtype))
    return Layout(axes, tuple(int(n) for n in shape), dtype.name, packed and "C" in axes and "S" not in axes)
