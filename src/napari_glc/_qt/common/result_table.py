"""A small table of named figures whose cells can be selected and copied."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem

__all__ = ["ResultTable"]

Row = tuple[str, str, str]
"""Name, value, and what it means."""


class ResultTable(QTableWidget):
    """Two columns as high as their content; Ctrl+C copies the selected cells, tabs between columns."""

    def __init__(self, name: str = "Results") -> None:
        super().__init__(0, 2)
        self.setAccessibleName(name)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(100)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        rows.setVisible(False)
        columns.setVisible(False)
        columns.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        columns.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.show_rows(())

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Replace the content; an empty table is hidden."""
        self.setRowCount(len(rows))
        for place, (name, value, tip) in enumerate(rows):
            for column, text in enumerate((name, value)):
                item = QTableWidgetItem(text)
                item.setToolTip(tip)
                self.setItem(place, column, item)
        self.resizeRowsToContents()
        self.setFixedHeight(sum(self.rowHeight(row) for row in range(len(rows))) + 2 * self.frameWidth())
        self.setVisible(bool(rows))

    def value(self, name: str) -> str:
        """The value beside a name; empty if there is none."""
        for row in range(self.rowCount()):
            if self.item(row, 0).text() == name:
                return str(self.item(row, 1).text())
        return ""

    def copied(self) -> str:
        """The selected cells, tabs between columns, one line a row."""
        chosen = sorted((index.row(), index.column()) for index in self.selectedIndexes())
        lines: dict[int, list[str]] = {}
        for row, column in chosen:
            lines.setdefault(row, []).append(self.item(row, column).text())
        return "\n".join("\t".join(cells) for cells in lines.values())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt calls it)
        """Copy on Ctrl+C."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QApplication.clipboard().setText(self.copied())
        else:
            super().keyPressEvent(event)
