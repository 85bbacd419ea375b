"""The rate explorer's work in its thread: newest wish first, curves in between.

::

    GUI --wish--> Desk --newest--> serve() --shown--> GUI
                  Desk --curves--^

The GUI puts wishes on a desk and never waits. One job at a time takes the newest wish (older ones are forgotten, so
nothing piles up), and points of curves when there is none. The desk is all that both sides touch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import decode
from ...errors import Cancelled, MissingModelError
from ...inspection.rate.curves import (
    RatePoint,
    available_baselines,
    baseline_curve,
    decoded_baseline,
    rate_curve,
)
from ...inspection.rate.maps import detail_beyond, detail_unlike
from ...inspection.rate.session import RateSession, RateStep
from ...metrics.fidelity import ms_ssim
from ..common.jobs import Report

__all__ = [
    "BEYOND",
    "UNLIKE",
    "Classical",
    "CurvePiece",
    "Desk",
    "Measured",
    "Order",
    "Ready",
    "Shown",
    "Wish",
    "serve",
]

BEYOND, UNLIKE = "beyond", "unlike"
"""The two invention maps: beyond the preview, unlike the original."""

_PATIENCE = 0.4
"""Seconds after which a step gives way to a newer wish; a faster one is shown first, so that dragging shows steps."""


@dataclass(frozen=True)
class Order:
    """What is explored.

    Attributes
    ----------
    picture
        uint8, ``(Y, X)`` or ``(Y, X, 3)``.
    codec, model, device
        See :func:`napari_glc.encode`.
    """

    picture: NDArray[np.uint8]
    codec: str
    model: str | None
    device: str

    def session(self, report: Report) -> RateSession:
        """Analyse the picture."""
        return RateSession(self.picture, codec=self.codec, model=self.model, device=self.device, progress=report)


@dataclass(frozen=True)
class Wish:
    """What is to be shown: a quality, and maps beside it."""

    quality: float
    bits: bool = False
    invention: str = ""


@dataclass(frozen=True, eq=False)
class Ready:
    """The picture is analysed."""

    session: RateSession
    seconds: float


@dataclass(frozen=True, eq=False)
class Shown:
    """A step, and the maps that were wished for."""

    step: RateStep
    bits: NDArray[np.float64] | None
    invention: NDArray[np.float64] | None
    wish: Wish


@dataclass(frozen=True, eq=False)
class Measured:
    """The slower measure of the step shown last."""

    step: RateStep
    ms_ssim: float


@dataclass(frozen=True)
class CurvePiece:
    """One more point of a curve."""

    point: RatePoint


@dataclass(frozen=True, eq=False)
class Classical:
    """What a classical codec makes of the picture at a point of its curve."""

    point: RatePoint
    pixels: NDArray[np.uint8]


class Desk:
    """Where wishes wait; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wish: Wish | None = None
        self._curves: tuple[str, ...] = ()
        self._point: RatePoint | None = None

    def put(self, wish: Wish) -> None:
        """Replace whatever waits."""
        with self._lock:
            self._wish = wish

    def put_curves(self, codecs: Sequence[str]) -> None:
        """Ask for curves."""
        with self._lock:
            self._curves = tuple(codecs)

    def put_point(self, point: RatePoint) -> None:
        """Ask for the picture at a point of a classical codec's curve."""
        with self._lock:
            self._point = point

    def take_point(self) -> RatePoint | None:
        """The point last asked for; it is off the desk then."""
        with self._lock:
            point, self._point = self._point, None
            return point

    def take(self) -> Wish | None:
        """The newest wish; it is off the desk then."""
        with self._lock:
            wish, self._wish = self._wish, None
            return wish

    def take_curves(self) -> tuple[str, ...]:
        """Codecs whose curves are asked for."""
        with self._lock:
            curves, self._curves = self._curves, ()
            return curves

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._wish, self._curves, self._point = None, (), None

    @property
    def wished(self) -> bool:
        """Whether a wish waits."""
        return self._wish is not None

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return self._wish is None and self._point is None and not self._curves


class _Superseded(Exception):
    """A newer wish has come."""


def serve(desk: Desk, order: Order, session: RateSession | None, report: Report) -> None:
    """Fulfil what lies on a desk until it is empty.

    Shows :class:`Ready`, :class:`Shown`, :class:`Classical`, :class:`Measured` and :class:`CurvePiece` through
    `report`.

    Parameters
    ----------
    desk
        The desk.
    order
        What is explored.
    session
        Of the order, if it is there already.
    report
        The job's line to the GUI.
    """
    started = time.perf_counter()
    if session is None:
        session = order.session(report)
        report.show(Ready(session, time.perf_counter() - started))
    pieces: Iterator[RatePoint] = iter(())
    place = _Place()
    unmeasured: RateStep | None = None
    while True:
        curves = desk.take_curves()
        if curves:
            place.done, place.total = 0, _length(order, session, curves)
            pieces = _curves(order, session, curves, report, place)
        wish = desk.take()
        if wish is not None:
            try:
                shown = _fulfil(session, wish, _giving_way(desk, report, place))
            except _Superseded:
                continue
            report.show(shown)
            unmeasured = shown.step
        elif (asked := desk.take_point()) is not None:
            report.show(Classical(asked, decoded_baseline(order.picture, asked.codec, int(asked.quality))[1]))
        elif unmeasured is not None:
            report.show(Measured(unmeasured, ms_ssim(session.picture, unmeasured.pixels)))
            unmeasured = None
        else:
            point = next(pieces, None)
            if point is None:
                return
            report.show(CurvePiece(point))


@dataclass
class _Place:
    """How far the curves are; no total while there are none."""

    done: int = 0
    total: int = 0


def _giving_way(desk: Desk, report: Report, place: _Place) -> Callable[[int, int], None]:
    """Progress of a step: stops it when it is cancelled, or slow and no longer wanted."""
    started = time.monotonic()

    def tick(done: int, total: int) -> None:
        if place.total:
            report(place.done, place.total)
        else:
            report(done, total)
        if desk.wished and time.monotonic() - started > _PATIENCE:
            raise _Superseded

    return tick


def _fulfil(session: RateSession, wish: Wish, tick: Callable[[int, int], None]) -> Shown:
    step = session.at(wish.quality, tick)
    bits = step.bits() if wish.bits else None
    invention = None
    if wish.invention == UNLIKE:
        invention = detail_unlike(session.picture, step.pixels, session.factor)
    elif wish.invention == BEYOND and session.entry.capabilities.preview:
        preview = decode(step.data, device=session.device, preview=True, progress=tick)
        invention = detail_beyond(step.pixels, preview, session.factor)
    return Shown(step, bits, invention, wish)


def _length(order: Order, session: RateSession, codecs: Sequence[str]) -> int:
    from ...inspection.rate.curves import BASELINES

    return sum(len(BASELINES[c]) if c in BASELINES else len(session.qualities) for c in codecs)


def _curves(
    order: Order, session: RateSession, codecs: Sequence[str], report: Report, place: _Place
) -> Iterator[RatePoint]:
    def tick(done: int, total: int) -> None:
        report(place.done, place.total)

    for codec in codecs:
        if codec in available_baselines():
            points = baseline_curve(order.picture, codec, tick)
        elif codec == session.codec:
            points = rate_curve(session, progress=tick)
        else:
            try:
                other = RateSession(order.picture, codec=codec, device=order.device, progress=tick)
            except MissingModelError:
                continue  # a curve of a codec without a model is no reason to lose the others
            points = rate_curve(other, progress=tick)
        for point in points:
            place.done = min(place.done + 1, place.total)
            if report.cancelled:
                raise Cancelled("cancelled")
            report(place.done, place.total)
            yield point
