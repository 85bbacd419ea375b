"""Fields by which coding is set up: codec, model, quality."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QSlider, QWidget

from ..._base.quality import MAX_STEPS, from_steps, steps
from ...codecs.entry import CodecEntry
from ...codecs.registry import all_codecs, codec_named
from ...models import ModelFile, installed_models, model_folder
from .choices import narrow

__all__ = ["CodecChoice", "HalfStepField", "ModelChoice", "QualityField", "codecs_that", "no_model_of", "quality_tip"]


def codecs_that(can: Callable[[CodecEntry], bool]) -> list[CodecEntry]:
    """Codecs with some capability, the default codec first if it is one."""
    return [entry for entry in all_codecs() if can(entry)]


def no_model_of(codecs: Iterable[CodecEntry]) -> str:
    """What to tell where no model of any of some codecs is installed."""
    names = " or ".join(entry.name for entry in codecs)
    return f"No model of codec {names} is installed. Put its file into {model_folder()}" if names else "No codec fits."


def quality_tip(entry: CodecEntry) -> str:
    """What quality means to a codec."""
    tip = "0 (fewest bytes) to 100"
    return tip if entry.capabilities.rate == "continuous" else f"{tip}; {entry.name} has a few rates, each for a range"


class CodecChoice(QComboBox):
    """Lists codecs.

    Parameters
    ----------
    codecs
        Which, at least one.
    """

    def __init__(self, codecs: Sequence[CodecEntry]) -> None:
        super().__init__()
        narrow(self)
        for entry in codecs:
            self.addItem(f"{entry.name} ({entry.label})", entry.name)
            self.setItemData(self.count() - 1, entry.summary, Qt.ItemDataRole.ToolTipRole)

    @property
    def tip(self) -> str:
        """What each codec is, in a line."""
        names = (str(self.itemData(place)) for place in range(self.count()))
        return "; ".join(f"{name}: {codec_named(name).summary}" for name in names)

    @property
    def chosen(self) -> CodecEntry:
        """The chosen codec."""
        return codec_named(str(self.currentData()))


class ModelChoice(QComboBox):
    """Lists the installed models of some codecs, default models first.

    Parameters
    ----------
    codecs
        Which; the list may be replaced with :meth:`show_codecs`.
    """

    def __init__(self, codecs: Sequence[CodecEntry] = ()) -> None:
        super().__init__()
        narrow(self)
        self.show_codecs(codecs)

    def show_codecs(self, codecs: Sequence[CodecEntry]) -> None:
        """List the models of other codecs."""
        order = {entry.name: place for place, entry in enumerate(codecs)}
        defaults = {entry.default_model for entry in codecs}
        models = [model for model in installed_models() if model.codec in order]
        blocked = self.blockSignals(True)
        self.clear()
        for model in sorted(models, key=lambda m: (m.name not in defaults, order[m.codec])):
            self.addItem(f"{model.name} ({model.codec if len(codecs) > 1 else model.sha256[:6]})", model)
            tip = f"{model.description or model.name}\n{model.size / 1e6:.1f} MB, SHA-256 {model.sha256[:16]}..."
            self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(0 if models else -1)
        self.blockSignals(blocked)

    @property
    def chosen(self) -> ModelFile | None:
        """The chosen model, or ``None`` if none is installed."""
        model = self.currentData()
        return model if isinstance(model, ModelFile) else None


class HalfStepField(QWidget):
    """A slider and a spin box over half steps.

    Parameters
    ----------
    value
        To begin with.
    least, most
        Bounds, both allowed, within 0 to 100.

    Attributes
    ----------
    changed
        Signal with the new value.
    """

    changed = Signal(float)

    def __init__(self, value: float, least: float, most: float) -> None:
        super().__init__()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(steps(least), steps(most))
        self.slider.setPageStep(10)
        self.slider.setMinimumWidth(60)
        self.spin = QDoubleSpinBox()
        self.spin.setRange(least, most)
        self.spin.setSingleStep(from_steps(1))
        self.spin.setDecimals(1)
        self.spin.setKeyboardTracking(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, 1)
        row.addWidget(self.spin)
        self.setFocusProxy(self.spin)
        self.setTabOrder(self.slider, self.spin)
        self.spin.valueChanged.connect(self._take_spin)
        self.slider.valueChanged.connect(self._take_slider)
        self.value = value

    def name(self, name: str, tip: str) -> None:
        """Name both parts for screen readers and tooltips."""
        for part, kind in ((self.slider, "slider"), (self.spin, "value")):
            part.setAccessibleName(f"{name} {kind}")
            part.setToolTip(tip)

    @property
    def value(self) -> float:
        """A multiple of one half."""
        return from_steps(self.slider.value())

    @value.setter
    def value(self, quality: float) -> None:
        self.spin.setValue(quality)

    def _take_spin(self, quality: float) -> None:
        nearest = steps(quality)
        if from_steps(nearest) != quality:
            self.spin.setValue(from_steps(nearest))
        else:
            self.slider.setValue(nearest)

    def _take_slider(self, count: int) -> None:
        if self.spin.value() != from_steps(count):
            self.spin.setValue(from_steps(count))
        self.changed.emit(from_steps(count))


class QualityField(HalfStepField):
    """The half steps of quality 0 to 100."""

    def __init__(self, value: float = 50.0) -> None:
        super().__init__(value, 0, from_steps(MAX_STEPS))
