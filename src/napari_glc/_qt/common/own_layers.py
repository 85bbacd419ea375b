"""The layers a widget shows: brought up to date where they are there already, added where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._napari.layer_metadata import caution_of
from ..._napari.layer_planes import finest_data
from ..._napari.plane_place import PlanePlace, Source
from .layer_journal import LayerJournal

__all__ = ["OwnLayers"]


class OwnLayers:
    """Results as layers, one for each source and kind of result.

    A layer is recognised by its metadata: a widget that is closed and opened again goes on with the layers of the one
    before, and a user may rename, move or recolour them. The metadata name the layer itself, so that a duplicate, which
    has a copy of them, is nobody's: who wants to keep a result duplicates it.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._journal = LayerJournal(viewer)
        self._unfinished = False

    def find(self, source: str, what: str) -> Any | None:
        """The layer that shows `what` of the source with this key, unless the user has removed it."""
        for layer in self._viewer.layers:
            facts = layer.metadata.get("glc")
            told = (facts.get("source_key"), facts.get("result")) if isinstance(facts, dict) else ()
            if told == (source, what) and facts.get("layer") == str(layer.unique_id):
                return layer
        return None

    def remove(self, source: str, what: str) -> None:
        """Take a layer away, if it is there."""
        layer = self.find(source, what)
        if layer is not None:
            self._viewer.layers.remove(layer)

    def note(self, source: str, what: str, facts: Mapping[str, Any]) -> None:
        """Add facts to the metadata of a layer, if it is there."""
        layer = self.find(source, what)
        if layer is not None:
            layer.metadata = {**layer.metadata, "glc": {**layer.metadata["glc"], **facts}}

    def put(
        self,
        kind: str,
        source: Source,
        what: str,
        data: Any,
        facts: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        first: Mapping[str, Any] | None = None,
        select: bool = False,
    ) -> Any:
        """Show a result.

        Parameters
        ----------
        kind
            ``"image"``, ``"labels"`` or ``"shapes"``.
        source
            Of what it is a result.
        what
            Which result; also what the layer is called after the name of its source.
        data
            Of the layer; a list of arrays for levels of resolution.
        facts
            For ``metadata["glc"]``, where a warning is added unless they have one: whatever a generative codec has
            its hands in is no place to measure.
        options
            Of the layer, set anew each time.
        first
            Options of a new layer that are the user's business afterwards.
        select
            Whether a new layer becomes the active one; else it does not take the selection from what the user works
            on.

        Returns
        -------
        Layer
            The one that was updated, or a new one in the place of one that could not be.
        """
        told = {"source": source.name, "source_key": source.key, "result": what, "title": source.title}
        known = {"warning": caution_of(str(facts.get("codec", ""))), **facts, **told}
        layer = self.find(source.key, what)
        if layer is not None and _can_show(layer, kind, data, options):
            self._update(layer, source, what, data, options)
        else:
            chosen = {**(first or {}), **options, "name": f"{source.title} {what}", "metadata": {"glc": known}}
            layer = self._add(layer, kind, data, chosen, select=select)
        layer.metadata = {"glc": {**known, "layer": str(layer.unique_id)}}
        return layer

    def _update(self, layer: Any, source: Source, what: str, data: Any, options: Mapping[str, Any]) -> None:
        journal = self._journal
        journal.note_data(layer)
        layer.data = data
        # a layer the user has named keeps its name
        if layer.name == f"{layer.metadata['glc'].get('title', source.name)} {what}":
            journal.note_attribute(layer, "name")
            layer.name = f"{source.title} {what}"
        for name, value in options.items():
            if not _equal(getattr(layer, name), value):
                journal.note_attribute(layer, name)
                setattr(layer, name, value)

    def _add(self, old: Any, kind: str, data: Any, options: dict[str, Any], *, select: bool) -> Any:
        """A new layer, in the place of an old one if there is one."""
        layers, place = self._viewer.layers, None
        active = layers.selection.active
        if old is not None:
            place, options["visible"] = layers.index(old), old.visible
            self._journal.note_replaced(old, place)
            layers.remove(old)
        layer = getattr(self._viewer, f"add_{kind}")(data, **options)
        self._journal.note_added(layer)
        if place is not None:
            layers.move(len(layers) - 1, place)
        if not select:
            if active is not None and active in layers:
                layers.selection.active = active
            elif not layer.visible:
                # nobody works on what cannot be seen
                layers.selection.clear()
        return layer

    def put_plane(
        self,
        kind: str,
        source: PlanePlace,
        what: str,
        data: Any,
        facts: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        factor: int = 1,
        corner: tuple[float, float] = (0, 0),
        first: Mapping[str, Any] | None = None,
        select: bool = False,
    ) -> Any:
        """Show a picture or map of a plane where the plane lies, and beside no other plane of its source.

        Parameters
        ----------
        kind, what, facts, options, first, select
            As for :meth:`put`.
        source
            The plane.
        data
            Rows and columns, samples of RGB behind.
        factor, corner
            Pixels and side of an element, and where it begins; see :meth:`PlanePlace.placed`.
        """
        return self.put(
            kind,
            source,
            what,
            source.lifted(data),
            {"plane": source.numbers, **facts},
            {**options, **source.placed(factor, corner)},
            first=first,
            select=select,
        )

    def put_picture(
        self,
        source: PlanePlace,
        what: str,
        pixels: NDArray[np.uint8],
        facts: Mapping[str, Any],
        *,
        display: Mapping[str, Any] | None = None,
        first: Mapping[str, Any] | None = None,
    ) -> Any:
        """Show pixels of 8 bits in the values of their source, displayed as it is.

        Parameters
        ----------
        source, what, facts, first
            As for :meth:`put`.
        pixels
            ``(Y, X)`` or ``(Y, X, 3)``.
        display
            How, if not as `source` says.
        """
        look = source.display if display is None else display
        options = {"rgb": source.rgb, **look}
        return self.put_plane("image", source, what, source.restored(pixels), facts, options, first=first)

    # -- runs ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A run begins; until :meth:`finish` what it shows is unfinished."""
        self._journal.begin()
        self._unfinished = True

    def finish(self) -> None:
        """The run has finished: what it showed stays, and what it shows from now on."""
        self._unfinished = False

    def restore(self) -> None:
        """Take back what an unfinished run has shown: nothing of it stays, also when a dock is closed."""
        if self._unfinished and not self._journal.begun_in_vain:
            self._journal.take_back()
        self._unfinished = False

    @property
    def undoable(self) -> bool:
        """Whether the last run has left anything."""
        return self._journal.anything

    def undo(self) -> tuple[int, int]:
        """Take back what the last run has shown; the numbers of layers removed, and of those put back."""
        return self._journal.take_back()


def _can_show(layer: Any, kind: str, data: Any, options: Mapping[str, Any]) -> bool:
    """Whether a layer can take new data in the place of its own."""
    if type(layer).__name__.lower() != kind:
        return False
    if kind == "shapes":
        return len(layer.data) == len(data) == 1
    if kind == "image" and (layer.rgb != options.get("rgb", False) or layer.multiscale != isinstance(data, list)):
        return False
    finest, shown = (levels[0] if isinstance(levels, list) else levels for levels in (data, finest_data(layer)))
    return bool(finest.ndim == shown.ndim and finest.dtype == shown.dtype)


def _equal(old: Any, new: Any) -> bool:
    """Whether an option has a value already: setting one makes napari draw; unknown types count as different."""
    if isinstance(new, np.ndarray):
        old = np.asarray(getattr(old, "affine_matrix", old), float)
        return bool(old.shape == new.shape and np.array_equal(old, new))
    if isinstance(new, str):
        return str(getattr(old, "name", old)) == new
    if isinstance(new, (tuple, list)):
        return list(map(str, old)) == list(map(str, new))
    return isinstance(new, (bool, int, float)) and bool(old == new)
