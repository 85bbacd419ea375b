"""A matplotlib canvas in napari's colours."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QSizePolicy

__all__ = ["Plot"]


class Plot(FigureCanvasQTAgg):
    """One pair of axes that follows the viewer's theme. Nothing of matplotlib's global state is touched.

    Parameters
    ----------
    viewer
        The viewer.
    height
        Least height in pixels.

    Attributes
    ----------
    axes
        Draw here, then call :meth:`restyle`.
    """

    def __init__(self, viewer: Any, height: int = 220) -> None:
        super().__init__(Figure(layout="constrained", figsize=(3, height / 100)))
        self.axes: Axes = self.figure.add_subplot()
        self._viewer = viewer
        self.setMinimumHeight(height)
        self.setMinimumWidth(100)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        viewer.events.theme.connect(self.restyle)
        self.restyle()

    def detach(self) -> None:
        """Stop following the theme."""
        self._viewer.events.theme.disconnect(self.restyle)

    @property
    def ink(self) -> str:
        """Colour of text and lines in the present theme."""
        return str(get_theme(self._viewer.theme).text.as_hex())

    @property
    def accent(self) -> str:
        """Colour of what is emphasised."""
        return str(get_theme(self._viewer.theme).highlight.as_hex())

    def restyle(self, event: Any = None) -> None:
        """Apply the theme's colours to everything drawn, and redraw."""
        theme = get_theme(self._viewer.theme)
        ink, paper = theme.text.as_hex(), theme.background.as_hex()
        self.figure.set_facecolor(paper)
        self.axes.set_facecolor(paper)
        for spine in self.axes.spines.values():
            spine.set_color(ink)
        self.axes.tick_params(colors=ink, labelsize=8)
        for text in (self.axes.xaxis.label, self.axes.yaxis.label, self.axes.title):
            text.set_color(ink)
            text.set_fontsize(9)
        legend = self.axes.get_legend()
        if legend is not None:
            legend.get_frame().set_facecolor(paper)
            legend.get_frame().set_edgecolor(ink)
            for text in legend.get_texts():
                text.set_color(ink)
                text.set_fontsize(8)
        self.draw_idle()
