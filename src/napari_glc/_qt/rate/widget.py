"""The widget *Rate exploration*: one picture at every rate, live, and what each rate does to it."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QSlider

from ..._napari.layer_planes import LayerPlane, plane_of_layer
from ...codecs.registry import all_codecs
from ...inspection.rate.curves import RatePoint, available_baselines
from ...inspection.rate.session import RateSession, RateStep
from ...models import installed_models, model_folder
from ..coding.comparison import MODES, Comparison
from ..common.base import GlcWidget
from ..common.coding_fields import ModelChoice, QualityField, narrow
from ..common.device_choice import DeviceChoice
from ..common.result_table import ResultTable
from .curve_panel import CurvePanel
from .layers import RateLayers
from .work import BEYOND, UNLIKE, Classical, CurvePiece, Desk, Measured, Order, Ready, Shown, Wish, serve

__all__ = ["RateWidget"]

_INVENTIONS = {"": "None", UNLIKE: "Detail unlike the original", BEYOND: "Detail beyond the preview"}
_TITLE = "Exploring the rate"
_BITS, _INVENTION = "bits", "invention"


class RateWidget(GlcWidget):
    """Explore the rate of one picture.

    Parameters
    ----------
    napari_viewer
        The viewer it lives in.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, "Explore")
        self._desk = Desk()
        self._layers = RateLayers(napari_viewer)
        self._source: Any = None
        self._plane: LayerPlane | None = None
        self._order: Order | None = None
        self._served_order: Order | None = None
        self._session: RateSession | None = None
        self._step: RateStep | None = None
        # steps come and go several times a second: the bar keeps its place so that nothing jumps
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(policy)
        self._build_choices()
        self.comparison = Comparison(napari_viewer, self._layers, self)
        self.on_release(self.comparison.release)
        self._build_looks()
        self._build_curves()
        self.body.addStretch(1)
        self._choose_codec()
        self.device.tell_when_known(self.tell)

    # -- building --------------------------------------------------------------------------------------------

    def _build_choices(self) -> None:
        self.source = self.add_layer_choice("&Layer", "The image layer to explore; of a stack, the plane on display")
        self.codec = narrow(QComboBox())
        for entry in all_codecs():
            if entry.capabilities.rate_steps:
                self.codec.addItem(f"{entry.name} ({entry.label})", entry.name)
        self.codec.currentIndexChanged.connect(self._choose_codec)
        tip = "; ".join(f"{entry.name}: {entry.summary}" for entry in all_codecs())
        self.add_row("&Codec", self.codec, tip)
        self.model = ModelChoice()
        self.model.currentIndexChanged.connect(self._forget)
        self.add_row("&Model", self.model, "The trained networks, of those installed for this codec")
        self.device = narrow(DeviceChoice())
        self.device.currentIndexChanged.connect(self._forget)
        self.add_row("&Device", self.device, "Where the networks run")
        self.quality = QualityField()
        tip = "0 (fewest bytes) to 100; the picture follows"
        self.quality.name("Quality", tip)
        self.quality.changed.connect(self._wish)
        self.add_row("&Quality", self.quality, tip)
        self.source.changed.connect(self._forget)

    def _build_looks(self) -> None:
        self.mode = narrow(QComboBox())
        for mode, words in MODES.items():
            self.mode.addItem(words, mode)
        self.mode.currentIndexChanged.connect(self._choose_mode)
        self.add_row("C&ompare", self.mode, "How the original and the decoded picture are compared")
        self.divider = QSlider(Qt.Orientation.Horizontal)
        self.divider.setRange(0, 1000)
        self.divider.setValue(500)
        self.divider.setMinimumWidth(60)
        self.divider.valueChanged.connect(self._move_divider)
        self.comparison.moved.connect(self._follow_divider)
        self.add_row("Di&vider", self.divider, "Place of the line: original left of it, decoded right of it")
        self.form.setRowVisible(self.divider, False)
        self.bits = QCheckBox("Show where the bits are")
        self.bits.toggled.connect(self._toggle_bits)
        self.add_row("&Bit map", self.bits, "Layer of the estimated bits spent at each latent position")
        self.invention = narrow(QComboBox())
        for kind, words in _INVENTIONS.items():
            self.invention.addItem(words, kind)
        self.invention.currentIndexChanged.connect(self._toggle_invention)
        self.add_row("&Invention", self.invention, "Layer of the detail that the decoder adds, in grey levels")
        self.table = ResultTable("The picture at this rate")
        self.table.setToolTip("Select cells and press Ctrl+C to copy them")
        self.body.addWidget(self.table)

    def _build_curves(self) -> None:
        self.curves = CurvePanel(self.viewer, self.add_row)
        self.curves.wanted.connect(self.draw_curves)
        self.curves.picked.connect(self._pick)
        self.curves.saved.connect(self._tell_saved)
        self.curves.failed.connect(self.tell_error)
        self.on_release(self.curves.plot.detach)
        self.body.addWidget(self.curves)

    # -- what is possible ------------------------------------------------------------------------------------

    @property
    def _kind(self) -> str:
        return str(self.invention.currentData())

    def obstacle(self) -> str:
        """Why Run is not possible now; empty if it is."""
        if self.source.layer is None:
            return "There is no image layer."
        if self.model.chosen is None:
            return f"No model of codec {self.codec.currentData()} is installed. Its file belongs into {model_folder()}"
        return ""

    def refresh(self) -> None:
        """Enable what is possible."""
        super().refresh()
        if hasattr(self, "curves"):
            self.curves.enable(not self.obstacle())
            # what was wished for while the last job ended, however it ended
            self._serve()

    def _choose_codec(self) -> None:
        self.model.show_codec(self.codec.currentData())
        self._forget()

    def _forget(self) -> None:
        """Another picture, codec, model or device: the kept latent is of no use, the curves may be."""
        if self.busy:
            self.cancel()
        # a job under way keeps the old desk and finds nothing more on it
        self._desk.clear()
        self._desk = Desk()
        self._session = self._order = None
        self.refresh()

    # -- exploring -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Read the layer anew and show it at the chosen quality."""
        self._forget()
        if self._prepare():
            self._wish()

    def _prepare(self) -> bool:
        """Fix what is explored; tells whether that was possible."""
        layer, model = self.source.layer, self.model.chosen
        if layer is None or model is None:
            return False
        if self._order is not None:
            return True
        try:
            plane = plane_of_layer(layer, self.viewer.dims.point)
        except Exception as error:
            self.tell_error(error)
            return False
        # the points of a curve stay true as long as the pixels do, whatever codec comes next
        if self._source is not layer or self._plane is None or not np.array_equal(self._plane.pixels, plane.pixels):
            self.curves.clear(plane.name)
        self._source, self._plane = layer, plane
        self._order = Order(plane.pixels, str(self.codec.currentData()), model.sha256, self.device.device)
        return True

    def _wish(self, _: Any = None) -> None:
        """Show the picture at the quality and with the maps chosen now, as soon as may be."""
        if not self.obstacle() and self._prepare():
            self._desk.put(Wish(self.quality.value, self.bits.isChecked(), self._kind))
            self._serve()

    def _serve(self) -> None:
        if self.busy or self._desk.empty or self._order is None:
            return
        work = partial(serve, self._desk, self._order, self._session)
        self._served_order = self._order
        self.start(work, _TITLE, self._served, shown=self._show)

    def _served(self, _: None) -> None:
        if self.status.text().startswith(_TITLE):
            self.tell("")

    def cancel(self) -> None:
        """Stop the work under way and forget what waits."""
        self._desk.clear()
        super().cancel()

    def tell_error(self, error: BaseException) -> None:
        """Show what went wrong, and do not try it again."""
        self._desk.clear()
        super().tell_error(error)

    def _show(self, value: Ready | Shown | Classical | Measured | CurvePiece) -> None:
        """Something arrived from the job; nothing of it counts if something else was ordered meanwhile."""
        if self._served_order is not self._order or self._plane is None:
            return
        if isinstance(value, Ready):
            self._session = value.session
        elif isinstance(value, Shown):
            self._show_step(value)
        elif isinstance(value, Measured):
            if self._step is value.step:
                self._tabulate(value.step.psnr, value.ms_ssim)
        elif isinstance(value, Classical):
            self._show_classical(value)
        else:
            self.curves.add(value.point)
            self.refresh()

    def _show_step(self, shown: Shown) -> None:
        plane, step, session = self._plane, shown.step, self._session
        assert plane is not None
        assert session is not None
        if self._source not in self.viewer.layers:
            self.tell("The layer is gone; choose another.")
            return
        self._step = step
        facts = {
            "codec": session.codec,
            "model": session.model.sha256[:6],
            "quality": step.quality,
            "bytes": step.size,
            "bpp": step.bpp,
            "psnr": step.psnr,
        }
        self.comparison.show(self._source, plane, step.pixels, facts)
        self._tabulate(step.psnr, math.nan)
        if shown.bits is not None or shown.invention is not None or shown.wish.invention == BEYOND:
            self.later(lambda: self._show_maps(shown, plane, session, facts))

    def _show_maps(self, shown: Shown, plane: LayerPlane, session: RateSession, facts: dict[str, Any]) -> None:
        """The maps of a step, unless another came meanwhile."""
        if self._step is not shown.step or self._plane is not plane or self._source not in self.viewer.layers:
            return
        if shown.bits is not None and self.bits.isChecked():
            note = {**facts, "shows": f"estimated bits for each {session.factor} x {session.factor} pixels"}
            limit = float(shown.bits.max())
            self._layers.map(plane, _BITS, shown.bits, limit, note, session.factor, opacity=0.7)
        if shown.invention is not None and shown.wish.invention == self._kind:
            note = {**facts, "shows": f"{_INVENTIONS[self._kind]}, in grey levels"}
            limit = float(shown.invention.max())
            self._layers.map(plane, _INVENTION, shown.invention, limit, note, session.factor, opacity=0.7)
        elif shown.wish.invention == BEYOND:
            self._layers.remove(plane, _INVENTION)
            self.tell("This codec has no preview: choose another map.")

    def _tabulate(self, psnr: float, ms_ssim: float) -> None:
        step, plane = self._step, self._plane
        assert step is not None
        assert plane is not None
        wait = min(plane.pixels.shape[:2]) > 160
        similarity = f"{ms_ssim:.4f}" if math.isfinite(ms_ssim) else "..." if wait else "picture too small"
        self.table.show_rows(
            (
                ("Size", f"{step.size} bytes", "Of the whole file, headers included"),
                ("Rate", f"{step.bpp:.4f} bpp", "Bits of the whole file per pixel"),
                ("Ratio", f"1:{plane.pixels.nbytes / step.size:.0f}", "Bytes of the 8-bit pixels to bytes of the file"),
                ("PSNR", f"{psnr:.2f} dB", "Peak signal-to-noise ratio against the original"),
                ("MS-SSIM", similarity, "Multi-scale structural similarity, 0 to 1"),
                ("Step", f"{1000 * step.seconds:.0f} ms", "Time from the quality to the decoded picture"),
            )
        )
        self.curves.plot.mark(step.bpp, psnr, ms_ssim)

    def _choose_mode(self) -> None:
        mode = str(self.mode.currentData())
        self.form.setRowVisible(self.divider, mode == "wipe")
        self.comparison.set_mode(mode)

    def _move_divider(self, thousandths: int) -> None:
        self.comparison.set_divider(thousandths / 1000)

    def _follow_divider(self, place: float) -> None:
        self.divider.setValue(round(1000 * place))

    def _toggle_bits(self, on: bool) -> None:
        self._toggle_map(_BITS, on)

    def _toggle_invention(self) -> None:
        self._toggle_map(_INVENTION, bool(self._kind))

    def _toggle_map(self, what: str, on: bool) -> None:
        if on:
            self._wish()
        elif self._plane is not None:
            self._layers.remove(self._plane, what)

    # -- curves ----------------------------------------------------------------------------------------------

    def draw_curves(self) -> None:
        """Measure the curves; steps of the slider come in between."""
        if self.obstacle() or not self._prepare():
            return
        there = {model.codec for model in installed_models()}
        mine = str(self.codec.currentData())
        ours = [entry.name for entry in all_codecs() if entry.capabilities.rate_steps]
        codecs = [mine, *(name for name in ours if name != mine and name in there)]
        if self.curves.baselines.isChecked():
            codecs += available_baselines()
        self._desk.put_curves(codecs)
        if self._step is None or self._session is None:
            self._wish()
        self._serve()

    def _pick(self, point: RatePoint) -> None:
        """Show the picture at a point of a curve."""
        if self.codec.findData(point.codec) < 0:
            if self._prepare():
                self._desk.put_point(point)
                self._serve()
            return
        if point.codec != self.codec.currentData():
            self.codec.setCurrentIndex(self.codec.findData(point.codec))
        if self.quality.value != point.quality:
            self.quality.value = point.quality
        else:
            self._wish()

    def _show_classical(self, found: Classical) -> None:
        """Show what a classical codec makes of the picture, in a layer of its own."""
        plane, point, name = self._plane, found.point, found.point.codec.upper()
        if plane is None or self._source not in self.viewer.layers:
            return
        facts = {"codec": name, "setting": point.quality, "bytes": point.size, "bpp": point.bpp, "psnr": point.psnr}
        self._layers.picture(plane, name, self._source, found.pixels, facts)
        self.tell(
            f"{name} at setting {point.quality:g}: {point.size} bytes, {point.bpp:.4f} bpp, {point.psnr:.2f} dB; "
            f"see layer '{plane.name} {name}'."
        )

    def _tell_saved(self, name: str) -> None:
        self.tell(f"Saved {name}.")
