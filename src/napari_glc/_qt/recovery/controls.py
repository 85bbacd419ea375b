"""Parts of the recovery widget: the table of what a loss cost, and the sweep over loss ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...inspection.recovery.simulation import RecoveryResult, SweepPoint

__all__ = ["METHOD_WORDS", "MetricsTable", "PlanesTable", "draw_sweep"]

METHOD_WORDS = {
    "transformer": "Transformer",
    "both-sides": "Both sides",
    "nearest": "Nearest known",
    "frequent": "Most frequent",
    "none": "None (mid-grey)",
}
"""Methods of recovery in the words of the widget."""

_STYLES = {
    "transformer": ("o", "-"),
    "both-sides": ("s", "--"),
    "nearest": ("^", "-."),
    "frequent": ("v", ":"),
    "none": ("x", (0, (1, 3))),
}
"""Marker and dashes of each method: curves differ by more than colour."""


class MetricsTable(QTableWidget):
    """Accuracy and fidelity before recovery, after it, and of the picture that lost nothing."""

    ROWS = ("Right, %", "PSNR orig.", "MS-SSIM orig.", "PSNR whole", "MS-SSIM whole")
    COLUMNS = ("Lost", "Concealed", "Whole")
    TIP = (
        "Right: share of the lost indices recovered exactly. Columns: Lost, with lost indices as mid-grey; Concealed, "
        "after recovery; Whole, the decode that lost nothing. Rows: against the original picture, and against "
        "the whole decode."
    )

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(len(self.ROWS), len(self.COLUMNS), parent)
        self.setHorizontalHeaderLabels(self.COLUMNS)
        self.setVerticalHeaderLabels(self.ROWS)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(30)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        # five numbers by three must fit a narrow dock without being cut
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        for part in (self, self.horizontalHeader(), self.verticalHeader()):
            part.setStyleSheet("* { font-size: 8pt; } QHeaderView::section, QTableView::item { padding: 1px; }")
        self.verticalHeader().setFixedWidth(88)
        self.setToolTip(self.TIP)
        self.setAccessibleName("What the loss cost")
        self.setAccessibleDescription(self.TIP)
        self.setMinimumWidth(100)
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + len(self.ROWS) * self.rowHeight(0) + 4)

    def show_result(self, result: RecoveryResult) -> None:
        """Fill the table."""
        pictures = ("before", "after", "undamaged")
        self._put(0, ["", "-" if math.isnan(result.accuracy) else f"{100 * result.accuracy:.1f}", ""])
        for first, found in ((1, result.to_original), (3, result.to_undamaged)):
            self._put(first, [_number(found[p].psnr, 2) if p in found else "-" for p in pictures])
            self._put(first + 1, [_number(found[p].ms_ssim, 3) if p in found else "-" for p in pictures])

    def _put(self, row: int, cells: Sequence[str]) -> None:
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)

    def cell(self, row: int, column: int) -> str:
        """Text of a cell."""
        item: Any = self.item(row, column)
        return str(item.text()) if item is not None else ""


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else "∞" if math.isinf(value) else f"{value:.{digits}f}"


class PlanesTable(QTableWidget):
    """What the same loss costs each plane of a stack; as high as a few rows, the others are scrolled to."""

    COLUMNS = ("Plane", "Right, %", "Lost", "Conc.", "Whole")
    TIP = (
        "Of each plane: share of the lost indices that came back exactly, and PSNR in dB before recovery, after it and "
        "of the decode that lost nothing, against the original picture, or else against that decode. Last line: means"
    )
    _ROWS = 7

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(self.COLUMNS), parent)
        self.rows: list[dict[str, Any]] = []
        self.setHorizontalHeaderLabels(self.COLUMNS)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().setVisible(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(30)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setToolTip(self.TIP)
        self.setAccessibleName("What the loss cost each plane")
        self.setAccessibleDescription(self.TIP)
        self.setMinimumWidth(100)
        self.setVisible(False)

    @property
    def means(self) -> tuple[str, ...]:
        """The last line without its name."""
        return tuple(self.item(self.rowCount() - 1, column).text() for column in range(1, len(self.COLUMNS)))

    def show_rows(self, rows: Sequence[dict[str, Any]]) -> None:
        """Show rows of :func:`~napari_glc.inspection.recovery.planes.plane_row`, and their means; none to hide."""
        self.rows = list(rows)
        self.setVisible(bool(rows))
        self.setRowCount(len(rows) + 1 if rows else 0)
        if not rows:
            return
        to = "original" if not math.isnan(rows[0]["concealed_psnr_to_original"]) else "whole"
        names = ("accuracy", *(f"{picture}_psnr_to_{to}" for picture in ("lost", "concealed", "whole")))
        table = [[row.get(name, math.nan) for name in names] for row in rows]
        means = [fmean(column) for column in zip(*table, strict=True)]
        for place, (words, values) in enumerate(
            zip([*(row["plane"] for row in rows), "mean"], [*table, means], strict=True)
        ):
            cells = [words, _number(100 * values[0], 1), *(_number(value, 2) for value in values[1:])]
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(place, column, item)
        shown = min(self._ROWS, self.rowCount())
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + shown * self.rowHeight(0) + 4)


def draw_sweep(points: Sequence[SweepPoint], accuracy: Axes, fidelity: Axes, reference: str) -> None:
    """Draw accuracy and PSNR against the loss ratio, a curve for each method.

    Parameters
    ----------
    points
        In the order of :func:`~napari_glc.inspection.recovery.simulation.sweep`.
    accuracy, fidelity
        Where to.
    reference
        What the PSNR is against.
    """
    methods = list(dict.fromkeys(point.method for point in points))
    for axes, label in ((accuracy, "right indices, %"), (fidelity, f"PSNR to {reference}, dB")):
        axes.clear()
        for method in methods:
            chosen = [point for point in points if point.method == method]
            values = [100 * p.accuracy if axes is accuracy else p.psnr for p in chosen]
            marker, dashes = _STYLES[method]
            ratios = [point.ratio for point in chosen]
            axes.plot(ratios, values, marker=marker, ls=dashes, ms=4, lw=1.2, label=METHOD_WORDS[method])
        axes.set_xlabel("loss ratio α")
        axes.set_ylabel(label)
        axes.grid(alpha=0.25)
    # above the curves, where it hides none of them
    accuracy.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, columnspacing=1)
