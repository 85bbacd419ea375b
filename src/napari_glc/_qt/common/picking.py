"""Positions picked in one widget, told to the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QObject, Signal

__all__ = ["Codebook", "Picked", "picks"]


@dataclass(frozen=True)
class Codebook:
    """Codewords an index map chooses from.

    Attributes
    ----------
    size
        How many.
    model
        Hash of the model they belong to.
    name
        Of the model; two names of one model are no difference.
    """

    size: int
    model: str
    name: str = field(compare=False)

    @property
    def words(self) -> str:
        """For a message."""
        return f"{self.size} codewords of {self.name}"


@dataclass(frozen=True)
class Picked:
    """A picked place.

    Attributes
    ----------
    source
        The widget in which it was picked.
    world
        World coordinates of the place, one for each dimension of the viewer.
    codebook
        Which codewords are shown there; ``None`` for none.
    """

    source: object
    world: tuple[float, ...]
    codebook: Codebook | None = None

    def concerns(self, widget: Any) -> bool:
        """Whether a widget is to follow: another one of the same viewer."""
        theirs = getattr(self.source, "viewer", widget.viewer)
        return self.source is not widget and _bare(theirs) is _bare(widget.viewer)

    def words_beside(self, codebook: Codebook | None) -> str:
        """What to tell in a widget that shows the place in another codebook; empty if it shows the same, or none."""
        there = self.codebook
        if codebook is None or there is None or codebook == there:
            return ""
        return f"Picked among {there.words}; here there are {codebook.words}: the same index means another codeword."


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
