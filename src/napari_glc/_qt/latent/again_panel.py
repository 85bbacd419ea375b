"""Decoding the file of a layer once more with other options: in a style, for one. The original is not needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QPushButton

from ..._napari.layer_planes import source_of_layer
from ..._napari.placements import placement_of_layer
from ..._napari.reader import layers_of
from ..._napari.settings import preferred_device
from ...api import open as open_file
from ...codecs.registry import all_codecs
from ...files.opened import GlcFile
from ..common.base import GlcWidget
from ..common.jobs import Report
from ..common.layer_choice import LayerChoice
from ..common.option_form import OptionForm
from ..common.own_layers import OwnLayers

__all__ = ["AgainPanel"]


class AgainPanel:
    """Rows of a widget: options for decoding of the codec that made the chosen layer's file, and a button.

    Parameters
    ----------
    widget
        Whose form; its rows come next.
    source
        Its choice of a layer.
    layers
        Its layers.
    """

    def __init__(self, widget: GlcWidget, source: LayerChoice, layers: OwnLayers) -> None:
        self._widget, self._source, self._layers = widget, source, layers
        self._opened: tuple[Path, int, GlcFile] | None = None
        self.form = OptionForm(widget, [entry for entry in all_codecs() if entry.decoding.fields()], "decoding")
        self.button = QPushButton("Decode again")
        self.button.setAccessibleName("Decode again")
        self.button.clicked.connect(self.run)
        widget.form.addRow(self.button)

    def refresh(self) -> None:
        """Show the options of the layer's codec; none for layers that are no file's."""
        path, codec = self._file_of_layer()
        has_options = bool(codec) and self.form.has(codec)
        self.form.show_codec(codec if has_options else "")
        self._widget.form.setRowVisible(self.button, has_options)
        self.button.setEnabled(path is not None and path.is_file() and not self._widget.busy)
        there = "The layer's file with these options, as a layer of its own; the original is not needed"
        self.button.setToolTip(there if path is not None and path.is_file() else "The layer's file is gone")

    def _file_of_layer(self) -> tuple[Path | None, str]:
        """Where the chosen layer was read from, and the codec that made it."""
        layer = self._source.layer
        facts = {} if layer is None else layer.metadata.get("glc")
        if not isinstance(facts, dict) or not isinstance(facts.get("file"), str):
            return None, ""
        return Path(facts["file"]), str(facts.get("codec", ""))

    def run(self) -> None:
        """Decode in the work thread; a later run takes the same layer."""
        layer, (path, codec) = self._source.layer, self._file_of_layer()
        if layer is None or path is None or self._widget.busy or not self.form.has(codec):
            return
        chosen, channel = self.form.values(codec), layer.metadata["glc"].get("channel")

        def work(report: Report) -> Any:
            report(0, 0)
            return self._decoded(path, chosen, channel, report)

        self._layers.begin()
        self._widget.start(work, f"Decoding {path.name}", lambda found: self._show(layer, found))

    def _decoded(self, path: Path, chosen: dict[str, Any], channel: int | None, report: Report) -> Any:
        time = path.stat().st_mtime_ns
        # what was decoded of the file before is kept with it: another style costs the generator alone
        if self._opened is None or self._opened[:2] != (path, time):
            self._opened = path, time, open_file(path, device=preferred_device())
        file = self._opened[2].decoded_with(**chosen)
        file.check_decodable()
        return layers_of(file, channel, progress=report)[0]

    def _show(self, layer: Any, found: Any) -> None:
        data, options, _ = found
        if layer not in self._widget.viewer.layers:
            self._widget.tell("The layer was removed meanwhile; nothing was added.")
            return
        first = {name: value for name, value in options.items() if name in ("colormap", "blending")}
        made = self._layers.put(
            "image",
            source_of_layer(layer),
            "decoded again",
            data,
            options["metadata"]["glc"],
            {name: options[name] for name in ("rgb", "contrast_limits")} | placement_of_layer(layer),
            first=first,
        )
        made.name = options["name"]
        made.visible = True
        self._widget.tell(f"Layer '{made.name}'. {options['metadata']['glc']['warning']}")
