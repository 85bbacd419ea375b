"""Decoded planes to the array they were, or a region of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container import ArrayKind, Box
from ..errors import OptionError
from .layout import Layout
from .planes import from_plane
from .scaling import from_bytes

__all__ = ["Region", "assembled"]


@dataclass(frozen=True)
class Region:
    """A part of an array.

    Attributes
    ----------
    leading
        Indices along each leading axis.
    box
        Rows and columns.
    axes
        Axes of the result, in the order of the array.
    """

    leading: tuple[range, ...]
    box: Box
    axes: str

    @property
    def pixels(self) -> int:
        """Pixels of all planes."""
        return math.prod(map(len, self.leading)) * self.box.height * self.box.width

    @classmethod
    def of(cls, layout: Layout, shape: tuple[int, ...], region: Any) -> Region:
        """Read slices and integers, in the order of the array's axes without its samples.

        Parameters
        ----------
        layout, shape
            Of the array; `shape` at the level in question.
        region
            A tuple, shorter ones as for numpy; ``None`` for everything.

        Raises
        ------
        OptionError
            If it is something else, or empty.
        """
        axes = [a for a in layout.axes if a != "S"]
        given = () if region is None else region if isinstance(region, tuple) else (region,)
        if len(given) > len(axes):
            raise OptionError(f"the region {region} has more parts than the axes {''.join(axes)}")
        bounds: dict[str, range] = {}
        kept = ""
        for axis, part in zip(axes, [*given, *[slice(None)] * (len(axes) - len(given))], strict=True):
            length = shape[layout.axes.index(axis)]
            if isinstance(part, slice) and part.step in (None, 1):
                bounds[axis] = range(*part.indices(length))
                kept += axis
            elif isinstance(part, (int, np.integer)):
                if not -length <= part < length:
                    raise OptionError(f"index {part} lies beyond axis {axis} of length {length}")
                bounds[axis] = range(part % length, part % length + 1)
            else:
                raise OptionError(f"a region is slices of step 1 and integers, not {part!r}")
        if not all(bounds.values()):
            raise OptionError(f"the region {region} holds no pixel of {' x '.join(map(str, shape))}")
        rows, columns = bounds["Y"], bounds["X"]
        return cls(
            leading=tuple(bounds[a] for a in layout.leading_axes),
            box=Box(rows.start, columns.start, rows.stop, columns.stop),
            axes="".join(a for a in layout.axes if a in kept or a == "S"),
        )


def assembled(layout: Layout, region: Region, plane: Callable[[int, int, int], NDArray[np.uint8]]) -> NDArray[Any]:
    """Samples of a region in their own type and order of axes.

    Parameters
    ----------
    layout
        Of the array.
    region
        The part.
    plane
        Gives the pixels ``(h, w, 3)`` of the region in a plane; told how many planes are done and how many there are.
    """
    places = list(itertools.product(*region.leading))
    by_plane: dict[int, list[tuple[tuple[int, ...], int]]] = {}
    for place in places:
        number, component = layout.plane_of(place)
        by_plane.setdefault(number, []).append((place, component))
    sides = (region.box.height, region.box.width)
    out = np.empty((len(places), *sides, *((layout.samples,) if "S" in layout.axes else ())), layout.dtype)
    where = {place: index for index, place in enumerate(places)}
    for done, (number, members) in enumerate(by_plane.items()):
        pixels = plane(number, done, len(by_plane))
        for place, component in members:
            if "S" in layout.axes:
                out[where[place]][..., :3] = from_bytes(pixels, layout.range_of(place), layout.dtype)
            else:
                grey = pixels[..., component] if layout.packed else from_plane(pixels, ArrayKind.GREY8)
                out[where[place]] = from_bytes(grey, layout.range_of(place), layout.dtype)
    if layout.samples == 4:
        kind = np.dtype(layout.dtype)
        out[..., 3] = 1 if kind.kind == "f" else np.iinfo(kind).max
    whole = out.reshape(*map(len, region.leading), *out.shape[1:])
    # single planes of integers lose their axes here, all others take their places
    gone = tuple(i for i, a in enumerate(layout.leading_axes + "YX") if a not in region.axes)
    return layout.canonical(whole.squeeze(gone), region.axes)
