"""The controls of the recovery widget, without what they do."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from napari.layers import Labels
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from ...codecs.entry import CodecEntry
from ..common.base import GlcWidget
from ..common.choices import choice_of
from ..common.coding_fields import ModelChoice, codecs_that
from ..common.device_choice import DeviceChoice
from ..common.export_row import ExportRow
from ..common.plot import Plot
from ..common.range_choice import RangeChoice
from .controls import METHOD_WORDS, MetricsTable, PlanesTable

__all__ = ["RecoveryForm"]

_PATTERNS = {
    "random": "Random positions",
    "burst": "Bursts of 16 in a row",
    "tile": "Squares of 4 x 4",
    "packet": "Whole packets",
    "painted": "What I paint",
    "own": "The file's own damage",
}
_METHODS = {
    "transformer": METHOD_WORDS["transformer"],
    "sampled": "Transformer, drawn",
    **{name: words for name, words in METHOD_WORDS.items() if name != "transformer"},
}


class RecoveryForm(GlcWidget):
    """Controls for source, erasures, method and sweep, a table and two plots.

    Parameters
    ----------
    napari_viewer
        The viewer it lives in.
    """

    SWEEP_TIP = "Recover at several loss ratios and draw accuracy and PSNR"

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer, "Lose and recover")
        self._build_source()
        self._build_erasures()
        self._build_method()
        self.table = MetricsTable()
        self.body.addWidget(self.table)
        self.table_saving = self.add_export(ExportRow("figures", table=self.figures))
        self.planes_button = QPushButton("Measure all planes")
        self.planes_button.setAccessibleName("Measure all planes")
        self.planes_table = PlanesTable()
        self.body.addWidget(self.planes_button)
        self.body.addWidget(self.planes_table)
        self.planes_saving = self.add_export(ExportRow("planes", table=lambda: self.planes_table.rows))
        self.planes_saving.setVisible(False)
        self._build_sweep()
        self.body.addStretch(1)

    def _build_source(self) -> None:
        self.origin = choice_of({"layer": "Image layer", "file": ".glc file"})
        self.add_row("&Source", self.origin, "Code an image layer, or take the index map of a file as it is")
        self.file_button = QPushButton("Choose ...")
        self.file_button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.add_row("&File", self.file_button, "A .glc file with packets; damaged ones count as lost")
        self.plane = QSpinBox()
        self.plane.setRange(0, 0)
        self.add_row("P&lane", self.plane, "Of a file that holds a stack: number of the plane, counted from 0")
        self.compare = QCheckBox("with the layer below")
        self.add_row("Co&mpare", self.compare, "Take an image layer for the file's original and measure against it")
        self.layer = self.add_layer_choice("&Layer", "The picture to code; of more dimensions the slice on display")
        self.range = RangeChoice()
        self.add_row("&Values", self.range, self.range.tip)
        self.codecs = codecs_that(lambda entry: entry.capabilities.lossy_packets)
        self.model = ModelChoice(self.codecs)
        self.add_row("Mo&del", self.model, "Whose codebooks and transformer; a file names its own")
        self.device = DeviceChoice()
        self.add_row("De&vice", self.device, "Where the networks run: devices that are here")
        self.codebook = choice_of({})
        self.add_row("Code&book", self.codebook, "Codewords an index chooses from: more look better and cost more")

    def _build_erasures(self) -> None:
        self.pattern = choice_of(_PATTERNS)
        self.add_row("&Pattern", self.pattern, "How lost positions are spread over the index map")
        self.ratio = QDoubleSpinBox()
        self.ratio.setRange(0, 0.95)
        self.ratio.setSingleStep(0.05)
        self.ratio.setValue(0.2)
        self.add_row("Loss &ratio α", self.ratio, "Share of the indices (or packets) that are lost")
        self.packets = QSpinBox()
        self.packets.setRange(2, max(map(_most_packets, self.codecs), default=2))
        self.packets.setValue(8)
        self.add_row("Pac&kets", self.packets, "Packets the map is divided into; each holds scattered positions")
        self.painted = self.add_layer_choice(
            "Pai&nted in",
            "A labels layer: wherever it is not 0, the index is lost. One element an index, or one a pixel",
            kinds=(Labels,),
        )
        self.paint_button = QPushButton("Paint")
        self.add_row("New pa&int", self.paint_button, "Add a labels layer over the picture and take up the brush")
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.add_row("S&eed", self.seed, "Of the loss and of sampling: the same seed gives the same result")

    def _build_method(self) -> None:
        self.method = choice_of(_METHODS)
        self.add_row("Me&thod", self.method, "How lost indices are predicted from those that are left")
        self.temperature = QDoubleSpinBox()
        self.temperature.setRange(0.05, 5)
        self.temperature.setSingleStep(0.1)
        self.temperature.setValue(1)
        self.add_row("Temperat&ure", self.temperature, "Of sampling: below 1 more cautious, above 1 more daring")
        self.top_k = QSpinBox()
        self.top_k.setRange(0, 1 << 16)
        self.top_k.setValue(100)
        self.top_k.setSpecialValueText("all")
        self.add_row("T&op k", self.top_k, "Sample from the k most probable indices only; 0 from all")

    def _build_sweep(self) -> None:
        self.ratios = QLineEdit("0.05 0.1 0.2 0.3 0.5")
        self.ratios.setMinimumWidth(80)
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        self.methods: dict[str, QCheckBox] = {}
        for number, (name, words) in enumerate(METHOD_WORDS.items()):
            check = QCheckBox(words)
            check.setChecked(name in ("transformer", "both-sides", "nearest"))
            check.setToolTip(f"Draw a curve of method {name}")
            check.setAccessibleName(f"Sweep {words}")
            grid.addWidget(check, number // 2, number % 2)
            self.methods[name] = check
        self.sweep_button = QPushButton("Sweep α")
        self.sweep_button.setAccessibleName("Sweep the loss ratio")
        self.accuracy_plot, self.psnr_plot = Plot(self.viewer, 230), Plot(self.viewer, 190)
        self.accuracy_plot.setToolTip("Share of the lost indices recovered exactly, against the loss ratio")
        self.psnr_plot.setToolTip("PSNR of the recovered picture, against the loss ratio")
        title = QLabel("S&weep over loss ratios")
        title.setBuddy(self.ratios)
        for widget in (title, self.ratios, box, self.sweep_button, self.accuracy_plot, self.psnr_plot):
            self.body.addWidget(widget)
        self.ratios.setToolTip("Loss ratios of the sweep, 0 to 1, with blanks between")
        self.ratios.setAccessibleName("Loss ratios of the sweep")
        for plot in (self.accuracy_plot, self.psnr_plot):
            self.on_release(plot.detach)
            plot.setVisible(False)
        self.sweep_saving = self.add_export(ExportRow("sweep", table=self.sweep_rows, figure=self.sweep_figure))
        self.sweep_saving.setVisible(False)

    def figures(self) -> list[dict[str, Any]]:
        """What the last run cost, as a table to be saved."""
        raise NotImplementedError

    def sweep_rows(self) -> list[dict[str, Any]]:
        """The last sweep as a table to be saved."""
        raise NotImplementedError

    def sweep_figure(self) -> Figure:
        """The last sweep as a picture to be saved."""
        raise NotImplementedError


def _most_packets(entry: CodecEntry) -> int:
    """Into how many packets a codec divides a tile at most."""
    return next((int(field.knob.most or 2) for field in entry.options.fields() if field.name == "packets"), 2)
