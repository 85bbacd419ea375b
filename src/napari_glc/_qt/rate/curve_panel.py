"""The rate explorer's lower half: curves, their points as a list, and saving both."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ...evaluation.rows import Result, in_words
from ...inspection.rate.curves import available_baselines, looks
from ...metrics.measures import measure_named
from ..common.choices import choice_of
from ..common.export_row import ExportRow
from ..common.paths import path_to_save, suggested_name
from .curve_plot import METRICS, CurvePlot

__all__ = ["CurvePanel"]


class CurvePanel(QWidget):
    """Curves of the picture that is explored.

    Parameters
    ----------
    viewer
        The viewer.
    add_row
        Adds a labelled control to a form: :meth:`~napari_glc._qt.common.base.GlcWidget.add_row`.

    Attributes
    ----------
    name
        Of the picture, for file names.
    wanted
        Signal when curves are asked for.
    picked
        Signal with the point that was clicked or chosen.
    report_wanted
        Signal with the path of a report to be written.
    saved
        Signal with the name of a file that was written.
    failed
        Signal with the exception if it could not be.
    """

    wanted = Signal()
    picked = Signal(object)
    report_wanted = Signal(object)
    saved = Signal(str)
    failed = Signal(object)

    def __init__(self, viewer: Any, add_row: Callable[[str, QWidget, str, QFormLayout], Any]) -> None:
        super().__init__()
        self.name = "picture"
        self.draw_button = QPushButton("&Draw curves")
        self.draw_button.clicked.connect(self._want)
        self.baselines = QCheckBox("with " + ", ".join(name.upper() for name in available_baselines()))
        self.baselines.setChecked(True)
        self.baselines.setAccessibleName("Classical codecs in the curves")
        self.baselines.setToolTip("Add the curves of the classical codecs Pillow can write here")
        self.baselines.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plot = CurvePlot(viewer)
        self.plot.picked.connect(self._pick)
        self.metric = choice_of(METRICS)
        self.metric.currentIndexChanged.connect(self._draw_metric)
        self.points = choice_of({})
        self.points.activated.connect(self.choose)
        self.look = QLabel()
        self.look.setWordWrap(True)
        self.look.setAccessibleName("Bytes of classical codecs at an equal look")
        self.look.setToolTip("What other codecs need to come as near to the original as the picture does at this rate")
        self._here: Result | None = None
        self.saving = ExportRow(
            "curves",
            table=lambda: [point.row() for point in self.plot.points],
            figure=lambda: self.plot.figure,
            keys=("S", "P", "V"),
        )
        self.saving.saved.connect(self.saved)
        self.saving.failed.connect(self.failed)
        self.report_button = QPushButton("Save &report ...")
        self.report_button.clicked.connect(self.save_report)
        for button, tip in (
            (self.draw_button, "Measure this picture at several rates with all codecs; sliding stays possible"),
            (self.report_button, "Save a page with curves, BD-rates and the picture by all codecs at equal bytes"),
        ):
            button.setToolTip(tip)
            button.setAccessibleName(button.text().replace("&", ""))

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        drawing = QHBoxLayout()
        drawing.addWidget(self.draw_button)
        drawing.addWidget(self.baselines, 1)
        layout.addLayout(drawing)
        layout.addWidget(self.plot)
        layout.addWidget(self.look)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        add_row("M&etric", self.metric, "What the curves show over the bits per pixel", form)
        add_row("Poin&t", self.points, "Points of the curves; choosing one shows the picture at that rate", form)
        layout.addLayout(form)
        layout.addWidget(self.saving)
        layout.addWidget(self.report_button)
        saving = (*self.saving.buttons.values(), self.report_button)
        controls = (self.draw_button, self.baselines, self.metric, self.points, *saving)
        for before, after in pairwise(controls):
            self.setTabOrder(before, after)
        self.enable(False)

    @property
    def here(self) -> Result | None:
        """The present picture, once it is measured."""
        return self._here

    def enable(self, drawing: bool, busy: bool = False) -> None:
        """Enable what is possible; `drawing` tells whether curves can be measured, `busy` whether work is under way."""
        self.draw_button.setEnabled(drawing)
        for part in (self.report_button, self.points):
            part.setEnabled(bool(self.plot.points))
        self.saving.enable(bool(self.plot.points))
        if busy or self._here is None:
            self.report_button.setEnabled(False)

    def clear(self, name: str) -> None:
        """Begin anew with another picture."""
        self.name = self.saving.name = name
        self.plot.clear_points()
        self.points.clear()
        self.show_here(None)

    def show_here(self, here: Result | None) -> None:
        """Mark the present picture, and say what others need to look as near; ``None`` where that is not known."""
        self._here = here
        if here is not None:
            self.plot.mark(here.bpp, here.measures)
        self._tell_looks()

    def _tell_looks(self) -> None:
        metric = self.plot.metric
        said = [] if self._here is None else looks(self.plot.points, self._here, metric)
        self.look.setText(f"At this {measure_named(metric).within}: {'; '.join(said)}." if said else "")
        self.look.setVisible(bool(said))

    def forget(self, codec: str) -> None:
        """Drop the points of a codec."""
        self.plot.forget(codec)
        self._list_points()

    def add(self, point: Result) -> None:
        """One more point."""
        self.plot.add(point)
        self._list_points()

    def _list_points(self) -> None:
        self.points.clear()
        for each in self.plot.points:
            value = in_words(self.plot.metric, self.plot.value(each))
            self.points.addItem(f"{each.codec} {each.quality:g}: {each.bpp:.4f} bpp, {value}", each)
        self._tell_looks()

    def choose(self, place: int) -> None:
        """Pick a point by its place in the list."""
        self._pick(self.points.itemData(place))

    def _want(self) -> None:
        self.wanted.emit()

    def _pick(self, point: Result) -> None:
        self.points.setCurrentIndex(self.plot.points.index(point))
        self.picked.emit(point)

    def _draw_metric(self) -> None:
        self.plot.show_metric(str(self.metric.currentData()))
        chosen = self.points.currentIndex()
        self._list_points()
        self.points.setCurrentIndex(chosen)

    def save_report(self) -> None:
        """Ask where a report is to be written, and for it."""
        path = path_to_save(self, "Save the report", suggested_name(self.name, " report.html"), "Pages (*.html)")
        if path is not None:
            self.report_wanted.emit(path)
