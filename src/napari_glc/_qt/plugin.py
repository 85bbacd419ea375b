"""What napari calls before it uses anything of the plugin; free of Qt until there is a window."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .._napari.requirements import check_napari
from .._napari.window import set_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._base.progress import Progress
    from .._napari.canvas_array import CanvasArray
    from .common.filling import Filler

__all__ = ["QtWindow", "activate"]

_T = TypeVar("_T")


def activate(context: Any) -> None:
    """Begin: see that this napari will do, and let reader and writer know of its window.

    Parameters
    ----------
    context
        npe2's, for what is to be undone at the end.

    Raises
    ------
    MissingDependencyError
        If napari is too old.
    """
    check_napari()
    window = QtWindow()
    set_window(window)

    def end() -> None:
        set_window(None)
        window.close()

    context.register_disposable(end)


class QtWindow:
    """See :class:`~napari_glc._napari.window.Window`."""

    def __init__(self) -> None:
        self._filler: Filler | None = None

    def close(self) -> None:
        """Leave nothing behind: no job, no timer, no callback, no dock, no thread."""
        if self._filler is not None:
            self._filler.close()
            self._filler = None
        base = sys.modules.get("napari_glc._qt.common.base")
        if base is not None:  # else no widget was ever opened
            base.retire_widgets()
        threads = sys.modules.get("napari_glc._qt.common.work_threads")
        if threads is not None:
            threads.end_work_threads()

    def waits(self) -> bool:
        """Whether this is the thread of an event loop that runs, or that is about to with what napari opens now.

        Scripts open files before the loop runs, and what they photograph next must be there.
        """
        if threading.current_thread() is not threading.main_thread() or "qtpy" not in sys.modules:
            return False
        from qtpy.QtCore import QCoreApplication, QThread

        return QCoreApplication.instance() is not None and (
            QThread.currentThread().loopLevel() > 0 or _people_open_something()
        )

    def shown(self, array: CanvasArray) -> NDArray[Any] | None:
        """What the canvas shows of an array until it is decoded, which begins; ``None`` if nobody waits."""
        known = self._filler is not None and self._filler.knows(array.family)
        if threading.current_thread() is not threading.main_thread() or not (known or self.waits()):
            return None
        if self._filler is None:
            from .common.filling import Filler

            self._filler = Filler()
        return self._filler.shown(array)

    def wait_for(self, work: Callable[[Progress], _T], title: str) -> _T:
        """The result of work done in a thread, with progress and Cancel in front of the window."""
        from .common.waiting import wait_for

        return wait_for(work, title)

    def tell(self, text: str) -> None:
        """Show a notice."""
        from napari.utils.notifications import show_warning

        show_warning(text)


def _people_open_something() -> bool:
    """Whether napari opens files for people: from its command line, before its event loop runs."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "_qt_open" and frame.f_globals.get("__name__", "").startswith("napari."):
            return True
        frame = frame.f_back
    return False
