"""What reader and writer ask of napari's window, where there is one; they themselves know no Qt.

``_qt`` puts a :class:`Window` here when napari begins to use the plugin. Without one, in scripts and tests on a viewer
model, everything is done at once by whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._base.progress import Progress

__all__ = ["Window", "keeps_waiting", "set_window", "window"]

_T = TypeVar("_T")


class Window(Protocol):
    """A window whose event loop must not be kept from its work."""

    def waits(self) -> bool:
        """Whether the caller is in the window's thread while people use it: then the window stands still meanwhile."""
        ...

    def shown(self, array: Any) -> NDArray[Any] | None:
        """What the canvas shows of a ``CanvasArray`` until it is decoded, which begins; ``None`` if nobody waits."""
        ...

    def wait_for(self, work: Callable[[Progress], _T], title: str) -> _T:
        """The result of work done elsewhere, with progress and Cancel in front of the window.

        Raises
        ------
        Cancelled
            If somebody pressed Cancel.
        Exception
            What the work raises.
        """
        ...

    def tell(self, text: str) -> None:
        """Show a notice."""
        ...


_window: Window | None = None


def set_window(new: Window | None) -> None:
    """Say which window there is."""
    global _window
    _window = new


def window() -> Window | None:
    """The window, if there is one."""
    return _window


def keeps_waiting() -> Window | None:
    """The window, if the caller keeps it waiting."""
    return _window if _window is not None and _window.waits() else None
