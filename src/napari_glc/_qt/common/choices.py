"""Drop-downs: narrow enough for a dock, with a reason for everything that cannot be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QSizePolicy

__all__ = ["allow", "choice_of", "narrow"]


def narrow(combo: QComboBox) -> QComboBox:
    """Let a drop-down be narrower than its longest item."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


def choice_of(items: Mapping[Any, str]) -> QComboBox:
    """A drop-down of values and their words."""
    combo = narrow(QComboBox())
    for value, words in items.items():
        combo.addItem(words, value)
    return combo


def allow(combo: QComboBox, value: Any, obstacle: str, tip: str = "") -> None:
    """Let a value be chosen unless there is an obstacle, which becomes its tooltip in the place of `tip`.

    A value that is chosen already and cannot be any more gives way to the first one.
    """
    place = combo.findData(value)
    items = combo.model()
    assert isinstance(items, QStandardItemModel)
    items.item(place).setEnabled(not obstacle)
    combo.setItemData(place, obstacle or tip, Qt.ItemDataRole.ToolTipRole)
    if obstacle and combo.currentIndex() == place:
        combo.setCurrentIndex(0)
