"""Tab goes through a dock in the order people read it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea, QWidget

__all__ = ["order_tabs"]


def order_tabs(widget: QWidget) -> None:
    """Make the order of Tab that of the layouts: Qt's own is the order in which parts were made."""
    for before, after in pairwise(_stops(widget)):
        QWidget.setTabOrder(before, after)


def _stops(widget: QWidget) -> Iterator[QWidget]:
    """What Tab stops at in a widget, from top to bottom."""
    if isinstance(widget, QScrollArea):
        yield from _stops(widget.widget())
        return
    inner = list(_of_layout(widget.layout()))
    if inner:
        yield from inner
    elif widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
        yield widget


def _of_layout(layout: Any) -> Iterator[QWidget]:
    for place in range(0 if layout is None else layout.count()):
        item = layout.itemAt(place)
        if item.widget() is not None:
            yield from _stops(item.widget())
        elif item.layout() is not None:
            yield from _of_layout(item.layout())
