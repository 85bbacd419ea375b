"""A lazy array that never keeps the canvas waiting, and never gives anybody else anything but its samples.

::

    napari's canvas, in the window's thread --> what there is: a coarse picture, the blocks decoded so far
    anybody else (console, widgets, other plugins, threads) --> the samples, decoded if they are not yet

napari slices a layer's data in the thread of its window, unless people have switched that off in its experimental
preferences, and waits for what comes. So for the canvas, and for it alone, an array that would have to be decoded first
gives a stand-in that is filled while people look at it (``_qt/common/filling.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from .window import window

__all__ = ["CanvasArray", "Family", "for_canvas"]

_CANVAS = "napari.layers._scalar_field"
"""The modules of napari that slice images for display. Should they move, slicing waits again, and nothing is wrong."""


class Family:
    """What the levels of one layer have in common.

    Parameters
    ----------
    name
        Of what is decoded, for people.
    background
        The value of samples of which nothing is known yet.
    settles
        Whether the layer is to hold a plain array as soon as all of it is decoded.
    """

    def __init__(self, name: str, background: float = 0, *, settles: bool = False) -> None:
        self.name, self.background, self.settles = name, background, settles


class CanvasArray(da.Array):
    """A dask array, or a part of one; see the module.

    Attributes
    ----------
    family
        The layer's.
    level
        Of resolution, 0 the finest.
    preview
        An array of the same shape that is there sooner, or ``None``.
    """

    family: Family
    level: int
    preview: Any

    @classmethod
    def of(cls, array: Any, family: Family, level: int = 0, preview: Any = None) -> CanvasArray:
        """A dask array for the canvas."""
        made: CanvasArray = cls(array.dask, array.name, array.chunks, meta=array._meta)
        made.family, made.level, made.preview = family, level, preview
        return made

    def plain(self) -> Any:
        """The same as an ordinary dask array."""
        return da.Array(self.dask, self.name, self.chunks, meta=self._meta)  # type: ignore[no-untyped-call]

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)  # type: ignore[no-untyped-call]
        if part is self or type(part) is not da.Array:
            return part
        return self.of(part, self.family, self.level, None if self.preview is None else self.preview[index])

    def __array__(self, dtype: Any = None, copy: bool | None = None, **options: Any) -> NDArray[Any]:
        asked_by = str(sys._getframe(1).f_globals.get("__name__", ""))
        there = window() if asked_by.startswith(_CANVAS) else None
        shown = None if there is None else there.shown(self)
        if shown is None:
            return np.asarray(super().__array__(dtype, copy, **options))  # type: ignore[no-untyped-call]
        return np.asarray(shown, dtype)


def for_canvas(
    levels: list[Any],
    name: str,
    *,
    previews: list[Any] | None = None,
    change: Callable[[Any], Any] = lambda level: level,
    background: float = 0,
    settles: bool = False,
) -> list[CanvasArray]:
    """The levels of a layer, the finest first, as arrays for the canvas.

    Parameters
    ----------
    levels
        dask arrays.
    name, background, settles
        See :class:`Family`.
    previews
        For each level an array of its shape that is there sooner, or ``None``.
    change
        What is done to levels and previews alike: axes moved, a channel taken.
    """
    family = Family(name, background, settles=settles)
    early = previews or [None] * len(levels)
    return [
        CanvasArray.of(change(level), family, number, None if preview is None else change(preview))
        for number, (level, preview) in enumerate(zip(levels, early, strict=True))
    ]
