"""Fields by which coding is set up: codec and model, quality."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QSizePolicy, QSlider, QWidget

from ...codecs.registry import model_of
from ...errors import MissingModelError
from ...models import ModelFile, installed_models

__all__ = ["ModelChoice", "QualityField", "narrow"]


def narrow(combo: QComboBox) -> QComboBox:
    """Let a drop-down be narrower than its longest item."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


class ModelChoice(QComboBox):
    """Lists the installed models of a codec, its default first."""

    def __init__(self) -> None:
        super().__init__()
        narrow(self)

    def show_codec(self, codec: str) -> None:
        """List the models of another codec."""
        models = [model for model in installed_models() if model.codec == codec]
        try:
            default = model_of(codec, None).sha256
        except MissingModelError:
            default = ""
        blocked = self.blockSignals(True)
        self.clear()
        for model in sorted(models, key=lambda m: m.sha256 != default):
            self.addItem(f"{model.name} ({model.sha256[:6]})", model)
            tip = f"{model.description or model.name}\n{model.size / 1e6:.1f} MB, SHA-256 {model.sha256[:16]}..."
            self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(0 if models else -1)
        self.blockSignals(blocked)

    @property
    def chosen(self) -> ModelFile | None:
        """The chosen model, or ``None`` if none is installed."""
        model = self.currentData()
        return model if isinstance(model, ModelFile) else None


class QualityField(QWidget):
    """A slider and a spin box over the half steps of quality 0 to 100.

    Attributes
    ----------
    changed
        Signal with the new quality.
    """

    changed = Signal(float)

    def __init__(self, value: float = 50.0) -> None:
        super().__init__()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 200)
        self.slider.setPageStep(10)
        self.slider.setMinimumWidth(60)
        self.spin = QDoubleSpinBox()
        self.spin.setRange(0, 100)
        self.spin.setSingleStep(0.5)
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
        """Quality, a multiple of one half."""
        return float(self.slider.value() / 2)

    @value.setter
    def value(self, quality: float) -> None:
        self.spin.setValue(quality)

    def _take_spin(self, quality: float) -> None:
        steps = round(2 * quality)
        if steps / 2 != quality:
            self.spin.setValue(steps / 2)
        else:
            self.slider.setValue(steps)

    def _take_slider(self, steps: int) -> None:
        if self.spin.value() != steps / 2:
            self.spin.setValue(steps / 2)
        self.changed.emit(steps / 2)
