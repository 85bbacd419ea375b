"""A matplotlib canvas in napari's colours, quick enough to be redrawn while somebody drags a slider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.utils.theme import get_theme
from qtpy.QtGui import QPaintEvent, QResizeEvent
from qtpy.QtWidgets import QSizePolicy

__all__ = ["Plot"]


class Plot(FigureCanvasQTAgg):
    """One pair of axes that follows the viewer's theme. Nothing of matplotlib's global state is touched.

    Drawing a figure takes tens of milliseconds of the GUI's thread, so three things are spared: what nobody sees, such
    as a dock behind another, is drawn when it is shown; the margins are found anew only after :meth:`restyle` or for
    another size; and what moves (:meth:`move`) is put over a kept picture of the rest.

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
        super().__init__(Figure(figsize=(3, height / 100)))
        self.axes: Axes = self.figure.add_subplot()
        self._viewer = viewer
        self._loose, self._due = True, False
        self._moving: Sequence[Artist] = ()
        self._rest: Any = None
        self.setMinimumHeight(height)
        self.setMinimumWidth(100)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        self.mpl_connect("draw_event", self._keep_rest)
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
        self._loose, self._rest = True, None
        self.draw_idle()

    # -- drawing -------------------------------------------------------------------------------------------

    def draw_idle(self) -> None:
        """Draw soon, or when it is shown."""
        self._due = not self.isVisible()
        if not self._due:
            super().draw_idle()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt calls it)
        """Draw what changed while nobody saw it."""
        if self._due:
            self.draw()
        super().paintEvent(event)

    def draw(self) -> None:
        """Draw the figure, with margins that fit."""
        self.figure.set_layout_engine("constrained" if self._loose else "none")
        self._loose = self._due = False
        super().draw()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt calls it)
        """Another size needs other margins."""
        self._loose = True
        super().resizeEvent(event)

    def move(self, artists: Sequence[Artist]) -> None:
        """Replace the artists that lie over the rest; they belong to `axes` and must be within its limits."""
        self._moving = artists
        for artist in artists:
            artist.set_animated(True)
        if self._rest is not None:
            self.restore_region(self._rest)
            self._draw_moving()
            self.blit(self.figure.bbox)

    def _keep_rest(self, event: Any) -> None:
        if not self.is_saving():
            self._rest = self.copy_from_bbox(self.figure.bbox)
            self._draw_moving()

    def _draw_moving(self) -> None:
        for artist in self._moving:
            self.axes.draw_artist(artist)
