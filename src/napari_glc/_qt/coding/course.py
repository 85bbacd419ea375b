"""The course of an optimisation: bytes and distance over time, while it is going on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QSizePolicy

from ...codecs.goals import Standing
from ..common.jobs import Report
from ..common.plot import Plot

__all__ = ["Course", "CoursePlot", "Moment"]

_SECONDS = 0.15
"""Least time between two points of the curve."""
_PICTURES = (1.0, 3.0, 7.0, 15.0, 30.0)
"""Seconds after which what there is is shown, the next time it becomes better."""
_MEAN_OF = 8
_BYTES, _DISTANCE = "#2f9e8f", "#c45a86"


@dataclass(frozen=True, eq=False)
class Moment:
    """A point of the curve.

    Attributes
    ----------
    seconds
        Since the work began.
    standing
        How far it was.
    pixels
        What would be kept, in the values of the layer, now and then.
    """

    seconds: float
    standing: Standing
    pixels: NDArray[Any] | None = None


class Course:
    """Watches an optimisation in the work thread and tells the widget.

    Parameters
    ----------
    report
        Line to the GUI; it gets a :class:`Moment` now and then.
    whole
        Rows and columns of the plane, whose pictures are shown; ``None`` to show none.
    keep
        Set when what there is is to be kept.
    values
        Makes the values of the layer of pixels of 8 bits; ``None`` if no pictures are shown.
    """

    def __init__(
        self,
        report: Report,
        whole: tuple[int, int] | None,
        keep: threading.Event,
        values: Callable[[NDArray[np.uint8]], NDArray[Any]] | None,
    ) -> None:
        self._report, self._whole, self._keep, self._values = report, whole, keep, values
        self._began = self._last = time.monotonic()
        self._pictures = list(_PICTURES)

    def __call__(self, standing: Standing) -> bool:
        """Called by the encoder after each iteration."""
        now = time.monotonic()
        seconds = now - self._began
        pixels = None
        values = self._values
        due = standing.improved and self._pictures and seconds >= self._pictures[0] and not self._keep.is_set()
        if due and values is not None and (standing.box.height, standing.box.width) == self._whole:
            while self._pictures and seconds >= self._pictures[0]:
                del self._pictures[0]
            pixels = values(standing.picture())
        if pixels is not None or standing.iteration == 0 or standing.improved or now - self._last >= _SECONDS:
            self._last = now
            self._report.show(Moment(seconds, standing, pixels))
        return self._keep.is_set()


class CoursePlot(Plot):
    """Bytes and distance of what there is, over seconds.

    Thin lines are estimates of the last moments, thick lines what would be kept.

    Parameters
    ----------
    viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, 170)
        self.moments: list[Moment] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Bytes and distance while the encoder works")
        self.setToolTip("Thick: what would be kept now. Thin: the trial under way")
        self._far = self.axes.twinx()
        self._lines = [
            axes.plot([], [], style, color=colour, linewidth=width)[0]
            for axes, colour in ((self.axes, _BYTES), (self._far, _DISTANCE))
            for style, width in (("-", 0.8), ("-", 2.2))
        ]
        self.axes.set_xlabel("seconds")
        self.restyle()

    def begin(self) -> None:
        """Forget the last run."""
        self.moments = []
        self._draw_lines()

    def rows(self) -> list[dict[str, float]]:
        """The curve as a table."""
        return [
            {
                "seconds": moment.seconds,
                "bytes": moment.standing.bytes,
                "distance": moment.standing.distance,
                "best_bytes": moment.standing.best_bytes,
                "best_distance": moment.standing.best_distance,
            }
            for moment in self.moments
        ]

    def add(self, moment: Moment) -> None:
        """One more point."""
        self.moments.append(moment)
        self._draw_lines()

    def _draw_lines(self) -> None:
        seconds = [moment.seconds for moment in self.moments]
        told = [moment.standing for moment in self.moments]
        values: tuple[list[float], ...] = (
            _smooth([standing.bytes for standing in told]),
            [standing.best_bytes for standing in told],
            _smooth([standing.distance for standing in told]),
            [standing.best_distance for standing in told],
        )
        for line, numbers in zip(self._lines, values, strict=True):
            line.set_data(seconds, numbers)
        for axes in (self.axes, self._far):
            axes.relim()
            axes.autoscale_view()
        self.draw_idle()

    def restyle(self, event: Any = None) -> None:
        """See :meth:`Plot.restyle`; each axis has the colour of its line, and says what it is."""
        super().restyle(event)
        far = getattr(self, "_far", None)
        if far is None:
            return
        for axes, words, colour in ((self.axes, "bytes", _BYTES), (far, "distance", _DISTANCE)):
            axes.set_ylabel(words, color=colour, fontsize=9)
            axes.tick_params(axis="y", colors=colour, labelsize=8)
        for spine in far.spines.values():
            spine.set_color(self.ink)
        self.draw_idle()


def _smooth(values: list[float]) -> list[float]:
    """Means over the last few: the picture is looked at in another way each time, and rounded at random."""
    return [fmean(values[max(0, place - _MEAN_OF + 1) : place + 1]) for place in range(len(values))]
