"""Rate-distortion curves whose points can be clicked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.backend_bases import MouseEvent
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QSizePolicy

from ...evaluation.measuring import ALWAYS
from ...evaluation.rows import Result
from ...evaluation.styles import styles_of
from ...metrics.measures import measure_named
from ..common.plot import Plot

__all__ = ["METRICS", "CurvePlot"]

METRICS = {name: measure_named(name).axis for name in ALWAYS}
"""Measures that can be drawn, and the words at the axis; first what our codecs are judged by."""


_NEAR = 12
"""Screen pixels within which a click means a point."""


class CurvePlot(Plot):
    """Curves of one picture over bits per pixel, and where it is now.

    Attributes
    ----------
    picked
        Signal with the :class:`~napari_glc.evaluation.rows.Result` that was clicked.
    """

    picked = Signal(object)

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, 260)
        self.points: list[Result] = []
        self.here: tuple[float, Mapping[str, float]] | None = None
        self.metric = next(iter(METRICS))
        self._spans_now = False
        self._drawn: Any = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Rate-distortion curves")
        self.setToolTip("Click a point to show the picture at that rate")
        self.mpl_connect("button_press_event", self._on_click)
        self.redraw()

    def add(self, point: Result) -> None:
        """One more point; an earlier one of the same codec and quality is replaced."""
        key = (point.codec, point.quality)
        self.points = [p for p in self.points if (p.codec, p.quality) != key] + [point]
        codecs = list(dict.fromkeys(p.codec for p in self.points))
        self.points.sort(key=lambda p: (codecs.index(p.codec), p.bpp))
        self.redraw()

    def forget(self, codec: str) -> None:
        """Drop the points of a codec."""
        self.points = [p for p in self.points if p.codec != codec]
        self.redraw()

    def clear_points(self) -> None:
        """Forget all curves."""
        self.points, self.here = [], None
        self.redraw()

    def mark(self, bpp: float, measures: Mapping[str, float]) -> None:
        """Show where the picture is now; a measure that is not known yet is left out."""
        self.here = (bpp, measures)
        low, high = self.axes.get_xlim()
        if not (self._spans_now and low < bpp < high and self._inside(self._height_now())):
            self.redraw()
        else:
            self._place_now()

    def show_metric(self, metric: str) -> None:
        """Draw another field of the points."""
        self.metric = metric
        self.redraw()

    def value(self, point: Result) -> float:
        """What of a point is drawn."""
        return point.measures.get(self.metric, math.nan)

    def _height_now(self) -> float:
        return math.nan if self.here is None else self.here[1].get(self.metric, math.nan)

    def _inside(self, value: float) -> bool:
        low, high = self.axes.get_ylim()
        return math.isnan(value) or low < value < high

    def redraw(self) -> None:
        """Draw everything anew."""
        axes = self.axes
        axes.clear()
        axes.set_xscale("log")
        for codec, style in styles_of(dict.fromkeys(p.codec for p in self.points)).items():
            mine = [p for p in self.points if p.codec == codec and math.isfinite(self.value(p))]
            if mine:
                axes.plot(
                    [p.bpp for p in mine],
                    [self.value(p) for p in mine],
                    color=style.colour,
                    marker=style.marker,
                    markersize=5,
                    linestyle=style.line,
                    linewidth=1.2,
                    label=codec,
                )
        rates = [p.bpp for p in self.points] + ([self.here[0]] if self.here is not None else [])
        low, high = (min(rates), max(rates)) if rates else (0.02, 0.2)
        # a single rate still gets an axis with numbers
        axes.set_xlim(low / 1.5, max(high * 1.5, low * 12))
        # the ring around the present place moves with every step of the slider and is drawn over the rest
        self._line = axes.axvline(low, linewidth=0.7, alpha=0.6)
        (self._ring,) = axes.plot([], [], marker="o", markersize=12, fillstyle="none", label="now", ls="none")
        self._spans_now = self.here is not None
        if math.isfinite(height := self._height_now()):
            axes.update_datalim([(self.here[0] if self.here else low, height)])
            axes.autoscale_view(scalex=False)
        axes.set_xlabel("bits per pixel")
        axes.set_ylabel(METRICS[self.metric])
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(visible=True, alpha=0.25)
        if self.points or self.here is not None:
            # above the curves, where it hides none of them
            axes.legend(
                loc="lower center",
                bbox_to_anchor=(0.5, 1.0),
                ncols=3,
                frameon=False,
                columnspacing=1,
                handletextpad=0.4,
            )
        loose, drawn = self._loose, (self.metric, {p.codec for p in self.points}, self.here is None)
        self.restyle()
        # one point more needs no other margins, and finding them takes most of the time
        self._loose = loose or drawn != self._drawn
        self._drawn = drawn
        self._place_now()

    def restyle(self, event: Any = None) -> None:
        """See :meth:`Plot.restyle`."""
        for artist in self._moving:
            artist.set_color(self.ink)  # type: ignore[attr-defined]
        super().restyle(event)

    def _place_now(self) -> None:
        if self.here is None:
            self.move(())
            self._line.set_visible(False)
            return
        self._line.set_xdata([self.here[0]] * 2)
        self._ring.set_data([self.here[0]], [self._height_now()])
        for artist in (self._line, self._ring):
            artist.set_color(self.ink)
        self.move((self._line, self._ring))

    def _on_click(self, event: MouseEvent) -> None:
        known = [p for p in self.points if math.isfinite(self.value(p))]
        if event.inaxes is not self.axes or event.button != 1 or not known:
            return
        places = self.axes.transData.transform([(p.bpp, self.value(p)) for p in known])
        distance = np.hypot(places[:, 0] - event.x, places[:, 1] - event.y)
        nearest = int(distance.argmin())
        if distance[nearest] <= _NEAR * self.device_pixel_ratio:
            self.picked.emit(known[nearest])
