"""Buttons that save what a widget shows: its figures as a table, its plot as a picture or a drawing."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from ..._base.atomic import write_atomically
from ...evaluation.rows import table_csv
from .paths import path_to_save, suggested_name

__all__ = ["ExportRow"]

Table = Callable[[], Iterable[Mapping[str, Any]]]
"""Gives rows, each with the names of its columns."""


class ExportRow(QWidget):
    """A line of buttons; those of what a widget does not have are absent.

    Parameters
    ----------
    what
        What is saved, as in *Save the curves*; also the ending of suggested file names.
    table
        Gives the table; ``None`` for none.
    figure
        Gives the plot; ``None`` for none.
    keys
        Letters of the buttons that are keys, for CSV, PNG and SVG; a widget that shows two rows has one with keys.

    Attributes
    ----------
    name
        Of the picture, for file names.
    saved
        Signal with the name of a file that was written.
    failed
        Signal with the exception if it could not be.
    """

    saved = Signal(str)
    failed = Signal(object)

    def __init__(
        self,
        what: str,
        *,
        table: Table | None = None,
        figure: Callable[[], Figure] | None = None,
        keys: Sequence[str] = ("", "", ""),
    ) -> None:
        super().__init__()
        self.name = "picture"
        self._what, self._table, self._figure = what, table, figure
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.buttons: dict[str, QPushButton] = {}
        for kind, tip, save, there in (
            ("CSV", f"Save the {what} as a table", self.save_csv, table),
            ("PNG", f"Save the plot of the {what} as a picture", self.save_png, figure),
            ("SVG", f"Save the plot of the {what} as a drawing that can be enlarged and edited", self.save_svg, figure),
        ):
            key = keys[len(self.buttons)] if there is not None else ""
            if there is None:
                continue
            button = QPushButton(f"Save {kind.replace(key, '&' + key, 1) if key else kind} ...")
            button.setToolTip(tip)
            button.setAccessibleName(f"Save {what} as {kind}")
            button.clicked.connect(save)
            button.setMinimumWidth(40)
            row.addWidget(button, 1)
            self.buttons[kind] = button
        self.enable(False)

    def enable(self, possible: bool) -> None:
        """Allow a click, or not: whether there is anything to save."""
        for button in self.buttons.values():
            button.setEnabled(possible)

    def save_csv(self) -> None:
        """Ask where, and save the table."""
        table = self._table
        if table is not None:
            self._save("csv", "Tables", lambda path: write_atomically(path, table_csv(table()).encode()))

    def save_png(self) -> None:
        """Ask where, and save the plot as a picture."""
        self._save("png", "Pictures", partial(self._write_plot, dpi=200))

    def save_svg(self) -> None:
        """Ask where, and save the plot as a drawing."""
        self._save("svg", "Drawings", self._write_plot)

    def _write_plot(self, path: Path, **options: Any) -> None:
        assert self._figure is not None
        drawn = io.BytesIO()
        self._figure().savefig(drawn, format=path.suffix[1:].lower(), **options)
        write_atomically(path, drawn.getvalue())

    def _save(self, suffix: str, kinds: str, write: Callable[[Path], None]) -> None:
        suggestion = suggested_name(self.name, f" {self._what}.{suffix}")
        path = path_to_save(self, f"Save the {self._what}", suggestion, f"{kinds} (*.{suffix})")
        if path is None:
            return
        try:
            write(path)
        except OSError as error:
            self.failed.emit(error)
        else:
            self.saved.emit(path.name)
