"""Buttons that encode several layers, or a folder, with the settings of *Encode and decode*."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from napari.layers import Image
from qtpy.QtWidgets import QHBoxLayout, QPushButton

from ...inspection.coding import CodingOptions
from ..common.base import GlcWidget
from ..common.paths import folder_to_use
from ..common.range_choice import RangeChoice
from .several import Item, items_of_folder, items_of_layers, write_items

__all__ = ["SeveralPanel"]


class SeveralPanel:
    """Belongs to a widget, whose job it uses: one thing at a time.

    Parameters
    ----------
    widget
        The widget.
    options
        What its fields say.
    values
        What becomes black and white.
    tell
        Called with what became of it; the status line may have to say that there is no layer.

    Attributes
    ----------
    row
        The buttons, for the widget's body.
    """

    def __init__(
        self,
        widget: GlcWidget,
        options: Callable[[], CodingOptions],
        values: RangeChoice,
        tell: Callable[[str], None],
    ) -> None:
        self._widget, self._options, self._values, self._tell = widget, options, values, tell
        self.layers_button = QPushButton("Many layers ...")
        self.layers_button.setToolTip("Encode every selected image layer, whole, into a file of a folder you choose")
        self.layers_button.clicked.connect(self.encode_layers)
        self.folder_button = QPushButton("Folder ...")
        self.folder_button.setToolTip("Encode every picture and stack of a folder into a file of another folder")
        self.folder_button.clicked.connect(self.encode_folder)
        self.row = QHBoxLayout()
        for button in (self.layers_button, self.folder_button):
            button.setAccessibleName(f"Encode {button.text().removesuffix(' ...').lower()}")
            self.row.addWidget(button, 1)

    def enable(self, possible: bool) -> None:
        """Allow a click, or not."""
        for button in (self.layers_button, self.folder_button):
            button.setEnabled(possible)

    def encode_layers(self) -> None:
        """Write a file for each selected image layer."""
        layers = self._widget.viewer.layers
        images = [layer for layer in layers if layer in layers.selection and isinstance(layer, Image)]
        if not images:
            self._widget.tell("Select image layers in the list of layers first.")
            return
        folder = folder_to_use(self._widget, f"Folder for the files of {len(images)} layers")
        if folder is not None:
            self._write(items_of_layers(images, folder, self._said()))

    def encode_folder(self) -> None:
        """Write a file for each picture of a folder."""
        source = folder_to_use(self._widget, "Folder of pictures")
        folder = None if source is None else folder_to_use(self._widget, f"Folder for the files of {source.name}")
        if source is not None and folder is not None:
            self._write(items_of_folder(source, folder, self._said()))

    def _said(self) -> dict[str, Any]:
        said = self._options()
        options = {"codec": said.codec, "model": said.model, "quality": said.quality, "device": said.device}
        rule = {"value_range": self._values.rule} if self._values.rule else {}
        return options | rule | dict(said.options)

    def _write(self, items: list[Item]) -> None:
        if not items:
            self._widget.tell("There is no picture in this folder.")
            return
        title = f"Encoding {len(items)} files"
        self._widget.start(partial(write_items, items), title, lambda written: self._tell(written.words()))
