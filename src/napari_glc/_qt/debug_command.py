"""The command *Copy debug information*."""

from __future__ import annotations

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QApplication

from .._napari.debug_info import debug_information
from .common.base import words_for
from .common.jobs import Job, Report

__all__ = ["copy_debug_information"]


def copy_debug_information() -> None:
    """Put versions, devices, models and preferences onto the clipboard, for whoever is asked for help."""
    job = Job(_collect, "Collecting debug information")
    job.succeeded.connect(_copy)
    job.failed.connect(_tell)
    job.start()


def _collect(report: Report) -> str:
    report(0, 0)
    return debug_information()


def _copy(text: str) -> None:
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    clipboard.setText(text)
    show_info(f"Copied to the clipboard:\n{text}")


def _tell(error: BaseException) -> None:
    show_error(words_for(error))
