"""Positions picked in one widget, told to the others."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QObject, Signal

__all__ = ["Picked", "picks"]


@dataclass(frozen=True)
class Picked:
    """A picked place.

    Attributes
    ----------
    source
        The widget in which it was picked.
    world
        World coordinates of the place: row, column.
    """

    source: object
    world: tuple[float, float]


class _Picks(QObject):
    picked = Signal(object)


_picks: list[_Picks] = []


def picks() -> _Picks:
    """The signal ``picked`` all widgets share; carries a :class:`Picked`."""
    if not _picks:
        _picks.append(_Picks())
    return _picks[0]
