"""What a run added to the viewer and what it changed there, so that it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["LayerJournal"]


@dataclass
class _Before:
    """A layer before the run: its data, and every attribute that was set since."""

    layer: Any
    data: Any
    attributes: dict[str, Any] = field(default_factory=dict)


class LayerJournal:
    """Notes what happens to layers from the first change of a run on.

    A run that changes nothing, since it fails or is cancelled, leaves the notes of the one before.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._begun = False
        self._added: list[Any] = []
        self._changed: list[_Before] = []
        self._replaced: list[tuple[Any, int]] = []

    def begin(self) -> None:
        """A run begins: what it changes first takes the place of all notes."""
        self._begun = True

    def _open(self) -> None:
        if self._begun:
            self._begun = False
            self._clear()

    def _clear(self) -> None:
        self._added, self._changed, self._replaced = [], [], []

    # -- notes -----------------------------------------------------------------------------------------------

    def note_added(self, layer: Any) -> None:
        """A layer was added."""
        self._open()
        self._added.append(layer)

    def note_replaced(self, layer: Any, place: int) -> None:
        """A layer is removed from a place in the list because it cannot show what is to be shown."""
        self._open()
        if not self._is_new(layer):
            self._replaced.append((layer, place))

    def note_data(self, layer: Any) -> None:
        """The data of a layer are about to change."""
        self._of(layer)

    def note_attribute(self, layer: Any, name: str) -> None:
        """An attribute of a layer is about to change."""
        before = self._of(layer)
        if before is not None:
            before.attributes.setdefault(name, getattr(layer, name))

    def _of(self, layer: Any) -> _Before | None:
        """Notes on a layer; none are taken of one that is the run's own."""
        self._open()
        if self._is_new(layer):
            return None
        found = next((before for before in self._changed if before.layer is layer), None)
        if found is None:
            found = _Before(layer, layer.data, {"metadata": dict(layer.metadata)})
            self._changed.append(found)
        return found

    def _is_new(self, layer: Any) -> bool:
        return any(layer is added for added in self._added)

    # -- taking back -------------------------------------------------------------------------------------------

    @property
    def anything(self) -> bool:
        """Whether there is something to take back that the user has not removed."""
        there = self._viewer.layers
        touched = [*self._added, *(before.layer for before in self._changed)]
        return bool(self._replaced) or any(layer in there for layer in touched)

    @property
    def begun_in_vain(self) -> bool:
        """Whether the present run has changed nothing so far."""
        return self._begun

    def take_back(self) -> tuple[int, int]:
        """Remove what was added and restore what was changed, as far as the user has left it there.

        Returns
        -------
        removed, restored
            Numbers of layers.
        """
        layers = self._viewer.layers
        added, changed, replaced = self._added, self._changed, self._replaced
        self._clear()
        gone = [layer for layer in added if layer in layers]
        for layer in gone:
            layers.remove(layer)
        back = 0
        for layer, place in reversed(replaced):
            layers.insert(min(place, len(layers)), layer)
            back += 1
        for before in changed:
            if before.layer in layers:
                before.layer.data = before.data
                for name, value in before.attributes.items():
                    setattr(before.layer, name, value)
                back += not any(before.layer is layer for layer, _ in replaced)
        return len(gone), back
