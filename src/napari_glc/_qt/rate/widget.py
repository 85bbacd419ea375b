"""The widget *Rate exploration*: one picture at every rate, live, and what each rate does to it."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QSlider

from ..._base.atomic import write_atomically
from ..._napari.layer_planes import LayerPlane, display_of, index_on_display, plane_of_layer
from ...codecs.registry import all_codecs, model_of
from ...errors import MissingModelError, ModelError, UnsupportedArrayError
from ...evaluation.rows import Result, in_words
from ...inspection.rate.curves import available_baselines
from ...inspection.rate.reporting import picture_report
from ...inspection.rate.session import RateSession, RateStep
from ...models import installed_models
from ..common.base import GlcWidget
from ..common.choices import allow, choice_of
from ..common.coding_fields import CodecChoice, ModelChoice, QualityField, codecs_that, no_model_of, quality_tip
from ..common.device_choice import DeviceChoice
from ..common.jobs import Report
from ..common.option_form import OptionForm
from ..common.range_choice import RangeChoice
from ..common.result_table import ResultTable, Row
from .comparison import MODES, Comparison
from .curve_panel import CurvePanel
from .layers import RateLayers
from .work import (
    BEYOND,
    UNLIKE,
    Analysed,
    BaselinePicture,
    CurvePiece,
    Exploration,
    NoiseCost,
    RequestQueue,
    SlowMeasure,
    StepPicture,
    StepRequest,
    StepResult,
    answer_requests,
)

__all__ = ["RateWidget"]

_HALLUCINATIONS = {"": "None", UNLIKE: "Unlike the original", BEYOND: "Beyond the preview"}
_MadeWith = tuple[str, dict[str, Any]]
"""What tells a model from others, and options."""
_TITLE = "Exploring the rate"
_BITS, _HALLUCINATED = "bits", "hallucinated detail"


class RateWidget(GlcWidget):
    """Explore the rate of one picture.

    Parameters
    ----------
    napari_viewer
        The viewer it lives in.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, "Explore")
        self._queue = RequestQueue()
        self._layers = RateLayers(napari_viewer)
        self.offer_undo(self._layers)
        self._codecs = codecs_that(lambda entry: entry.capabilities.rate_steps)
        self._source: Any = None
        self._place: LayerPlane | None = None
        self._exploration: Exploration | None = None
        self._at_work_on: Exploration | None = None
        self._session: RateSession | None = None
        self._step: RateStep | None = None
        self._explored: NDArray[np.uint8] | None = None
        self._curves_of: dict[str, _MadeWith] = {}
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
        self.caution_of(self.source)
        self.device.tell_when_known(self.tell)

    # -- building --------------------------------------------------------------------------------------------

    def _build_choices(self) -> None:
        self.source = self.add_layer_choice("&Layer", "The image layer to explore; of a stack, the plane on display")
        self.range = RangeChoice()
        self.range.currentIndexChanged.connect(self._change_options)
        self.add_row("Val&ues", self.range, self.range.tip)
        self.codec = CodecChoice(self._codecs)
        self.codec.currentIndexChanged.connect(self._choose_codec)
        self.add_row("&Codec", self.codec, self.codec.tip)
        self.model = ModelChoice()
        self.model.currentIndexChanged.connect(self._forget)
        self.add_row("&Model", self.model, "The trained networks, of those installed for this codec")
        self.device = DeviceChoice()
        self.device.currentIndexChanged.connect(self._forget)
        self.add_row("&Device", self.device, "Where the networks run: devices that are here")
        self.options_form = OptionForm(self, self._codecs)
        self.options_form.changed.connect(self._change_options)
        self.quality = QualityField()
        self.quality.changed.connect(self._request_step)
        self.add_row("&Quality", self.quality, f"{quality_tip(self.codec.chosen)}; the picture follows")
        self.source.changed.connect(self._forget)
        self.source.changed.connect(self._clear)

    def _build_looks(self) -> None:
        self.mode = choice_of(MODES)
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
        self.flip_button = self.offer_flip(self.source)
        self.bits = QCheckBox("where the bits are")
        self.bits.toggled.connect(self._toggle_bits)
        self.add_row("&Bit map", self.bits, "Show a layer of the estimated bits spent at each latent position")
        self.hallucination = choice_of(_HALLUCINATIONS)
        self.hallucination.currentIndexChanged.connect(self._toggle_hallucination)
        self.add_row(
            "&Hallucinated",
            self.hallucination,
            "Layer of hallucinated detail, in grey levels: what the decoder shows and the original, or the preview, "
            "does not",
        )
        self.table = ResultTable("The picture at this rate")
        self.table.setToolTip("Select cells and press Ctrl+C to copy them")
        self.body.addWidget(self.flip_button)
        self.body.addWidget(self.table)

    def _build_curves(self) -> None:
        self.curves = CurvePanel(self.viewer, self.add_row)
        self.curves.wanted.connect(self.draw_curves)
        self.curves.picked.connect(self._pick)
        self.curves.saved.connect(self.tell_saved)
        self.curves.report_wanted.connect(self._write_report)
        self.curves.failed.connect(self.tell_error)
        self.on_release(self.curves.plot.detach)
        self.body.addWidget(self.curves)

    # -- what is possible ------------------------------------------------------------------------------------

    @property
    def _kind(self) -> str:
        """Which hallucinated detail is to be shown."""
        return str(self.hallucination.currentData())

    def obstacle(self) -> str:
        """Why Run is not possible now; empty if it is."""
        if self.source.layer is None:
            return "There is no image layer."
        return no_model_of([self.codec.chosen]) if self.model.chosen is None else ""

    def refresh(self) -> None:
        """Enable what is possible."""
        super().refresh()
        if hasattr(self, "curves"):
            self.curves.enable(not self.obstacle(), self.busy)
            # what was asked for while the last job ended, however it ended
            self._work_off()

    def _choose_codec(self) -> None:
        entry = self.codec.chosen
        self.model.show_codecs([entry])
        self.options_form.show_codec(entry.name)
        self.quality.name("Quality", f"{quality_tip(entry)}; the picture follows")
        without = "" if entry.capabilities.preview else f"Codec {entry.name} has no preview"
        allow(self.hallucination, BEYOND, without)
        self._forget()

    def _forget(self) -> None:
        """Another picture, codec, model, device or option: the kept latent is of no use, the curves may be."""
        if self.busy:
            self.cancel()
        # a job under way keeps the old queue and finds nothing more on it
        self._queue.clear()
        self._queue = RequestQueue()
        self._session = self._exploration = None
        self.refresh()

    def _clear(self) -> None:
        """Another layer: nothing that is told of the last one is true of it."""
        self._step = self._explored = None
        self.watch.forget()
        if hasattr(self, "curves"):
            self.comparison.forget()
            self.table.show_rows(())
            self.curves.clear("picture")
            self._curves_of.clear()
            self.refresh()

    def undone(self) -> None:
        """See :meth:`GlcWidget.undone`; the curves are of the picture, not of the layers, and stay."""
        self._queue.clear()
        self._step = None
        self.watch.forget()
        self.comparison.forget()
        self.table.show_rows(())
        self.curves.show_here(None)

    def _change_options(self) -> None:
        """Show the picture with other options if it is shown already."""
        explored = self._exploration is not None
        self._forget()
        if explored:
            self._request_step()

    # -- exploring -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Read the layer anew and show it at the chosen quality."""
        self._forget()
        self._request_step()

    def _prepare(self) -> bool:
        """Fix what is explored; tells whether that was possible."""
        layer, model, codec = self.source.layer, self.model.chosen, self.codec.chosen.name
        if layer is None or model is None:
            return False
        if self._exploration is not None:
            if self._exploration.plane.index == index_on_display(layer, self.viewer.dims):
                return True
            # the slider follows the plane on display
            self._forget()
        try:
            plane = plane_of_layer(layer, self.viewer.dims)
        except UnsupportedArrayError as error:
            self._clear()
            self.tell_error(error)
            return False
        self._source, self._place = layer, plane
        self._layers.begin()
        self._exploration = Exploration(
            plane, codec, model, self.device.device, self.options_form.values(codec), self._explored, self.range.rule
        )
        return True

    def _request_step(self, _: Any = None) -> None:
        """Show the picture at the quality and with the maps chosen now, as soon as possible."""
        # fields that get back what they were set to before ask for nothing: nobody has pressed Explore
        if not self.recalling and not self.obstacle() and self._prepare():
            self._queue.put_step(StepRequest(self.quality.value, self.bits.isChecked(), self._kind))
            self._work_off()

    def _work_off(self) -> None:
        """Start a job unless one is under way already or there is nothing to do."""
        if self.busy or self._queue.empty or self._exploration is None:
            return
        work = partial(answer_requests, self._queue, self._exploration, self._session)
        self._at_work_on = self._exploration
        self.start(work, _TITLE, self._done, shown=self._show)

    def _done(self, _: None) -> None:
        if self.status.text().startswith(_TITLE):
            self.tell("")

    def cancel(self) -> None:
        """Stop the work under way and forget what waits."""
        self._queue.clear()
        super().cancel()

    def tell_error(self, error: BaseException) -> None:
        """Show what went wrong, and do not try it again."""
        self._queue.clear()
        super().tell_error(error)

    def _show(
        self, value: Analysed | StepPicture | StepResult | BaselinePicture | SlowMeasure | NoiseCost | CurvePiece
    ) -> None:
        """Something arrived from the job; nothing of it counts if something else is explored meanwhile."""
        if self._exploration is None or self._at_work_on is not self._exploration:
            return
        if isinstance(value, Analysed):
            self._begin(value, self._exploration)
        elif isinstance(value, StepPicture):
            self._show_picture(value)
        elif isinstance(value, StepResult):
            self._show_step(value)
        elif isinstance(value, SlowMeasure):
            if self._step is value.step:
                self._tabulate(value.step, value.point)
                self.refresh()
        elif isinstance(value, NoiseCost):
            if self._step is value.step:
                self.table.show_rows((*self._rows, _noise_row(value)))
        elif isinstance(value, BaselinePicture):
            self._show_baseline(value)
        else:
            self.curves.add(value.point)
            self.refresh()

    def _begin(self, found: Analysed, exploration: Exploration) -> None:
        """The picture is read and analysed."""
        self._session, self._explored, self._place = found.session, found.session.picture, found.plane
        # points stay true as long as the pixels do, and those of a codec as long as its model and options do
        if found.new:
            self.curves.clear(exploration.plane.title)
            self._curves_of.clear()
        self._keep_curve(exploration.codec, (exploration.model.key, dict(exploration.options)))

    def _keep_curve(self, codec: str, made_with: _MadeWith) -> None:
        """Keep the points of a codec if they were made with the same model and options."""
        if self._curves_of.setdefault(codec, made_with) != made_with:
            self.curves.forget(codec)
            self._curves_of[codec] = made_with

    def _show_picture(self, found: StepPicture) -> None:
        place, session = self._place, self._session
        assert place is not None
        assert session is not None
        if self._source not in self.viewer.layers:
            self.tell("The layer is gone; choose another.")
            return
        facts = _facts(session, found.request.quality)
        self.watch.results_are_of(self._source, place)
        self.comparison.show(self._source, place, session.picture, found.pixels, facts)
        # grey until its figures are those of the picture
        self.table.setEnabled(False)

    def _show_step(self, found: StepResult) -> None:
        """The figures of the picture shown last."""
        place, step, session = self._place, found.step, self._session
        assert place is not None
        assert session is not None
        if self._source not in self.viewer.layers:
            return
        self._step = step
        figures = {"bytes": step.size, "bpp": step.bpp, "psnr": step.psnr}
        facts = {**_facts(session, step.quality), **figures}
        self.comparison.note(facts)
        self._tabulate(step, None)
        self.table.setEnabled(True)
        if found.bits is not None or found.hallucination is not None:
            self.later(lambda: self._show_maps(found, place, session.factor, facts))

    def _show_maps(self, found: StepResult, place: LayerPlane, factor: int, facts: dict[str, Any]) -> None:
        """The maps of a step, unless another came meanwhile."""
        if self._step is not found.step or self._place is not place or self._source not in self.viewer.layers:
            return
        for what, data, shows, wanted in (
            (_BITS, found.bits, f"estimated bits for each {factor} x {factor} pixels", self.bits.isChecked()),
            (
                _HALLUCINATED,
                found.hallucination,
                f"{_HALLUCINATED}, {_HALLUCINATIONS[self._kind].lower()}, in grey levels",
                found.request.hallucination == self._kind,
            ),
        ):
            if data is not None and wanted:
                note = {**facts, "shows": shows}
                self._layers.put_map(place, what, data, float(data.max()), note, factor=factor, opacity=0.7)

    def _tabulate(self, step: RateStep, point: Result | None) -> None:
        """Show the figures of a step; `point` has the slow ones, once they are known."""
        picture, wait = step.pixels, "..." if point is None else "picture too small"
        slow = {} if point is None else point.measures

        def words(name: str) -> str:
            value = slow.get(name, math.nan)
            return in_words(name, value) if math.isfinite(value) else wait

        self._rows: tuple[Row, ...] = (
            ("Size", f"{step.size} bytes", "Of the whole file, headers included"),
            ("Rate", f"{step.bpp:.4f} bpp", "Bits of the whole file per pixel"),
            ("Ratio", f"1:{picture.nbytes / step.size:.0f}", "Bytes of the 8-bit pixels to bytes of the file"),
            ("Feature distance", words("squeezenet"), "How far features of a network are apart; 0 is the original"),
            ("MS-SSIM", words("ms_ssim"), "Multi-scale structural similarity, 0 to 1"),
            ("PSNR", f"{step.psnr:.2f} dB", "Peak signal-to-noise ratio against the original"),
            ("Step", f"{1000 * step.seconds:.0f} ms", "Time from the quality to the decoded picture"),
        )
        self.table.show_rows(self._rows)
        self.curves.show_here(point)
        if point is None:
            self.curves.plot.mark(step.bpp, {"psnr": step.psnr})

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

    def _toggle_hallucination(self) -> None:
        self._toggle_map(_HALLUCINATED, bool(self._kind))

    def _toggle_map(self, what: str, on: bool) -> None:
        if on:
            self._request_step()
        elif self._place is not None:
            self._layers.remove(self._place.key, what)

    # -- curves ----------------------------------------------------------------------------------------------

    def draw_curves(self) -> None:
        """Measure the curves; steps of the slider come in between."""
        if self.obstacle() or not self._prepare():
            return
        there = {model.codec for model in installed_models()}
        mine = self.codec.chosen.name
        codecs = [mine, *(entry.name for entry in self._codecs if entry.name != mine and entry.name in there)]
        if self.curves.baselines.isChecked():
            codecs += available_baselines()
        for codec in codecs[1:]:
            self._keep_curve(codec, _defaults_of(codec))
        self._queue.put_curves(codecs)
        if self._step is None or self._session is None:
            self._request_step()
        self._work_off()

    def _pick(self, point: Result) -> None:
        """Show the picture at a point of a curve."""
        place = self.codec.findData(point.codec)
        if place < 0:
            if self._prepare():
                self._queue.put_point(point)
                self._work_off()
            return
        if place != self.codec.currentIndex():
            self.codec.setCurrentIndex(place)
        if self.quality.value != point.quality:
            self.quality.value = point.quality
        else:
            self._request_step()

    def _show_baseline(self, found: BaselinePicture) -> None:
        """Show what a classical codec makes of the picture, in a layer of its own."""
        place, point, name = self._place, found.point, found.point.codec.upper()
        if place is None or self._source not in self.viewer.layers:
            return
        known = {"codec": name, "setting": point.quality, "bytes": point.size, "bpp": point.bpp}
        facts = {**known, **point.measures, "warning": f"Decoded from a lossy {name} file: not for measurements."}
        self._layers.put_picture(place, name, found.pixels, facts, display=display_of(self._source))
        self.tell(
            f"{name} at setting {point.quality:g}: {point.size} bytes, {point.bpp:.4f} bpp, "
            f"feature distance {in_words('squeezenet', point.measures['squeezenet'])}; "
            f"see layer '{place.title} {name}'."
        )

    def _write_report(self, path: Path) -> None:
        """Write the report of this picture, in a job: other codecs are brought to its bytes."""
        session, step, exploration, here = self._session, self._step, self._exploration, self.curves.here
        if self.busy or session is None or step is None or exploration is None or here is None:
            return
        name, points = self.curves.name, list(self.curves.plot.points)
        models = {session.codec: str(session.model.path)}

        def work(report: Report) -> str:
            page = picture_report(
                name,
                session.picture,
                step.pixels,
                here,
                points,
                models=models,
                options=exploration.options,
                progress=report,
            )
            write_atomically(path, page.encode())
            return path.name

        self.start(work, "Writing the report", self.tell_saved)


def _facts(session: RateSession, quality: float) -> dict[str, Any]:
    """What is known of a picture before it is coded."""
    return {"codec": session.codec, "model": session.model.sha256[:6], "quality": quality}


def _noise_row(cost: NoiseCost) -> Row:
    """What is left out of a restored picture would have taken so much more."""
    more = cost.size - cost.step.size
    words = f"{more:+d} bytes ({100 * more / cost.step.size:+.0f} %)"
    return "With the noise", words, f"The same quality through the model's own encoder takes {cost.size} bytes"


def _defaults_of(codec: str) -> _MadeWith:
    """What the curve of a codec is made with that is not the chosen one; nothing for a classical codec."""
    entry = next((entry for entry in all_codecs() if entry.name == codec), None)
    if entry is None:
        return "", {}
    try:
        model = model_of(codec, None).key
    except (MissingModelError, ModelError):
        model = ""
    return model, entry.options().to_dict()
