"""Dock widget: the index map of a picture or of a ``.glc`` file, its codewords and how often they are used."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.compat import isalive
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QSpinBox, QWidget

from ..._napari.layer_planes import is_source, plane_of_layer
from ..._napari.settings import preferred_device
from ...codecs.registry import config_of
from ...errors import UnsupportedArrayError
from ..common.base import GlcWidget
from ..common.choices import choice_of
from ..common.coding_fields import ModelChoice, codecs_that, no_model_of
from ..common.export_row import ExportRow
from ..common.jobs import Report
from ..common.paths import path_to_open
from ..common.picking import Codebook, Picked, picks
from ..common.range_choice import RangeChoice
from .codeword_panel import CodewordPanel, UsagePlot
from .layers import CODEWORD, COLORMAPS, IndexLayers, rank_colours, weakly
from .work import Found, Kept, inspect_file, inspect_plane

__all__ = ["IndexWidget"]

_NONE = -1
_MOST_PLANES = 999_999
_HINT = "Point at the map to see a codeword; click it, with the map's layer selected, to find all its places."


class IndexWidget(GlcWidget):
    """Shows which codeword stands where.

    Parameters
    ----------
    napari_viewer
        The viewer it lives in.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, "Show index map")
        self._kept = Kept()
        self._layers = IndexLayers(napari_viewer)
        self.offer_undo(self._layers)
        self._codecs = codecs_that(lambda entry: entry.capabilities.index_map)
        self._found: Found | None = None
        self._layer: Any = None
        self._again = False
        self._pointed: tuple[int, int] | None = None
        self._build()
        self.refresh()
        self._moved, self._clicked = weakly(self._on_move), weakly(self._on_click)
        napari_viewer.mouse_move_callbacks.append(self._moved)
        picks().picked.connect(self._on_pick)
        self.on_release(self._let_go)

    def _build(self) -> None:
        self.origin = choice_of({"layer": "Image layer", "file": ".glc file"})
        self.add_row("&Of", self.origin, "Show the map of a layer, or the one a file holds")
        self.source = self.add_layer_choice("&Layer", "The picture; of a stack, the plane on display")
        self.source.changed.connect(self._clear)
        self.range = RangeChoice()
        self.add_row("&Values", self.range, self.range.tip)
        self.path = QLineEdit()
        self.path.setPlaceholderText("a file with an index map")
        browse = QPushButton("...")
        browse.setFixedWidth(30)
        browse.setToolTip("Choose a file")
        browse.setAccessibleName("Choose a file")
        self.file_row = QWidget()
        row = QHBoxLayout(self.file_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.path, 1)
        row.addWidget(browse)
        self.add_row("&File", self.file_row, "A .glc file; its map is read without decoding pixels")
        self.form.labelForField(self.file_row).setBuddy(self.path)
        self.path.setToolTip(self.file_row.toolTip())
        self.path.setAccessibleName("File")
        self.plane = QSpinBox()
        self.plane.setRange(0, _MOST_PLANES)
        self.add_row("Pla&ne", self.plane, "Of a file that holds a stack: number of the plane, counted from 0")
        self.model = ModelChoice(self._codecs)
        self.add_row("&Model", self.model, "Whose codebooks; a file names its own")
        self.codebook = choice_of({})
        self.add_row("Code&book", self.codebook, "How many codewords the map may choose from: the fewer, the coarser")
        self._list_codebooks()
        self.colormap = choice_of({name: name for name in COLORMAPS})
        self.add_row(
            "&Colours", self.colormap, "Colours along the order of the codewords: close colours, similar codewords"
        )
        self.codeword = QSpinBox()
        self.codeword.setRange(_NONE, _NONE)
        self.codeword.setSpecialValueText("none")
        self.codeword.setKeyboardTracking(False)
        self.add_row("Code&word", self.codeword, "The codeword whose places are shown; everything else is darkened")

        self.panel = CodewordPanel()
        self.summary = QLabel("")
        self.summary.setWordWrap(True)
        self.summary.setAccessibleName("Summary")
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.plot = UsagePlot(self.viewer)
        self.on_release(self.plot.detach)
        for part in (self.panel, self.summary, self.plot):
            self.body.addWidget(part)
        self.saving = self.add_export(ExportRow("codewords", table=self._usage, figure=lambda: self.plot.figure))
        self.body.addStretch(1)
        self.panel.show_codeword(_HINT, None)

        self.origin.currentIndexChanged.connect(self._switch_origin)
        self.origin.currentIndexChanged.connect(self._clear)
        self.path.textChanged.connect(self._clear)
        self.path.textChanged.connect(self.refresh)
        browse.clicked.connect(self._browse)
        self.model.currentIndexChanged.connect(self._list_codebooks)
        for box in (self.codebook, self.range):
            box.currentIndexChanged.connect(self._show_anew)
        self.colormap.currentIndexChanged.connect(self._recolour)
        self.codeword.valueChanged.connect(self._show_selection)
        self.plot.mpl_connect("button_press_event", self._on_plot_click)
        self._switch_origin()

    # -- choices ---------------------------------------------------------------------------------------------

    @property
    def of_file(self) -> bool:
        """Whether a file's map is wanted."""
        return bool(self.origin.currentData() == "file")

    def _switch_origin(self) -> None:
        of_file = self.of_file
        for part in (self.file_row, self.plane):
            self.form.setRowVisible(part, of_file)
        for part in (self.source, self.range, self.model):
            self.form.setRowVisible(part, not of_file)
        self.codebook.setEnabled(not of_file)
        self.refresh()

    def _browse(self) -> None:
        path = path_to_open(self)
        if path is not None:
            self.path.setText(str(path))

    def _list_codebooks(self) -> None:
        blocked = self.codebook.blockSignals(True)
        self.codebook.clear()
        if self.model.chosen is not None:
            for level, size in reversed(list(enumerate(config_of(self.model.chosen).codebooks))):
                self.codebook.addItem(f"{size} codewords", level)
        self.codebook.blockSignals(blocked)

    def _show_anew(self) -> None:
        """Show the map in another codebook, or of other values, at once if there is one on display."""
        if self.of_file or self._found is None or self.obstacle():
            return
        if self.busy:
            self._again = True
            self.cancel()
        else:
            self.run()

    def obstacle(self) -> str:
        """See :meth:`GlcWidget.obstacle`."""
        if self.of_file:
            return "" if self.path.text().strip() else "Choose a .glc file."
        if self.model.chosen is None:
            return no_model_of(self._codecs)
        return "" if self.source.layer is not None else "There is no image layer."

    # -- work ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Find the map, its bits and the codewords in it."""
        device = preferred_device()
        work: Callable[[Report], Found]
        if self.of_file:
            work = partial(inspect_file, Path(self.path.text().strip()), self.plane.value(), device, self._kept)
        else:
            model, level = self.model.chosen, int(self.codebook.currentData())
            assert model is not None
            try:
                plane = plane_of_layer(self.source.layer, self.viewer.dims)
            except UnsupportedArrayError as error:
                self._clear()
                self.tell_error(error)
                return
            work = partial(inspect_plane, plane, self.range.rule, model, level, device, self._kept)
        self._layers.begin()
        job = self.start(work, "Index map", self._on_done, shown=self._present)
        job.ended.connect(self._run_again)

    def _run_again(self) -> None:
        if self._again:
            self._again = False
            if not self.obstacle():
                self.run()

    def _on_done(self, found: Found) -> None:
        self._present(found)
        self.tell("" if self._found is found else "Another layer was chosen meanwhile; nothing was added.")

    def undone(self) -> None:
        """See :meth:`GlcWidget.undone`."""
        self._clear()

    def _clear(self) -> None:
        """Another picture is chosen: what is told of the last map is not about it."""
        self._found = self._pointed = None
        self.watch.forget()
        blocked = self.codeword.blockSignals(True)
        self.codeword.setRange(_NONE, _NONE)
        self.codeword.blockSignals(blocked)
        self.summary.clear()
        self.saving.enable(False)
        self.panel.show_codeword(_HINT, None)
        self.plot.clear_usage()

    def _present(self, found: Found) -> None:
        """Show what is known by now; called again when more is."""
        if not self.of_file and not is_source(found.source, self.source.layer):
            return
        before, self._found = self._found, found
        if self.of_file or self.source.layer is None:
            self.watch.forget()
        else:
            self.watch.results_are_of(self.source.layer, found.source)
        if before is None or before.map is not found.map:
            self._layer = self._layers.put_map(
                found.source, found.map, found.codewords.order, self.colormap.currentText(), found.facts
            )
            if self._clicked not in self._layer.mouse_drag_callbacks:
                self._layer.mouse_drag_callbacks.append(self._clicked)
            self._pointed = None
            if self.of_file:
                self.go_to(found.source)
            self.later(self._draw_usage)
            same = before is not None and before.facts == found.facts and before.source.key == found.source.key
            blocked = self.codeword.blockSignals(True)
            self.codeword.setRange(_NONE, found.map.size - 1)
            if not same:
                self.codeword.setValue(_NONE)
            self.codeword.blockSignals(blocked)
        self.summary.setText(found.summary())
        self.saving.name = found.source.title
        self.saving.enable(True)
        self._show_selection()

    def _draw_usage(self) -> None:
        found = self._found
        if found is None:  # another layer was chosen meanwhile
            return
        self.plot.draw_usage(
            found.map.counts[found.codewords.order], rank_colours(found.map.size, self.colormap.currentText())
        )

    def _usage(self) -> list[dict[str, Any]]:
        """How often each codeword occurs, and what it costs there."""
        return [] if self._found is None else self._found.usage()

    def _recolour(self) -> None:
        layer, found = self._map_layer(), self._found
        if found is None or layer is None:
            return
        self._layers.put_map(found.source, found.map, found.codewords.order, self.colormap.currentText(), found.facts)
        self._draw_usage()
        self._show_selection()

    # -- pointing and selecting --------------------------------------------------------------------------------

    def _map_layer(self) -> Any | None:
        """The map's layer, if it still exists."""
        return self._layer if self._layer is not None and self._layer in self.viewer.layers else None

    def _cell(self, world: Any) -> tuple[int, int] | None:
        """The position of the map at a place, if there is one."""
        if self._map_layer() is None or self._found is None:
            return None
        found = self._found.map
        pixel = self._found.source.pixel_at(world)
        if pixel is None:
            return None
        row, column = (int(np.floor((v + 0.5) / found.factor)) for v in pixel)
        height, width = found.indices.shape
        return (row, column) if 0 <= row < height and 0 <= column < width else None

    def _on_move(self, viewer: Any, event: Any) -> None:
        cell = self._cell(event.position)
        if cell != self._pointed:
            self._pointed = cell
            self._show_codeword()

    def _on_click(self, layer: Any, event: Any) -> Iterator[None]:
        """Select what is clicked, unless the mouse moves: then the user pans."""
        start, position = np.array(event.pos), event.position
        yield
        while event.type == "mouse_move":
            yield
        if layer is self._layer and np.abs(np.array(event.pos) - start).max() <= 3:
            self.select_at(position)

    def select_at(self, world: Any) -> None:
        """Select the codeword at a place and tell the other widgets."""
        cell = self._cell(world)
        if cell is not None:
            self._select_cell(cell)
            picks().picked.emit(Picked(self, tuple(map(float, world)), self._codebook))

    def _on_pick(self, picked: Picked) -> None:
        """Follow what was picked in another widget of the same viewer."""
        if not picked.concerns(self):
            return
        cell = self._cell(picked.world)
        if cell is not None:
            self._select_cell(cell)
            self.tell_picked(picked, self._codebook)

    @property
    def _codebook(self) -> Codebook | None:
        """Of the map on display."""
        found = self._found
        return None if found is None else Codebook(found.map.size, found.model.sha256, found.model.name)

    def _select_cell(self, cell: tuple[int, int]) -> None:
        assert self._found is not None
        self.codeword.setValue(int(self._found.map.indices[cell]))

    def _on_plot_click(self, event: Any) -> None:
        rank = self.plot.nearest(event.xdata)
        if rank is not None and self._found is not None:
            self.codeword.setValue(int(self._found.codewords.order[rank]))

    def _show_selection(self) -> None:
        """Darken everything but the selected codeword's positions."""
        found = self._found
        if found is None:
            return
        index = self.codeword.value()
        if index != _NONE and self._map_layer() is not None:
            facts = {"index": index, "count": int(found.map.counts[index])}
            chosen = found.map.indices == index
            self._layers.put_places(found.source, chosen, found.map.factor, facts)
        else:
            self._layers.remove(found.source.key, CODEWORD)
        ranks = np.flatnonzero(found.codewords.order == index)
        self.plot.mark(int(ranks[0]) if len(ranks) else None)
        self._show_codeword()

    def _show_codeword(self) -> None:
        """Tell about the codeword under the mouse, else about the selected one."""
        found, cell = self._found, self._pointed
        if found is None:
            return
        index = int(found.map.indices[cell]) if cell is not None else self.codeword.value()
        if index < 0:
            self.panel.show_codeword("This position is lost." if cell is not None else _HINT, None)
            return
        patch = found.codewords.patches[index] if found.codewords.known[index] else None
        self.panel.show_codeword(found.about(index, cell), patch)

    def _let_go(self) -> None:
        """Take the callbacks off the viewer and its layers."""
        with contextlib.suppress(ValueError):
            self.viewer.mouse_move_callbacks.remove(self._moved)
        for layer in self.viewer.layers:
            with contextlib.suppress(ValueError):
                layer.mouse_drag_callbacks.remove(self._clicked)
        shared = picks()
        if isalive(shared):  # at exit it may be gone before the widget
            with contextlib.suppress(TypeError, RuntimeError):  # or the widget before it
                shared.picked.disconnect(self._on_pick)
