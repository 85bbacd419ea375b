"""Every dock on a small screen, and through it by the keyboard."""

from __future__ import annotations

from itertools import pairwise

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QScrollBar, QWidget

from napari_glc._qt.coding.widget import CodecWidget
from napari_glc._qt.index_map.widget import IndexWidget
from napari_glc._qt.latent.widget import LatentWidget
from napari_glc._qt.rate.widget import RateWidget
from napari_glc._qt.recovery.widget import RecoveryWidget

WIDGETS = [CodecWidget, RateWidget, IndexWidget, LatentWidget, RecoveryWidget]
CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)


@pytest.fixture
def on_small_screen(viewer, dock, small_parrots, qtbot):
    """Makes a widget in a window of 1280 x 720 pixels."""

    def make(kind):
        window = viewer.window._qt_window
        viewer.add_image(small_parrots, rgb=True, name="parrots with a name as long as those of microscopes " * 2)
        widget = dock(kind)
        window.show()
        window.resize(1280, 720)
        qtbot.waitUntil(widget.isVisible, timeout=5000)
        qtbot.wait(50)
        return window, widget

    return make


def seen(widget) -> list[QWidget]:
    """Controls a user can use, those inside other controls left out."""
    parts = [each for each in widget.findChildren(QWidget) if isinstance(each, CONTROLS) and each.isVisibleTo(widget)]
    return [
        each
        for each in parts
        if not isinstance(each, QScrollBar) and not isinstance(each.parent(), (QAbstractSpinBox, QComboBox))
    ]


@pytest.mark.parametrize("kind", WIDGETS)
def test_everything_fits_1280_by_720(on_small_screen, kind):
    window, widget = on_small_screen(kind)
    assert (window.width(), window.height()) == (1280, 720)
    assert widget.width() <= 420
    # what starts, stops and tells is in sight; the rest can be scrolled to, upwards and downwards alone
    for part in (widget.run_button, widget.cancel_button, widget.undo_button, widget.status):
        corner = part.mapTo(window, QPoint(part.width(), part.height()))
        assert corner.x() <= 1280
        assert corner.y() <= 720
    content = widget._scroll.widget()
    assert content.width() <= widget._scroll.viewport().width()
    for part in seen(widget):
        left, right = (part.mapTo(widget, QPoint(x, 0)).x() for x in (0, part.width()))
        assert left >= 0, part.accessibleName()
        assert right <= widget.width(), part.accessibleName()


@pytest.mark.parametrize("kind", WIDGETS)
def test_tab_goes_from_top_to_bottom(on_small_screen, kind):
    _, widget = on_small_screen(kind)
    wanted = {part for part in seen(widget) if part.focusPolicy() & Qt.FocusPolicy.TabFocus}
    first = part = min(wanted, key=height_in(widget))
    order = []
    while True:
        if part in wanted:
            order.append(part)
        part = part.nextInFocusChain()
        if part is first:
            break
    assert len(order) == len(wanted) > 5
    heights = [height_in(widget)(part) for part in order]
    for place, (here, below) in enumerate(pairwise(heights)):
        assert below >= here - 8, [part.accessibleName() for part in order[place : place + 2]]


def height_in(widget):
    """Where a control is, what is below the scrolled part behind all of it."""

    def height(part) -> int:
        content = widget._scroll.widget()
        inside = content.isAncestorOf(part)
        return (
            part.mapTo(content, QPoint(0, part.height() // 2)).y()
            if inside
            else 10_000 + part.mapTo(widget, QPoint()).y()
        )

    return height
