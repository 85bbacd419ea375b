"""Long work in a thread: progress, cancel, and no way for an error to vanish.

A job runs a plain function in a work thread. The function gets a :class:`Report`, calls it with what is done and in
all, and is stopped by it when somebody presses Cancel, in the widget or in the Activity dock. Whatever it returns or
raises arrives in the GUI's thread, unless the widget that asked for it is gone by then.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from napari.utils import cancelable_progress
from qtpy.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal

from ..._base.interruption import interruptible
from ...errors import Cancelled
from .work_threads import start_in_work_thread

__all__ = ["Job", "Report", "wait_for_jobs"]

_T = TypeVar("_T")

_PROGRESS_SECONDS = 0.1
"""Least time between two messages about progress: each makes the whole window be composed anew."""
SHORT_MILLISECONDS = 400
"""A job that takes no longer shows no progress: bars that come and go cost more time than they tell."""

_CANCEL_MILLISECONDS = 350
"""How long a cancelled job may take to stop before its widget is free again without it."""

_running: set[Job[Any]] = set()
"""Jobs whose threads may still run; keeps them alive when their widgets are gone."""


class _Signals(QObject):
    """From the work thread to the GUI's."""

    progressed = Signal(int, int)
    shown = Signal(object)
    ended = Signal(object)


class Report:
    """A job's line to the GUI; call it often.

    Its call has the form of :data:`~napari_glc._base.progress.Progress`.
    """

    def __init__(self, signals: _Signals) -> None:
        self._signals = signals
        self._last = 0.0
        self._total = -1
        self.cancelled = False

    def __call__(self, done: int, total: int) -> None:
        """Tell how far the work is.

        Raises
        ------
        Cancelled
            If the job is to stop.
        """
        self.check()
        now = time.monotonic()
        if now - self._last > _PROGRESS_SECONDS or total != self._total or done == total:
            self._last, self._total = now, total
            self._signals.progressed.emit(done, total)

    def check(self) -> None:
        """Stop the job here if it was cancelled.

        Raises
        ------
        Cancelled
            If so.
        """
        if self.cancelled:
            raise Cancelled("cancelled")

    def show(self, value: Any) -> None:
        """Hand an intermediate result to the GUI; stops the job as a call does."""
        self.check()
        self._signals.shown.emit(value)


class _Bar(cancelable_progress):
    """Progress in the Activity dock whose Cancel button stops the job."""

    def __init__(self, job: Job[Any], title: str) -> None:
        super().__init__(total=0, desc=title)
        self._job = job

    def cancel(self) -> None:
        super().cancel()
        self._job.cancel()


@dataclass
class _Outcome(Generic[_T]):
    value: _T | None = None
    error: BaseException | None = None


def _outcome_of(work: Callable[[Report], _T], report: Report) -> _Outcome[_T]:
    """In the work thread; nothing is raised there, where nobody would hear of it."""
    try:
        with interruptible(report.check):
            return _Outcome(work(report))
    except BaseException as error:
        return _Outcome(error=error)


class Job(QObject, Generic[_T]):
    """One run of a function in a thread. Create and start it in the GUI's thread.

    Parameters
    ----------
    work
        Called in the thread with a :class:`Report`. Must not touch Qt or layers.
    title
        Shown in the Activity dock.

    Attributes
    ----------
    progressed
        Signal ``(done, total)``.
    shown
        Signal with each intermediate result.
    succeeded
        Signal with the result.
    failed
        Signal with the exception.
    stopped
        Signal when the work was cancelled.
    ended
        Signal after any of the three.
    """

    progressed = Signal(int, int)
    shown = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    stopped = Signal()
    ended = Signal()

    def __init__(self, work: Callable[[Report], _T], title: str) -> None:
        super().__init__()
        self.title = title
        self._work: Callable[[Report], _T] | None = work
        self._signals = _Signals()
        self._report = Report(self._signals)
        for signal, then in (
            (self._signals.progressed, self._on_progress),
            (self._signals.shown, self._on_shown),
            (self._signals.ended, self._on_ended),
        ):
            signal.connect(then, Qt.ConnectionType.QueuedConnection)
        self._bar: _Bar | None = None
        self._told = False
        self._patience, self._end = QTimer(self), QTimer(self)
        for timer, show in ((self._patience, self._show_bar), (self._end, self._stop_waiting)):
            timer.setSingleShot(True)
            timer.timeout.connect(show)

    def start(self) -> None:
        """Begin."""
        assert self._work is not None
        _cancel_all_at_exit()
        _running.add(self)
        self._patience.start(SHORT_MILLISECONDS)
        # the job lets go of its work: it may be kept for longer than what the work refers to
        work, self._work = self._work, None
        report, signals = self._report, self._signals

        def tell(outcome: _Outcome[_T]) -> None:
            with contextlib.suppress(RuntimeError):  # the Qt object is gone when an application ends in a hurry
                signals.ended.emit(outcome)

        start_in_work_thread(partial(_outcome_of, work, report), tell)

    def _show_bar(self) -> None:
        if not self._told:
            self._bar = _Bar(self, self.title)

    @property
    def running(self) -> bool:
        """Whether the thread may still be at work."""
        return self in _running

    def cancel(self) -> None:
        """Ask the work to stop; it does at its next report or layer of a network.

        Work that does neither for a while, in somebody else's library, is not waited for: it goes on to its next
        report without anybody to hear of it.
        """
        self._report.cancelled = True
        with contextlib.suppress(RuntimeError):  # the Qt object is gone when an application ends in a hurry
            self._end.start(_CANCEL_MILLISECONDS)

    def abandon(self) -> None:
        """Cancel, and tell nobody what comes of it: the widget is going away."""
        self.cancel()
        with contextlib.suppress(RuntimeError):  # the Qt object is gone when an application ends in a hurry
            self.blockSignals(True)

    def _on_progress(self, done: int, total: int) -> None:
        if self._report.cancelled or not self.running:
            return
        if self._bar is not None:
            if self._bar.total != total:
                self._bar.total = total
            if done > self._bar.n:
                self._bar.update(done - self._bar.n)
        self.progressed.emit(done, total)

    def _on_shown(self, value: Any) -> None:
        if self.running and not self._report.cancelled:
            self.shown.emit(value)

    def _stop_waiting(self) -> None:
        if self.running:
            self._tell(_Outcome())

    def _on_ended(self, outcome: _Outcome[_T]) -> None:
        _running.discard(self)
        self._tell(outcome)
        self._let_go()

    def _tell(self, outcome: _Outcome[_T]) -> None:
        """Say how the job ended, once."""
        if self._told:
            return
        self._told = True
        with contextlib.suppress(RuntimeError):  # see cancel
            self._patience.stop()
            self._end.stop()
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self._report.cancelled or isinstance(outcome.error, Cancelled):
            self.stopped.emit()
        elif outcome.error is not None:
            self.failed.emit(outcome.error)
        else:
            self.succeeded.emit(outcome.value)
        self.ended.emit()

    def _let_go(self) -> None:
        """Drop whatever refers to the widget, and through it to the viewer.

        Qt's connections keep what they call alive, out of sight of Python's garbage collector.
        """
        for signal in (self.progressed, self.shown, self.succeeded, self.failed, self.stopped, self.ended):
            with contextlib.suppress(RuntimeError):  # see cancel
                # one binding raises, the other warns where nothing is connected
                signal.connect(_nothing)
                signal.disconnect()
        self._signals.deleteLater()
        self.deleteLater()


def _nothing(*_: Any) -> None:
    """Ignore a signal."""


_will_cancel = False


def _cancel_all_at_exit() -> None:
    """See to it that no job keeps a program from ending."""
    global _will_cancel
    application = QCoreApplication.instance()
    if not _will_cancel and application is not None:
        _will_cancel = True
        application.aboutToQuit.connect(_cancel_all)


def _cancel_all() -> None:
    for job in list(_running):
        job.cancel()


def wait_for_jobs(seconds: float = 10.0) -> bool:
    """Cancel all jobs and wait for their threads; tells whether all have ended."""
    _cancel_all()
    end = time.monotonic() + seconds
    while _running and time.monotonic() < end:
        QCoreApplication.processEvents()
        time.sleep(0.01)
    return not _running
