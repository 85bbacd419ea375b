"""The widget *Encode and decode*: a plane or a stack through a codec, what it costs and what is left of it."""

from __future__ import annotations

import gc
import math
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QSpinBox

from ..._base.atomic import write_atomically
from ..._base.words import percent
from ..._napari.layer_metadata import decoded_facts, layer_axes, metadata_of_layer, painted_in
from ..._napari.layer_planes import LayerPlane, finest_data, plane_of_layer
from ..._napari.regions import region_mask
from ...codecs.loading import release_models
from ...codecs.part_names import NONE
from ...codecs.registry import all_codecs, codec_named
from ...errors import UnsupportedArrayError
from ...imaging.importance import MASK_WEIGHT, mask_weights
from ...imaging.range_rules import RANGE_RULES
from ...inspection.coding import CodingOptions, CodingResult, bit_map, code_stack
from ...inspection.estimate import SizeEstimate, estimated_size
from ..common.base import GlcWidget
from ..common.choices import allow, choice_of
from ..common.coding_fields import CodecChoice, HalfStepField, ModelChoice, QualityField, no_model_of, quality_tip
from ..common.device_choice import DeviceChoice
from ..common.export_row import ExportRow
from ..common.jobs import Report
from ..common.option_form import OptionForm
from ..common.own_layers import OwnLayers
from ..common.paths import path_to_save, suggested_name
from ..common.range_choice import RangeChoice
from ..common.result_table import ResultTable, Row
from .course import Course, CoursePlot, Moment
from .layers import put_bits, put_decoded, put_samples
from .several_panel import SeveralPanel

__all__ = ["CodecWidget"]

_MOST_SAMPLES = 32
"""More pictures say little more of where they differ."""
_MISSED = 0.05
"""Deviation from a wanted rate from which on it is mentioned."""


@dataclass(frozen=True)
class _Run:
    """What was chosen when Run was pressed; `plane` is ``None`` for a whole layer."""

    layer: Any
    name: str
    dtype: np.dtype[Any]
    plane: LayerPlane | None
    rule: str
    options: CodingOptions
    restoring: bool = False
    lost: tuple[str, ...] = ()

    @property
    def searched(self) -> bool:
        """Whether something else than a quality was asked for."""
        return (self.options.bpp, self.options.most_bytes, self.options.distance) != (None, None, None)

    @property
    def _range_words(self) -> str:
        if self.rule:
            return f"{RANGE_RULES[self.rule].label}:"
        return "The range" if self.layer.rgb else "The contrast limits"

    def notes(self, result: CodingResult) -> list[str]:
        """What a user should know of a result."""
        words = []
        bpp = self.options.bpp
        if bpp is not None and abs(result.bpp - bpp) > _MISSED * bpp:
            words.append(f"{bpp:g} bpp is beyond what the model can do with this picture; this is the nearest rate.")
        if self.plane is not None and self.plane.numbers:
            words.append(f"{self.plane.words} of the stack was coded.")
        if self.plane is None:
            words.append(f"All {result.planes} planes were coded.")
        if isinstance(result.pixels, list):
            words.append("They are decoded when they are looked at, and were not measured.")
        if result.removed:
            words.append(f"The encoder left out {result.removed}: it is not in the file.")
        elif self.restoring:
            words.append("There was no noise to leave out: the model's own encoder was taken.")
        if painted_in(dict(result.decoding)):
            words.append("The picture is painted; what was measured is the plain one.")
        if not isinstance(result.pixels, list) and result.pixels.dtype != self.dtype:
            words.append(f"Files know no {self.dtype} samples: they are kept as {result.pixels.dtype}.")
        if result.ranges:
            ranges = " and ".join(f"{low:g} to {high:g}" for low, high in dict.fromkeys(result.ranges))
            words.append(
                f"{self._range_words} {ranges} became 256 levels; "
                f"{percent(result.clipped)} % of the samples lay beyond and were clipped."
            )
            if result.not_numbers:
                words.append(f"{result.not_numbers} samples are no numbers (NaN) and became {result.ranges[0][0]:g}.")
        return [*words, *self.lost]


class CodecWidget(GlcWidget):
    """Encode a layer or the plane of it on display, decode it again, and show what became of it.

    Parameters
    ----------
    napari_viewer
        The viewer it lives in.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, "Encode and decode")
        self._last: tuple[CodingResult, str] | None = None
        self._optimising = False
        self._layers = OwnLayers(napari_viewer)
        self.on_release(self._layers.restore)
        self.offer_undo(self._layers)
        self.source = self.add_layer_choice("&Layer", "The image layer to code")
        self.source.changed.connect(self._clear)
        self.part = choice_of({"plane": "Plane on display", "layer": "Whole layer"})
        self.add_row("P&art", self.part, "Of a stack: the plane on display, or all planes in one file")
        self.range = RangeChoice()
        self.add_row("&Values", self.range, self.range.tip)
        self.codec = CodecChoice(all_codecs())
        self.add_row("&Codec", self.codec, self.codec.tip)
        self.model = ModelChoice()
        self.add_row("&Model", self.model, "The trained networks, of those installed for this codec")
        self.device = DeviceChoice()
        self.add_row("&Device", self.device, "Where the networks run: devices that are here")
        self.rate_by = choice_of(
            {"quality": "Quality", "bpp": "Target bpp", "bytes": "Target bytes", "distance": "Target distance"}
        )
        self.add_row("&Rate by", self.rate_by, "Set the quality, or say what is wanted and let it be searched")
        self.quality = QualityField()
        self.add_row("&Quality", self.quality, quality_tip(self.codec.chosen))
        self.bpp = QDoubleSpinBox()
        self.bpp.setDecimals(4)
        self.bpp.setRange(0.0005, 2)
        self.bpp.setSingleStep(0.005)
        self.bpp.setValue(0.03)
        self.add_row("&Target bpp", self.bpp, "Wanted bits per pixel of the whole file; takes about nine encodings")
        self.bytes = QSpinBox()
        self.bytes.setRange(40, 100_000_000)
        self.bytes.setSingleStep(500)
        self.bytes.setValue(3000)
        self.add_row("Target b&ytes", self.bytes, "Most bytes of the whole file, layer metadata included")
        self.distance = QDoubleSpinBox()
        self.distance.setRange(0.05, 5)
        self.distance.setSingleStep(0.05)
        self.distance.setValue(1.5)
        self.add_row(
            "Target &distance", self.distance, "The smallest file that looks as near, by squeezenet's features"
        )
        self.options_form = OptionForm(self, all_codecs())
        self.decoding_form = OptionForm(self, all_codecs(), "decoding")
        self.samples = QSpinBox()
        self.samples.setRange(1, _MOST_SAMPLES)
        tip = "How many of the pictures the bytes stand for are decoded; where they differ, detail is made up"
        self.add_row("Sa&mples", self.samples, tip)
        self.options_form.changed.connect(self._show_rows)
        tip = "Shapes or labels whose pixels count more: bits move there"
        self.region = self.add_layer_choice("Re&gion", tip, kinds=(Shapes, Labels), nothing="none")
        self.weight = HalfStepField(MASK_WEIGHT, 1, 32)
        tip = "How many times more a pixel of the region counts than another"
        self.weight.name("Region weight", tip)
        self.add_row("Region &weight", self.weight, tip)
        self.bits = QCheckBox("as a layer")
        self.add_row("&Bit map", self.bits, "Show where the bits of the file went")

        self.table = ResultTable("Results of the last run")
        self.table.setToolTip("Select cells and press Ctrl+C to copy them")
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.notes.setAccessibleName("Notes on the last run")
        self.notes.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notes.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.notes.setVisible(False)
        self.course = CoursePlot(napari_viewer)
        self.on_release(self.course.detach)
        self.course.setVisible(False)
        self.flip_button = self.offer_flip(self.source)
        self.body.addWidget(self.flip_button)
        self.body.addWidget(self.course)
        self.course_saving = self.add_export(
            ExportRow("course", table=self.course.rows, figure=lambda: self.course.figure)
        )
        self.course_saving.setVisible(False)
        self.body.addWidget(self.table)
        self.body.addWidget(self.notes)
        self.table_saving = self.add_export(ExportRow("figures", table=self._figures))
        self.save_button = QPushButton("&Save as .glc ...")
        self.save_button.clicked.connect(self.save)
        self.release_button = QPushButton("Rel&ease models")
        self.release_button.setToolTip("Free the memory of loaded models; the next run loads them again")
        self.release_button.clicked.connect(self.release)
        self._keep = threading.Event()
        self.keep_button = QPushButton("&Keep what there is")
        self.keep_button.setToolTip("End the optimisation here; the best so far is the result")
        self.keep_button.clicked.connect(self.keep)
        self.keep_button.setVisible(False)
        self.add_below_run(self.keep_button)
        self.estimate_button = QPushButton("Est&imate the size")
        self.estimate_button.clicked.connect(self.estimate)
        self.add_below_run(self.estimate_button)
        for button in (
            self.save_button,
            self.release_button,
            self.keep_button,
            self.estimate_button,
        ):
            button.setAccessibleName(button.text().replace("&", ""))
        buttons = QHBoxLayout()
        buttons.addWidget(self.save_button)
        buttons.addWidget(self.release_button)
        self.body.addLayout(buttons)
        self.several = SeveralPanel(self, self.options, self.range, self._note)
        self.body.addLayout(self.several.row)
        self.body.addStretch(1)

        self.codec.currentIndexChanged.connect(self._codec_changed)
        self.rate_by.currentIndexChanged.connect(self._show_rows)
        self.rate_by.currentIndexChanged.connect(self.refresh)
        self._codec_changed()
        self.caution_of(self.source)
        self.device.tell_when_known(self.tell)

    # -- what is possible -----------------------------------------------------------------------------------

    def _codec_changed(self) -> None:
        entry = self.codec.chosen
        self.model.show_codecs([entry])
        self.quality.name("Quality", quality_tip(entry))
        costly = f"Codec {entry.name} optimises for every picture; a search would do that about nine times"
        for wish in ("bpp", "bytes", "distance"):
            allow(self.rate_by, wish, costly if entry.capabilities.encode_cost == "fit" else "")
        self._show_rows()
        self.refresh()

    def _show_rows(self) -> None:
        rows = {"quality": self.quality, "bpp": self.bpp, "bytes": self.bytes, "distance": self.distance}
        for wish, field in rows.items():
            self.form.setRowVisible(field, self.rate_by.currentData() == wish)
        self.form.setRowVisible(self.region, self.weighs)
        self.form.setRowVisible(self.weight, self.weighs and self.region.layer is not None)
        self.form.setRowVisible(self.bits, self.codec.chosen.capabilities.coefficients)
        for form in (self.options_form, self.decoding_form):
            form.show_codec(self.codec.chosen.name)
        self.form.setRowVisible(self.samples, self.codec.chosen.capabilities.samples)

    @property
    def effort(self) -> int:
        """Effort of an encoder that can optimise; 0 for others."""
        entry = self.codec.chosen
        return int(self.options_form.values(entry.name)["effort"]) if entry.capabilities.effort else 0

    @property
    def weighs(self) -> bool:
        """Whether the encoder can take a region into account."""
        return self.effort > 0 or self.codec.chosen.capabilities.regions

    def obstacle(self) -> str:
        """Why Run is not possible now; empty if it is."""
        if self.source.layer is None:
            labels = any(isinstance(layer, Labels) for layer in self.viewer.layers)
            more = " Labels cannot be coded: a generative codec would redraw their borders." if labels else ""
            return f"There is no image layer.{more}"
        return no_model_of([self.codec.chosen]) if self.model.chosen is None else ""

    def refresh(self) -> None:
        """Enable what is possible."""
        super().refresh()
        layer = self.source.layer
        self.form.setRowVisible(self.part, layer is not None and layer.ndim > 2)
        self.save_button.setEnabled(self._last is not None and not self.busy)
        self.table_saving.enable(self._last is not None)
        self.release_button.setEnabled(not self.busy)
        costly = self.codec.chosen.capabilities.encode_cost == "fit"
        sought = self.rate_by.currentData() != "quality"
        self.several.enable(not self.busy and not sought and self.model.chosen is not None)
        self.estimate_button.setEnabled(self.run_button.isEnabled() and not costly and not sought)
        self.estimate_button.setToolTip(
            f"Codec {self.codec.chosen.name} fits every picture anew: its size is known when that is done"
            if costly
            else "What is wanted is searched for: see the rate exploration for what there is"
            if sought
            else "About how large the file will be, from crops of up to five planes; takes a moment"
        )
        self.keep_button.setVisible(self.busy and self._optimising)
        self.form.setRowVisible(self.weight, self.weighs and self.region.layer is not None)
        if self._last is None:
            self.save_button.setToolTip("Run first")
        else:
            result, name = self._last
            self.save_button.setToolTip(
                f"Save the last result: {name}, {result.codec} at quality {result.quality:g}, {result.size:,} bytes"
            )

    def options(self) -> CodingOptions:
        """What the fields say."""
        codec, wish = self.codec.chosen.name, self.rate_by.currentData()
        return CodingOptions(
            codec=codec,
            model=self.model.chosen,
            quality=self.quality.value,
            bpp=self.bpp.value() if wish == "bpp" else None,
            most_bytes=self.bytes.value() if wish == "bytes" else None,
            distance=self.distance.value() if wish == "distance" else None,
            device=self.device.device,
            options=self.options_form.values(codec),
            decoding=self.decoding_form.values(codec),
            samples=self.samples.value() if self.codec.chosen.capabilities.samples else 1,
        )

    # -- coding -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Code the chosen layer."""
        layer = self.source.layer
        if layer is None or self.busy:
            return
        options, data = self.options(), finest_data(layer)
        try:
            plane = None if self._whole(layer) else plane_of_layer(layer, self.viewer.dims)
        except UnsupportedArrayError as error:
            self._clear()
            self.tell_error(error)
            return
        value_range, rule = self.range.range_for(layer, np.dtype(data.dtype)), self.range.rule
        metadata, lost = metadata_of_layer(layer, plane, coded_as_shown=not rule)
        axes = layer_axes(layer.as_layer_data_tuple()[1], layer.ndim, layer.rgb) if plane is None else plane.axes

        importance = self._importance(layer, plane)
        keep = self._keep = threading.Event()
        whole = None if plane is None else plane.shape
        self._optimising = self.effort > 0

        def work(report: Report) -> CodingResult:
            # here and not before, since reading may take long and fail in any way
            samples = data if plane is None else plane.read()
            values = None if plane is None else plane.ranged(rule, samples).of_network
            return code_stack(
                samples,
                axes,
                options,
                value_range=value_range,
                metadata=metadata,
                progress=report,
                importance=importance,
                watch=Course(report, whole, keep, values) if self._optimising else None,
                shown=report.show,
            )

        restoring = codec_named(options.codec).options.made(options.codec, options.options).encoder != NONE
        run = _Run(layer, str(layer.name), np.dtype(data.dtype), plane, rule, options, restoring, tuple(lost))
        self.course.begin()
        self.course.setVisible(self._optimising)
        self.course_saving.setVisible(self._optimising)
        self.course_saving.enable(False)
        title = f"Coding {run.name}"
        self._layers.begin()
        job = self.start(
            work, title, lambda result: self._show(result, run), shown=lambda what: self._follow(what, run)
        )
        job.stopped.connect(self._layers.restore)
        job.failed.connect(self._layers.restore)
        job.failed.connect(self._clear)

    def _note(self, text: str) -> None:
        """Put something under the figures."""
        self.notes.setText(text)
        self.notes.setVisible(bool(text))

    def estimate(self) -> None:
        """Say about how large the file of the chosen layer will be."""
        layer = self.source.layer
        if layer is None or self.busy:
            return
        options, data = self.options(), finest_data(layer)
        try:
            plane = None if self._whole(layer) else plane_of_layer(layer, self.viewer.dims)
        except UnsupportedArrayError as error:
            self.tell_error(error)
            return
        value_range = self.range.range_for(layer, np.dtype(data.dtype))
        axes = layer_axes(layer.as_layer_data_tuple()[1], layer.ndim, layer.rgb) if plane is None else plane.axes

        def work(report: Report) -> SizeEstimate:
            return estimated_size(
                data if plane is None else plane.read(), axes, options, value_range=value_range, progress=report
            )

        self.start(work, f"Estimating the size of {layer.name}", self._tell_estimate)

    def _tell_estimate(self, found: SizeEstimate) -> None:
        looked_at = "a plane" if found.planes == 1 else f"{found.planes} planes"
        share = f"{100 * found.share:.0f}" if found.share >= 0.01 else f"{100 * found.share:.2g}"
        self.tell(
            f"About {found.bytes:,} bytes, {found.bpp:.3g} bpp, judged by {share} % of the pixels, "
            f"from the middle of {looked_at}."
        )

    def _importance(self, layer: Any, plane: LayerPlane | None) -> NDArray[np.float32] | None:
        """Weights of the pixels of what is to be coded."""
        region = self.region.layer
        if region is None or not self.weighs:
            return None
        return mask_weights(region_mask(region, layer, None if plane is None else plane.index), self.weight.value)

    def _follow(self, what: Moment | NDArray[Any], run: _Run) -> None:
        """Show how an optimisation goes, or what a decoder that works in steps has so far."""
        if isinstance(what, Moment):
            self._show_course(what, run)
        elif run.layer in self.viewer.layers:
            self._show_unfinished(what, run)

    def _show_course(self, moment: Moment, run: _Run) -> None:
        self.course.add(moment)
        standing = moment.standing
        self.tell(
            f"Coding {run.name}: {standing.best_bytes:,} bytes at distance {standing.best_distance:.4f} "
            f"after {moment.seconds:.0f} s ..."
        )
        if moment.pixels is not None and run.plane is not None and run.layer in self.viewer.layers:
            self._show_unfinished(moment.pixels, run)

    def _show_unfinished(self, pixels: Any, run: _Run) -> None:
        facts = decoded_facts({"codec": run.options.codec, "unfinished": True})
        put_decoded(self._layers, run.layer, pixels, facts, run.plane)

    def keep(self) -> None:
        """End the optimisation under way; the best so far is the result."""
        self._keep.set()
        self.tell("Keeping what there is ...")

    def _whole(self, layer: Any) -> bool:
        return bool(layer.ndim > 2 and self.part.currentData() == "layer")

    def _clear(self) -> None:
        """Forget the last result: what table, notes and Save would tell is not about what is chosen now."""
        self._last = None
        self.watch.forget()
        if hasattr(self, "table"):
            self.table.show_rows(())
            self.notes.clear()
            self.notes.setVisible(False)
            self.course.setVisible(False)
            self.course_saving.setVisible(False)
            self.refresh()

    def _show(self, result: CodingResult, run: _Run) -> None:
        self._last = (result, run.name)
        for row in (self.table_saving, self.course_saving):
            row.name = run.name
            row.enable(True)
        self._layers.finish()
        self.table.show_rows(_rows(result, searched=run.searched))
        words = run.notes(result)
        if run.layer is not self.source.layer:
            words.insert(0, f"These are figures of layer {run.name!r}.")
        if run.layer in self.viewer.layers:
            facts = decoded_facts(result.facts())
            put_decoded(self._layers, run.layer, result.pixels, facts, run.plane)
            if result.samples is not None:
                put_samples(self._layers, run.layer, result.samples, facts, run.plane)
            bits = bit_map(result) if self.bits.isChecked() and run.plane is not None else None
            if bits is not None and run.plane is not None:
                put_bits(self._layers, run.plane, *bits, facts)
        else:
            words.append("Its layer was removed meanwhile, so no layer was added; the result can be saved.")
        # the status line may have to say what hinders the next run
        self.notes.setText(" ".join(words))
        self.notes.setVisible(bool(words))
        self.tell(f"{run.name}: {result.size:,} bytes, {result.bpp:.4f} bpp.")
        if run.plane is not None:
            self.watch.results_are_of(run.layer, run.plane)
        else:
            self.watch.forget()

    def undone(self) -> None:
        """See :meth:`GlcWidget.undone`."""
        self._clear()

    def _figures(self) -> list[dict[str, Any]]:
        """The figures of the last run, every digit kept."""
        if self._last is None:
            return []
        result, name = self._last
        return [{"name": name, **result.facts()}]

    # -- what else the buttons do ---------------------------------------------------------------------------

    def save(self) -> None:
        """Write the file of the last run where the user wants it."""
        if self._last is None:
            return
        result, name = self._last
        path = path_to_save(self, "Save the coded picture", suggested_name(name, ".glc"))
        if path is None:
            return
        try:
            write_atomically(path, result.data)
        except OSError as error:
            self.tell_error(error)
        else:
            self.tell(f"Saved {result.size:,} bytes as {path.name} in {path.parent}")

    def release(self) -> None:
        """Forget loaded models."""
        release_models()
        gc.collect()
        self.tell("Loaded models were released; the next run loads them again.")


def _rows(result: CodingResult, *, searched: bool) -> list[Row]:
    """The results in words and figures."""
    measured = not math.isnan(result.psnr)
    closeness = "identical" if math.isinf(result.psnr) else f"{result.psnr:.2f} dB" if measured else "not measured"
    similarity = "picture too small" if math.isnan(result.ms_ssim) else f"{result.ms_ssim:.4f}"
    decoding = f"{result.decode_seconds:.2f} s" if measured else "when looked at"
    rows = [
        ("Bytes", f"{result.size:,}", "Of the whole file, layer metadata included"),
        ("Bits per pixel", f"{result.bpp:.4f}", "Bytes of the whole file times 8, by pixels"),
        ("Compression", f"{result.ratio:,.0f} : 1", "Against the same samples at 8 bits each"),
        ("PSNR", closeness, "Of the 8-bit samples; higher is closer"),
        ("MS-SSIM", similarity if measured else "not measured", "0 to 1, higher is closer; needs 161 pixels a side"),
        ("Quality", f"{result.quality:g}", "As stored in the file, in half steps"),
        ("Search" if searched else "Encoding", f"{result.encode_seconds:.2f} s", "Without loading the model"),
        ("Decoding", decoding, "Without loading the model"),
        ("Model", result.model, f"Codec {result.codec}"),
        ("Device", result.device, "Where the networks ran; entropy coding always runs on the CPU"),
    ]
    entry, chosen = codec_named(result.codec), {**result.options, **result.decoding}
    for field in (*entry.options.fields(), *entry.decoding.fields()):
        if field.name in chosen:
            rows.append((field.label.replace("&", ""), str(chosen[field.name]), field.knob.help))
    return rows
