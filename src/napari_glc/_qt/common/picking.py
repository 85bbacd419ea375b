"""Positions picked in one widget, told to the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from .base import GlcWidget

__all__ = ["Picked", "picks"]


@dataclass(frozen=True)
class Picked:
    """A picked place.

    Attributes
    ----------
    source
        The widget in which it was picked.
    world
        World coordinates of the place, one for each dimension of the viewer.
    """

    source: object
    world: tuple[float, ...]

    def concerns(self, widget: GlcWidget) -> bool:
        """Whether a widget is to follow: another one of the same viewer."""
        theirs = getattr(self.source, "viewer", widget.viewer)
        return self.source is not widget and _bare(theirs) is _bare(widget.viewer)


def _bare(viewer: Any) -> Any:
    """What is behind the proxies napari hands to widgets, a new one to each."""
    return getattr(viewer, "__wrapped__", viewer)


class _Picks(QObject):
    picked = Signal(object)


_picks: list[_Picks] = []


def picks() -> _Picks:
    """The signal ``picked`` all widgets share; carries a :class:`Picked`."""
    if not _picks:
        _picks.append(_Picks())
    return _picks[0]
