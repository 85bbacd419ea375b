"""A drop-down of what becomes black and white to a codec."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

from ..._napari.layer_planes import coded_range
from ...imaging.range_rules import RANGE_RULES
from ...imaging.ranges import RangeRule
from .choices import narrow

__all__ = ["RangeChoice"]

_SHOWN = "the layer's contrast limits; 8-bit samples are taken as they are"


class RangeChoice(QComboBox):
    """Lists the rules of the library, and the layer's own contrast limits before them."""

    def __init__(self) -> None:
        super().__init__()
        narrow(self)
        self.addItem("Contrast limits", "")
        self.setItemData(0, _sentence(_SHOWN), Qt.ItemDataRole.ToolTipRole)
        for name, words in RANGE_RULES.items():
            self.addItem(words.label, name)
            self.setItemData(self.count() - 1, _sentence(words.help), Qt.ItemDataRole.ToolTipRole)

    @property
    def tip(self) -> str:
        """What each choice means, in a line."""
        rules = "; ".join(f"{words.label}: {words.help}" for words in RANGE_RULES.values())
        what = "The values that become black and white to the codec, which sees 256 levels"
        return f"{what}. Contrast limits: {_SHOWN}; {rules}"

    @property
    def rule(self) -> str:
        """The chosen rule; empty for the contrast limits."""
        return str(self.currentData())

    def range_for(self, layer: Any, dtype: np.dtype[Any]) -> RangeRule | None:
        """What to tell the library for a layer whose data are of a type."""
        return self.rule or coded_range(layer, dtype)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
