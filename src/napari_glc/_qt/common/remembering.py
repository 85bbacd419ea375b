"""Settings of a widget for as long as napari runs: who closes a dock and opens it again goes on where they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QWidget

from .layer_choice import LayerChoice

__all__ = ["forget_settings", "recall", "remember"]

_kept: dict[str, dict[tuple[str, int], Any]] = {}
"""By kind of widget: what its fields were set to, by their labels, and which of several with that label."""


def remember(kind: str, rows: Iterable[tuple[str, QWidget]]) -> None:
    """Note what the fields of a widget are set to.

    Parameters
    ----------
    kind
        Of widget.
    rows
        Labels and fields. Layers are not noted: they come and go.
    """
    _kept[kind] = {key: value for key, field in _numbered(rows) if (value := _value(field)) is not None}


def recall(kind: str, rows: Iterable[tuple[str, QWidget]]) -> None:
    """Set the fields of a new widget to what was noted; what they do not allow any more stays as it is."""
    kept = _kept.get(kind, {})
    for key, field in _numbered(rows):
        if key in kept:
            _set(field, kept[key])


def forget_settings() -> None:
    """Begin as after napari's start."""
    _kept.clear()


def _numbered(rows: Iterable[tuple[str, QWidget]]) -> Iterator[tuple[tuple[str, int], Any]]:
    seen: Counter[str] = Counter()
    for label, field in rows:
        yield (label, seen[label]), field
        seen[label] += 1


def _value(field: Any) -> Any:
    if isinstance(field, LayerChoice):
        return None
    if isinstance(field, QComboBox):
        return field.currentText()
    if isinstance(field, QCheckBox):
        return field.isChecked()
    value = getattr(field, "value", None)
    return value() if callable(value) else value


def _set(field: Any, value: Any) -> None:
    if isinstance(field, QComboBox):
        place = field.findText(value)
        if place >= 0 and field.model().item(place).isEnabled():
            field.setCurrentIndex(place)
    elif isinstance(field, QCheckBox):
        field.setChecked(value)
    elif callable(getattr(field, "setValue", None)):
        field.setValue(value)
    elif hasattr(field, "value"):
        field.value = value
