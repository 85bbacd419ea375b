"""Work that napari waits for, in a thread, with progress and Cancel in front of its window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from napari import current_viewer
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import QProgressDialog, QWidget

from ..._base.progress import Progress
from ...errors import Cancelled
from .jobs import SHORT_MILLISECONDS, Job

__all__ = ["wait_for"]

_T = TypeVar("_T")


def wait_for(work: Callable[[Progress], _T], title: str) -> _T:
    """The result of work, for a caller who cannot go on without it.

    The window lives meanwhile: it is drawn, and shows how far the work is and a Cancel button, which acts within half a
    second. Nothing else in it can be used: the caller is in the middle of something.

    Parameters
    ----------
    work
        Called in a thread with its :data:`~napari_glc._base.progress.Progress`.
    title
        What it is.

    Raises
    ------
    Cancelled
        If somebody pressed Cancel.
    Exception
        What the work raises.
    """
    job: Job[_T] = Job(work, title)
    ends: list[tuple[Any, BaseException | None]] = []
    job.succeeded.connect(lambda value: ends.append((value, None)))
    job.failed.connect(lambda error: ends.append((None, error)))
    job.stopped.connect(lambda: ends.append((None, Cancelled(f"{title}: cancelled"))))
    told: list[tuple[int, int]] = [(0, 0)]
    job.progressed.connect(lambda *progress: told.append(progress))
    loop = QEventLoop()
    job.ended.connect(loop.quit)
    job.start()
    # short work shows nothing; nobody can click into the caller's business meanwhile
    patience = QTimer()
    patience.setSingleShot(True)
    patience.timeout.connect(loop.quit)
    patience.start(SHORT_MILLISECONDS)
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    patience.stop()
    if not ends:
        dialog = _dialog(title)
        dialog.canceled.connect(job.cancel)
        job.progressed.connect(lambda done, total: _show(dialog, done, total))
        _show(dialog, *told[-1])
        dialog.show()
        loop.exec()
        dialog.canceled.disconnect()
        dialog.hide()
        dialog.deleteLater()
    value, error = ends[0]
    if error is not None:
        raise error
    return cast("_T", value)


def _dialog(title: str) -> QProgressDialog:
    dialog = QProgressDialog(f"{title} ...", "Cancel", 0, 0, _main_window())
    dialog.setWindowTitle("napari-glc")
    dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
    # it is shown and hidden here, and stays while the work is being cancelled
    dialog.setMinimumDuration(1 << 30)
    dialog.setAutoClose(False)
    dialog.setAutoReset(False)
    return dialog


def _show(dialog: QProgressDialog, done: int, total: int) -> None:
    dialog.setMaximum(total)
    # the full value is what the work says when it is done: nothing may look done before
    dialog.setValue(min(done, max(total - 1, 0)))


def _main_window() -> QWidget | None:
    viewer = current_viewer()
    found = None if viewer is None else getattr(viewer.window, "_qt_window", None)
    return found if isinstance(found, QWidget) else None
