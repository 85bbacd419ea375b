"""Where a plane lies in the world, whichever layer or file it is from. Free of Qt.

A result of a plane is a layer with as many axes as the plane's source, of length one along those that the plane lacks,
under the same transform. So it lies on its source however that is turned, and shows up beside no other plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..imaging.scaling import from_bytes
from .placements import Placement, linear_part, matrix_of

__all__ = ["Index", "PlanePlace", "Source"]

Index = tuple[int | None, ...]
"""A plane of an array: a number for every axis but rows and columns, which are ``None``; samples are left out."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a result was made of.

    Attributes
    ----------
    key
        Tells sources apart: the unique id of a layer, or the path of a file.
    name
        Of the layer, or of the one a file becomes.
    """

    key: str
    name: str

    @property
    def title(self) -> str:
        """What results are called after."""
        return self.name


@dataclass(frozen=True, kw_only=True)
class PlanePlace(Source):
    """Where a plane lies in the world, and what its 8-bit levels stand for.

    Attributes
    ----------
    rgb
        Whether it is RGB.
    shape
        Rows and columns.
    index
        Which plane of its source it is.
    placement
        Of the source, an entry for each of its axes; see :mod:`napari_glc._napari.placements`.
    display
        ``contrast_limits``, ``colormap`` and ``gamma`` of a grey source, as layer options; empty for RGB.
    dtype
        Of the values.
    limits
        The values that become 0 and 255; ``None`` if they are uint8 already.
    """

    rgb: bool
    shape: tuple[int, int]
    index: Index
    placement: Placement
    display: dict[str, Any]
    dtype: np.dtype[Any]
    limits: tuple[float, float] | None

    @property
    def axes(self) -> str:
        """``"YX"`` or ``"YXS"``."""
        return "YXS" if self.rgb else "YX"

    @property
    def sides(self) -> tuple[int, int]:
        """Axes of the source that are rows and columns."""
        rows, columns = (axis for axis, place in enumerate(self.index) if place is None)
        return rows, columns

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the plane along the other axes; empty for a source of two."""
        return tuple(place for place in self.index if place is not None)

    @property
    def title(self) -> str:
        """What results are called after: of a stack, the plane as NumPy would index it, as in ``worms[2]``."""
        words = [":" if place is None else str(place) for place in self.index]
        while words and words[-1] == ":":
            words.pop()
        return f"{self.name}[{', '.join(words)}]" if words else self.name

    @property
    def words(self) -> str:
        """The plane in a message: ``Plane 2``; ``Plane [:, 5]`` if rows and columns are not the last two axes."""
        last = self.sides == (len(self.index) - 2, len(self.index) - 1)
        return f"Plane {', '.join(map(str, self.numbers))}" if last else f"Plane {self.title[len(self.name) :]}"

    def lifted(self, values: Any, front: int = 0) -> Any:
        """An array of rows and columns with the axes of the source.

        Parameters
        ----------
        values
            ``(..., H, W)``, samples of RGB behind.
        front
            Axes before the rows.
        """
        return np.expand_dims(values, tuple(front + a for a, place in enumerate(self.index) if place is not None))

    def placed(self, factor: int = 1, corner: tuple[float, float] = (0, 0)) -> Placement:
        """Where a layer of the plane lies, with the axes of its source.

        Parameters
        ----------
        factor
            Pixels and side of an element of a map, which is aligned with the plane.
        corner
            Row and column of the plane at which it begins.
        """
        grown, shift = np.ones(len(self.index)), np.array([place or 0 for place in self.index], float)
        sides = list(self.sides)
        grown[sides] = factor
        shift[sides] = np.asarray(corner, float) + (factor - 1) / 2
        translate = np.asarray(self.placement["translate"], float) + linear_part(self.placement) @ shift
        scale = np.asarray(self.placement["scale"], float) * grown
        return {**self.placement, "scale": tuple(scale.tolist()), "translate": tuple(translate.tolist())}

    # -- pointing at it ----------------------------------------------------------------------------------------

    def pixel_at(self, world: Sequence[float]) -> tuple[float, float] | None:
        """Row and column under world coordinates; ``None`` if another plane is there.

        Parameters
        ----------
        world
            At least as many as the source has axes; the last ones count.
        """
        axes = len(self.index)
        if len(world) < axes:
            return None
        point = np.asarray(world, float)[-axes:]
        (rows, columns), others = self.sides, list(self._others)
        if others and tuple(np.round(self._back @ point[others] + self._back_shift).astype(int)) != self.numbers:
            return None
        sides = [rows, columns]
        # as napari shows it: a plane of a tilted stack without the tilt
        row, column = np.linalg.solve(self._matrix[np.ix_(sides, sides)], point[sides] - self._matrix[sides, axes])
        return float(row), float(column)

    def world_at(self, row: float, column: float) -> tuple[float, ...]:
        """World coordinates of a row and column, as many as the source has axes."""
        axes, sides, others = len(self.index), list(self.sides), list(self._others)
        world = np.empty(axes)
        world[sides] = self._matrix[np.ix_(sides, sides)] @ (row, column) + self._matrix[sides, axes]
        if others:
            world[others] = np.linalg.solve(self._back, np.asarray(self.numbers) - self._back_shift)
        return tuple(world.tolist())

    @property
    def _others(self) -> tuple[int, ...]:
        return tuple(axis for axis, place in enumerate(self.index) if place is not None)

    @cached_property
    def _matrix(self) -> NDArray[np.float64]:
        return matrix_of(self.placement)

    @cached_property
    def _inverse(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.inv(self._matrix), np.float64)

    @property
    def _back(self) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._inverse[np.ix_(self._others, self._others)]
        return found

    @property
    def _back_shift(self) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._inverse[list(self._others), -1]
        return found

    # -- values ------------------------------------------------------------------------------------------------

    def restored(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Pixels of 8 bits in the values of the source: 0 to 255 become the limits again."""
        if self.limits is None:
            return pixels
        return from_bytes(pixels, self.limits, str(self.dtype))
