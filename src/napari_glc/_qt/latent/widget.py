"""Dock widget: the latent of a picture, what the codec makes of it, and where attention looks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QWidget

from ..._napari.layer_planes import plane_of_layer
from ..._napari.settings import preferred_device
from ...codecs.registry import codec_named
from ...errors import UnsupportedArrayError
from ...inspection.latent.attention_kinds import attention_kind
from ..common.base import GlcWidget
from ..common.canvas_picks import follow_picks
from ..common.choices import allow, choice_of
from ..common.coding_fields import ModelChoice, QualityField, codecs_that, no_model_of
from ..common.export_row import ExportRow
from ..common.picking import Codebook, Picked, picks
from ..common.plot import Plot
from ..common.range_choice import RangeChoice
from .again_panel import AgainPanel
from .layers import OF_GRIDS, OF_LATENT, OVERLAYS, VIEWS, LatentLayers
from .work import LatentRun, StoredPlane, attend, inspect

if TYPE_CHECKING:
    from ...codecs.entry import CodecEntry
    from ...inspection.latent.attention import AttentionMap

__all__ = ["LatentWidget"]


class LatentWidget(GlcWidget):
    """Shows latents, symbols, scales, hyper indices and attention as layers over their picture.

    Parameters
    ----------
    napari_viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, run_text="Show")
        self._layers = LatentLayers(napari_viewer)
        self.offer_undo(self._layers)
        self._codecs = codecs_that(_has_maps)
        self._run: LatentRun | None = None
        self._wanted: tuple[float, ...] | None = None
        self._again = False
        self._channels: list[dict[str, float]] = []

        self.source = self.add_layer_choice("&Layer", "Image whose latent to look at; the plane on display is taken")
        self.source.changed.connect(self._clear)
        self.range = RangeChoice()
        self.add_row("&Values", self.range, self.range.tip)
        self.model = ModelChoice(self._codecs)
        self.add_row("&Model", self.model, "Model whose encoder makes the latent")
        self.quality = QualityField()
        tip = "0 to 100: changes coefficients, symbols and codewords, not the latent"
        self.quality.name("Quality", tip)
        self.add_row("&Quality", self.quality, tip)
        self.view = choice_of(VIEWS)
        self.add_row("&What", self.view, "What to add as a layer")
        self.overlay = choice_of(OVERLAYS)
        self.add_row(
            "&Outlines",
            self.overlay,
            "Windows of 32 x 32 latent positions: within these, patch attention works. "
            "Tiles: units of the file; a small remainder joins its neighbour",
        )
        self.attention = choice_of({})
        self.add_row("&Attention", self.attention, "")
        self.attention_note = _wrapped("Attention that is shown")
        self.form.addRow(self.attention_note)
        self.row, self.column = QSpinBox(), QSpinBox()
        both = QWidget()
        line = QHBoxLayout(both)
        line.setContentsMargins(0, 0, 0, 0)
        for box, name in ((self.row, "Row"), (self.column, "Column")):
            box.setAccessibleName(f"{name} of the picked position")
            box.setToolTip(f"{name} of the latent position, counted from 0")
            box.setKeyboardTracking(False)
            box.setEnabled(False)
            box.valueChanged.connect(self._on_boxes)
            line.addWidget(box)
        self.add_row("&Position", both, "Latent position to look at: row and column, or click on the picture")
        both.setFocusProxy(self.row)
        self.again = AgainPanel(self, self.source, self._layers)
        self.numbers = _wrapped("Numbers of the picked position")
        self.numbers.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.body.addWidget(self.numbers)
        self.plot = Plot(napari_viewer, height=170)
        self.plot.setAccessibleName("Values of the picked position in each channel")
        self.plot.setToolTip("Values of the picked position in each channel")
        self.plot.setVisible(False)
        self.on_release(self.plot.detach)
        self.body.addWidget(self.plot)
        self.saving = self.add_export(
            ExportRow("position", table=lambda: self._channels, figure=lambda: self.plot.figure)
        )
        self.saving.setVisible(False)
        self.body.addStretch()

        self.model.currentIndexChanged.connect(self._on_model)
        self.overlay.currentIndexChanged.connect(self._on_overlay)
        self.attention.currentIndexChanged.connect(self._look)
        self.on_release(follow_picks(napari_viewer, self))
        self._on_model()

    # -- what can be chosen -----------------------------------------------------------------------------------

    def obstacle(self) -> str:
        """Why nothing can be shown now."""
        if self.source.layer is None:
            return "Open an image first: there is no image layer."
        return no_model_of(self._codecs) if self.model.chosen is None else ""

    def _on_model(self) -> None:
        model = self.model.chosen
        if model is None:
            self.refresh()
            return
        can = codec_named(model.codec).capabilities
        for view in VIEWS:
            there = can.grids if view in OF_GRIDS else can.coefficients or view in OF_LATENT
            what = "grids" if view in OF_GRIDS else "coefficients, scales or hyper-latent"
            allow(self.view, view, "" if there else f"Codec {model.codec} has no {what}")
        kind = attention_kind(model)
        blocked = self.attention.blockSignals(True)
        self.attention.clear()
        self.attention.addItem("None", -1)
        for number, name in enumerate(kind.layers):
            self.attention.addItem(name, number)
        self.attention.setCurrentIndex(min(1, len(kind.layers)))
        self.attention.setEnabled(bool(kind.layers))
        self.attention.setToolTip(
            "Layer whose attention is shown for the picked position" if kind.layers else kind.note
        )
        self.attention.blockSignals(blocked)
        self.attention_note.setText(kind.note)
        self.refresh()

    def refresh(self) -> None:
        """Enable what is possible."""
        super().refresh()
        self.again.refresh()

    def _on_overlay(self) -> None:
        if self._run is not None and self._source_is_there(self._run):
            self._layers.outline(self.overlay.currentData(), self._run.plane, self._run.result.factor)

    def _source_is_there(self, run: LatentRun) -> bool:
        return run.source in self.viewer.layers

    # -- the latent -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Compute what is asked for, unless the last run knows it, and show it."""
        layer, model = self.source.layer, self.model.chosen
        if layer is None or model is None or self.busy:
            return
        try:
            plane = plane_of_layer(layer, self.viewer.dims)
        except UnsupportedArrayError as error:
            self._clear()
            self.tell_error(error)
            return
        quality, view = self.quality.value, self.view.currentData()
        stored = StoredPlane.of_layer(layer, plane)
        work = partial(inspect, model, preferred_device(), plane, self.range.rule, stored, quality, self._run)
        self._layers.begin()
        self.start(work, "Analysing", partial(self._shown, layer, view))

    def undone(self) -> None:
        """See :meth:`GlcWidget.undone`."""
        self._clear()

    def _clear(self) -> None:
        """Another picture is chosen: what is told of the last one is not about it."""
        self._run = None
        self.watch.forget()
        if hasattr(self, "plot"):
            self.numbers.clear()
            self.plot.setVisible(False)
            self.saving.setVisible(False)
            for box in (self.row, self.column):
                box.setEnabled(False)

    def _shown(self, layer: Any, view: str, run: LatentRun) -> None:
        if layer not in self.viewer.layers:
            self.tell("The layer was removed meanwhile; nothing was added.")
            return
        if layer is not self.source.layer:
            self.tell("Another layer was chosen meanwhile; nothing was added.")
            return
        self._run, run.source = run, layer
        made, words = self._layers.show(view, run.plane, run.result, run.about)
        self._layers.outline(self.overlay.currentData(), run.plane, run.result.factor)
        channels = len(run.result.latent)
        rows, columns = run.positions
        sizes = getattr(run.result, "payload_bytes", ())
        if run.stored is not None:
            words += f" As stored in {run.stored.path.name}, quality {run.quality:g}."
        stream = f" Stream: {sum(sizes)} bytes in {len(sizes)} tile{'s' * (len(sizes) != 1)}." if sizes else ""
        self.tell(f"Layer '{made.name}'. {channels} channels of {rows} x {columns} positions. {words}{stream}")
        self.watch.results_are_of(layer, run.plane)
        for box, count in ((self.row, rows), (self.column, columns)):
            blocked = box.blockSignals(True)
            box.setRange(0, count - 1)
            box.setEnabled(True)
            box.blockSignals(blocked)
        if self._wanted is not None:
            self.pick_world(self._wanted, tell=False)

    # -- one position -----------------------------------------------------------------------------------------

    def pick_world(self, world: tuple[float, ...], *, tell: bool = True) -> bool:
        """Pick the latent position under world coordinates; says whether there is one.

        Parameters
        ----------
        world
            The place, a number for each dimension of the viewer.
        tell
            Whether other widgets are to follow.
        """
        self._wanted = world
        position = self._position_at(world)
        if position is None:
            return False
        for box, value in zip((self.row, self.column), position, strict=True):
            blocked = box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(blocked)
        self._describe()
        if tell:
            picks().picked.emit(Picked(self, world, self._codebook))
        return True

    def _position_at(self, world: tuple[float, ...]) -> tuple[int, int] | None:
        """Row and column of the latent under world coordinates, if there is one."""
        pixel = None if self._run is None else self._run.plane.pixel_at(world)
        if self._run is None or pixel is None:
            return None
        row, column = (int(np.floor((v + 0.5) / self._run.result.factor)) for v in pixel)
        rows, columns = self._run.positions
        return (row, column) if 0 <= row < rows and 0 <= column < columns else None

    def _on_boxes(self) -> None:
        if self._run is None:
            return
        row, column = ((box.value() + 0.5) * self._run.result.factor - 0.5 for box in (self.row, self.column))
        world = self._run.plane.world_at(row, column)
        before = self.viewer.dims.point[: max(0, self.viewer.dims.ndim - len(world))]
        self.pick_world((*map(float, before), *world))

    def on_picked(self, picked: Picked) -> None:
        """Follow what was picked in another widget."""
        if picked.concerns(self):
            # before the attention is looked for, which puts back what was told
            if self._position_at(picked.world) is not None:
                self.tell_picked(picked, self._codebook)
            self.pick_world(picked.world, tell=False)

    @property
    def _codebook(self) -> Codebook | None:
        """Of what is shown; ``None`` for codecs without one."""
        from ...inspection.latent.latents import IndexedLatent

        run = self._run
        if run is None or not isinstance(run.result, IndexedLatent):
            return None
        return Codebook(run.result.codebook_size, run.model.sha256, run.model.name)

    def _describe(self) -> None:
        from ...inspection.latent.latents import CodedGrids, CodedLatent
        from ...inspection.latent.positions import coded_position, grid_position, indexed_position

        run = self._run
        if run is None or not self._source_is_there(run):
            return
        row, column, factor = self.row.value(), self.column.value(), run.result.factor
        axes = self.plot.axes
        axes.clear()
        values: dict[str, Any]
        if isinstance(run.result, CodedLatent):
            coded = coded_position(run.result, row, column)
            words, channels = coded.text, np.arange(len(coded.symbols))
            values = {"symbol": coded.symbols, "scale": coded.scales}
            axes.bar(channels, coded.symbols, width=1.0, color=self.plot.accent, label="symbol")
            axes.plot(channels, coded.scales, color=self.plot.ink, linewidth=0.8, label="scale")
        elif isinstance(run.result, CodedGrids):
            grids = grid_position(run.result, row, column)
            words, channels = grids.text, np.arange(len(grids.latent))
            values = {"latent": grids.latent, "decoded": grids.made}
            axes.bar(channels, grids.latent, width=1.0, color=self.plot.accent, label="latent")
            axes.plot(channels, grids.made, ".", color=self.plot.ink, markersize=3, label="decoded")
        else:
            indexed = indexed_position(run.result, row, column)
            words, channels = indexed.text, np.arange(len(indexed.latent))
            values = {"latent": indexed.latent, "codeword": indexed.codeword}
            axes.bar(channels, indexed.latent, width=1.0, color=self.plot.accent, label="latent")
            axes.plot(channels, indexed.codeword, ".", color=self.plot.ink, markersize=3, label="codeword")
        axes.set_xlabel("channel")
        axes.set_xlim(-1, len(channels))
        axes.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
        self._channels = [
            {"row": row, "column": column, "channel": channel, **dict(zip(values, map(float, both), strict=True))}
            for channel, both in enumerate(zip(*values.values(), strict=True))
        ]
        self.saving.name = run.plane.title
        self.saving.setVisible(True)
        self.saving.enable(True)
        self.plot.setVisible(True)
        self.plot.restyle()
        self.numbers.setText(
            f"Pixels: y {row * factor} to {(row + 1) * factor - 1}, "
            f"x {column * factor} to {(column + 1) * factor - 1}\n{words}"
        )
        self._layers.mark(run.plane, factor, row, column)
        self._look()

    # -- attention --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Show the attention of the picked position; a job under way is waited for, and only the last pick counts."""
        run, layer = self._run, self.attention.currentData()
        chosen = self.model.chosen
        if run is None or chosen is None or not self.numbers.text() or run.model.key != chosen.key:
            return
        if layer is None or layer < 0:
            self._layers.hide_attention(run.plane)
            return
        if self.busy:
            self._again = True
            return
        self._again = False
        before = self.status.text()
        work = partial(attend, run, layer, self.row.value(), self.column.value())
        self.start(work, "Attention", partial(self._attended, run, self.attention.currentText(), before))

    def _attended(self, run: LatentRun, text: str, before: str, found: AttentionMap) -> None:
        self.tell(before)
        if run is not self._run or not self._source_is_there(run):
            return
        self._layers.attention(run.plane, run.result.factor, found, {**run.about, "attention": text})
        area = found.area
        words = [f"Attention: largest weight {found.weights.max():.2f}, over {area.height} x {area.width} positions"]
        if found.elsewhere > 0:
            words.append(f"{found.elsewhere:.2f} on row starts, which are no positions")
        if found.probability is not None:
            bits = -np.log2(max(found.probability, 1e-9))
            words.append(f"Transformer's probability of this index: {found.probability:.3f} ({bits:.1f} bits)")
        kept = self.numbers.text().split("\nAttention:")[0]
        self.numbers.setText("\n".join([kept, *words]))
        if self._again:
            self._look()

    # -- clicks -----------------------------------------------------------------------------------------------

    def listens(self) -> bool:
        """Whether a click on the canvas picks: not while somebody paints or edits."""
        active = self.viewer.layers.selection.active
        return self._run is not None and (active is None or str(active.mode) == "pan_zoom")


def _has_maps(entry: CodecEntry) -> bool:
    can = entry.capabilities
    return can.coefficients or can.index_map or can.grids


def _wrapped(name: str) -> QLabel:
    label = QLabel("")
    label.setWordWrap(True)
    label.setAccessibleName(name)
    label.setToolTip(name)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
