"""The rate explorer's work in its thread: the latest request first, curves in between.

::

    GUI --request--> RequestQueue --latest--> answer_requests() --report.show--> GUI
                     RequestQueue --curves---^

Of a step the picture comes first, as soon as there are pixels: a hand on the slider waits for nothing else. Bytes,
figures and maps follow, unless the next step is asked for by then.

The GUI puts requests on a queue and never waits. One job at a time takes the latest one (earlier ones are forgotten, so
nothing piles up), and points of curves when there is none. The queue is all that both sides touch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._base.interruption import interruptible
from ..._napari.layer_planes import LayerPlane
from ...errors import Cancelled, MissingDependencyError, MissingModelError
from ...evaluation.classical import classical_named
from ...evaluation.rows import Result
from ...files.opened import GlcFile
from ...inspection.rate.curves import available_baselines, baseline_curve, decoded_baseline, point_of, rate_curve
from ...inspection.rate.maps import detail_beyond, detail_unlike
from ...inspection.rate.session import RateSession, RateStep
from ...models import ModelFile
from ..common.jobs import Report

__all__ = [
    "BEYOND",
    "UNLIKE",
    "Analysed",
    "BaselinePicture",
    "CurvePiece",
    "Exploration",
    "NoiseCost",
    "RequestQueue",
    "SlowMeasure",
    "StepPicture",
    "StepRequest",
    "StepResult",
    "answer_requests",
]

BEYOND, UNLIKE = "beyond", "unlike"
"""The two maps of hallucinated detail: beyond the preview, unlike the original."""

_PATIENCE = 0.4
"""Seconds after which a step without a picture gives way to a later request; faster ones are shown first, so that
dragging shows some."""


@dataclass(frozen=True, eq=False)
class Exploration:
    """What is explored.

    Attributes
    ----------
    plane
        Of the layer; read when the exploration begins.
    codec
        Name of the codec.
    model
        One of its models.
    device
        See :func:`napari_glc.encode`.
    options
        Of the codec.
    before
        The picture explored before, if there was one.
    rule
        Which values become black and white; empty for those of the plane.
    """

    plane: LayerPlane
    codec: str
    model: ModelFile
    device: str
    options: Mapping[str, Any] = field(default_factory=dict)
    before: NDArray[np.uint8] | None = None
    rule: str = ""

    def analysed(self, report: Report) -> Analysed:
        """Read the plane and analyse it."""
        started = time.perf_counter()
        report(0, 0)
        plane, picture = self.plane.picture_by(self.rule)
        session = RateSession(
            picture, codec=self.codec, model=self.model, device=self.device, progress=report, **self.options
        )
        new = self.before is None or not np.array_equal(self.before, picture)
        return Analysed(session, time.perf_counter() - started, new, plane)


@dataclass(frozen=True)
class StepRequest:
    """What is to be shown: a quality, and maps beside it."""

    quality: float
    bits: bool = False
    hallucination: str = ""


@dataclass(frozen=True, eq=False)
class Analysed:
    """The picture is analysed.

    Attributes
    ----------
    session
        For steps.
    seconds
        Time of reading and analysis.
    new
        Whether the pixels are others than those explored before.
    plane
        With the values that became black and white.
    """

    session: RateSession
    seconds: float
    new: bool
    plane: LayerPlane


@dataclass(frozen=True, eq=False)
class StepPicture:
    """The pixels of a step; :class:`StepResult` follows if nothing else is asked for meanwhile."""

    pixels: NDArray[np.uint8]
    request: StepRequest


@dataclass(frozen=True, eq=False)
class StepResult:
    """A step whose picture was shown before, and the maps that were asked for."""

    step: RateStep
    bits: NDArray[np.float64] | None
    hallucination: NDArray[np.float64] | None
    request: StepRequest


@dataclass(frozen=True, eq=False)
class SlowMeasure:
    """The step shown last, with measures that take a moment."""

    step: RateStep
    point: Result


@dataclass(frozen=True, eq=False)
class NoiseCost:
    """Bytes at the quality of the step shown last if nothing is left out of the picture."""

    step: RateStep
    size: int


@dataclass(frozen=True)
class CurvePiece:
    """One more point of a curve."""

    point: Result


@dataclass(frozen=True, eq=False)
class BaselinePicture:
    """What a classical codec makes of the picture at a point of its curve."""

    point: Result
    pixels: NDArray[np.uint8]


class RequestQueue:
    """Where requests wait, of each kind the latest one; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._step: StepRequest | None = None
        self._curves: tuple[str, ...] = ()
        self._point: Result | None = None

    def put_step(self, request: StepRequest) -> None:
        """Ask for a step; replaces the one that waits."""
        with self._lock:
            self._step = request
            self._lock.notify_all()

    def put_curves(self, codecs: Sequence[str]) -> None:
        """Ask for the curves of codecs."""
        with self._lock:
            self._curves = tuple(codecs)
            self._lock.notify_all()

    def put_point(self, point: Result) -> None:
        """Ask for the picture at a point of a classical codec's curve."""
        with self._lock:
            self._point = point
            self._lock.notify_all()

    def take_step(self) -> StepRequest | None:
        """The step last asked for; the queue forgets it, as the two below."""
        with self._lock:
            request, self._step = self._step, None
            return request

    def take_curves(self) -> tuple[str, ...]:
        """Codecs whose curves are asked for."""
        with self._lock:
            curves, self._curves = self._curves, ()
            return curves

    def take_point(self) -> Result | None:
        """The point last asked for."""
        with self._lock:
            point, self._point = self._point, None
            return point

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._step, self._curves, self._point = None, (), None

    def rests(self, seconds: float) -> bool:
        """Wait for a request; whether there was none for so long."""
        with self._lock:
            return not self._lock.wait_for(lambda: not self.empty, seconds)

    @property
    def step_waits(self) -> bool:
        """Whether a step is asked for."""
        return self._step is not None

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return self._step is None and self._point is None and not self._curves


_REST = 0.2
"""Seconds without a request after which slow measures begin: they cannot be stopped at once, and a slider that moves
would wait for them."""


class _Superseded(Exception):
    """There is a later request."""


def answer_requests(queue: RequestQueue, exploration: Exploration, session: RateSession | None, report: Report) -> None:
    """Answer requests until there are none.

    Shows :class:`Analysed`, :class:`StepPicture`, :class:`StepResult`, :class:`BaselinePicture`,
    :class:`SlowMeasure`, :class:`NoiseCost` and :class:`CurvePiece` through `report`.

    Parameters
    ----------
    queue
        The requests.
    exploration
        What they are about.
    session
        Of the exploration, if it is there already.
    report
        The job's line to the GUI.
    """
    if session is None:
        found = exploration.analysed(report)
        session = found.session
        report.show(found)
    pieces: Iterator[Result] = iter(())
    place = _Place()
    unmeasured: RateStep | None = None
    uncounted: RateStep | None = None
    noisy: RateSession | None = None
    while True:
        curves = queue.take_curves()
        if curves:
            place.done, place.total = 0, _length(session, curves)
            pieces = _curves(exploration, session, curves, report, place)
        request = queue.take_step()
        if request is not None:
            # what is still to be told of the step before is of no interest any more
            unmeasured = uncounted = None
            try:
                result = _step(session, request, _Way(queue, report, place))
            except _Superseded:
                continue
            report.show(result)
            unmeasured = result.step
            uncounted = result.step if session.model.parts else None
        elif (asked := queue.take_point()) is not None:
            report.show(BaselinePicture(asked, decoded_baseline(session.picture, asked.codec, asked.quality)[1]))
        elif unmeasured is not None:
            if not queue.rests(_REST):
                continue
            try:
                with interruptible(_Way(queue, report, place, patience=0).check):
                    size, pixels = unmeasured.size, unmeasured.pixels
                    point = point_of(session.codec, unmeasured.quality, size, session.picture, pixels)
            except _Superseded:
                continue
            report.show(SlowMeasure(unmeasured, point))
            unmeasured = None
        elif uncounted is not None:
            way = _Way(queue, report, place, patience=0)
            try:
                with interruptible(way.check):
                    noisy = noisy or session.unrestored(way)
                    cost = noisy.at(uncounted.quality, way).size
            except _Superseded:
                continue
            report.show(NoiseCost(uncounted, cost))
            uncounted = None
        else:
            piece = next(pieces, None)
            if piece is None:
                return
            report.show(CurvePiece(piece))


@dataclass
class _Place:
    """How far the curves are; no total while there are none."""

    done: int = 0
    total: int = 0


class _Way:
    """A step's line to the GUI, which stops it when it is cancelled or no longer wanted.

    Its call has the form of :data:`~napari_glc._base.progress.Progress`.

    Parameters
    ----------
    queue
        Where a later request would be.
    report
        The job's line.
    place
        Of the curves, whose progress counts while there are some.
    patience
        Seconds after which a later request is worth more than what is done here.
    """

    def __init__(self, queue: RequestQueue, report: Report, place: _Place, patience: float = _PATIENCE) -> None:
        self._queue, self._report, self._place = queue, report, place
        self._patience = time.monotonic() + patience

    def __call__(self, done: int, total: int) -> None:
        place = self._place
        if place.total:
            self._report(place.done, place.total)
        else:
            self._report(done, total)
        self.check()

    def check(self) -> None:
        """Stop here if what is done is in vain."""
        self._report.check()
        if self._queue.step_waits and time.monotonic() >= self._patience:
            raise _Superseded

    def show(self, picture: StepPicture) -> None:
        """Hand over what everybody waits for; from now on a later request comes first."""
        self._report.show(picture)
        self._patience = time.monotonic()
        self.check()


def _step(session: RateSession, request: StepRequest, way: _Way) -> StepResult:
    with interruptible(way.check):
        step = session.at(request.quality, way, lambda pixels: way.show(StepPicture(pixels, request)))
        bits = step.bits() if request.bits else None
        way.check()
        hallucination = None
        if request.hallucination == UNLIKE:
            hallucination = detail_unlike(session.picture, step.pixels, session.factor)
        elif request.hallucination == BEYOND and session.entry.capabilities.preview:
            file = GlcFile(step.data, device=session.device, model=session.model)
            preview = file.read(preview=True, progress=way)
            hallucination = detail_beyond(step.pixels, preview, session.factor)
    return StepResult(step, bits, hallucination, request)


def _length(session: RateSession, codecs: Sequence[str]) -> int:
    """About how many points the curves have."""
    classical = available_baselines()
    return sum(len(classical_named(c).qualities if c in classical else session.qualities) for c in codecs)


def _curves(
    exploration: Exploration, session: RateSession, codecs: Sequence[str], report: Report, place: _Place
) -> Iterator[Result]:
    def tick(done: int, total: int) -> None:
        report(place.done, place.total)

    for codec in codecs:
        if codec in available_baselines():
            points = baseline_curve(session.picture, codec, tick)
        elif codec == session.codec:
            points = rate_curve(session, progress=tick)
        else:
            try:
                other = RateSession(session.picture, codec=codec, device=exploration.device, progress=tick)
            except (MissingModelError, MissingDependencyError):
                continue  # a curve of a codec that cannot be used here is no reason to lose the others
            points = rate_curve(other, progress=tick)
        for point in points:
            place.done = min(place.done + 1, place.total)
            if report.cancelled:
                raise Cancelled("cancelled")
            report(place.done, place.total)
            yield point
