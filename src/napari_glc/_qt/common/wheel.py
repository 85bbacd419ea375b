"""The mouse wheel scrolls a dock and changes nothing on the way."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget

__all__ = ["WheelGuard"]

_TURNED = (QComboBox, QAbstractSpinBox, QAbstractSlider)


class WheelGuard(QObject):
    """Lets wheels turn drop-downs, spin boxes and sliders that were clicked or tabbed to, and no others.

    What the pointer happens to pass over while somebody scrolls stays as it is; the wheel scrolls on.

    Parameters
    ----------
    parent
        Qt parent.
    """

    def guard(self, within: QWidget) -> None:
        """Guard all fields of a widget that are not guarded yet."""
        for field in within.findChildren(QWidget):
            if isinstance(field, _TURNED) and not isinstance(field, QScrollBar):
                # else the wheel itself would give it the focus
                if field.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                field.removeEventFilter(self)
                field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt calls it)
        """Hand the wheel on to what is behind a field without the focus."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False
