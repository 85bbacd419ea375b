"""Fields for the options of codecs, made by magicgui from what the options say of themselves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from magicgui.widgets import create_widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox

from ...codecs.entry import CodecEntry
from ...codecs.options import OptionField
from ...codecs.signature import OptionKind, options_of
from .base import GlcWidget
from .choices import narrow

__all__ = ["OptionForm"]

_MOST = 2**31 - 1


class OptionForm(QObject):
    """Rows of a widget's form for the options of its codecs; those of one codec show at a time.

    Parameters
    ----------
    widget
        Whose form; its rows come next.
    codecs
        Whose options.
    kind
        Those for encoding or for decoding.

    Attributes
    ----------
    changed
        Signal when somebody changed an option.
    """

    changed = Signal()

    def __init__(self, widget: GlcWidget, codecs: Sequence[CodecEntry], kind: OptionKind = "options") -> None:
        super().__init__(widget)
        self._widget = widget
        self._fields: dict[str, dict[str, ValueWidget[Any]]] = {}
        for entry in codecs:
            made = self._fields[entry.name] = {}
            for field in options_of(entry, kind):
                made[field.name] = self._add(field)

    def _add(self, field: OptionField) -> ValueWidget[Any]:
        made = _made(field)
        native = made.native
        if isinstance(native, QComboBox):
            narrow(native)
        self._widget.add_row(field.label, native, field.knob.help[:1].upper() + field.knob.help[1:])
        made.changed.connect(self._tell)
        return made

    def _tell(self, _: Any) -> None:
        self.changed.emit()

    def show_codec(self, codec: str) -> None:
        """Show the options of a codec and no others."""
        for name, fields in self._fields.items():
            for field in fields.values():
                self._widget.form.setRowVisible(field.native, name == codec)
        self._widget.give_mnemonics()

    def has(self, codec: str) -> bool:
        """Whether there are options of a codec."""
        return bool(self._fields.get(codec))

    def field(self, codec: str, option: str) -> ValueWidget[Any]:
        """The field of an option."""
        return self._fields[codec][option]

    def values(self, codec: str) -> dict[str, Any]:
        """All options of a codec as they are set."""
        return {name: field.value for name, field in self._fields[codec].items()}


def _made(field: OptionField) -> ValueWidget[Any]:
    """A field that allows what the option allows."""
    options: dict[str, Any] = {}
    offered = field.knob.offered
    if field.choices:
        options["choices"] = field.choices
    elif offered is not None:
        # asked again whenever the list is filled: parts may be installed meanwhile
        options["choices"] = lambda _: offered()
    elif field.type is int:
        low, high = field.knob.least, field.knob.most
        options |= {"min": int(-_MOST if low is None else low), "max": int(_MOST if high is None else high)}
    elif field.type is float:
        low, high = field.knob.least, field.knob.most
        far = sys.float_info.max
        options |= {"min": -far if low is None else low, "max": far if high is None else high, "step": _step(field)}
        if field.knob.slider:
            options |= {"widget_type": "FloatSlider", "tracking": False}
    # without a name: a check box would put it beside its box
    made = create_widget(value=field.default, annotation=field.type, options=options)
    assert isinstance(made, ValueWidget)
    return made


def _step(field: OptionField) -> float:
    """A step fine enough to show the default."""
    decimals = len(f"{field.default:.6f}".rstrip("0").partition(".")[2])
    return float(10.0 ** -max(decimals, 2))
