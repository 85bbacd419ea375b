"""Lose part of a picture's index map and watch it come back."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QWidget

from ..._napari.layer_planes import LayerPlane, plane_of_layer
from ..._napari.settings import plugin_setting
from ...errors import GlcError, OptionError
from ...files.opened import GlcFile
from ...models import model_folder
from ...networks.config import VqganConfig
from .controls import draw_sweep
from .form import RecoveryForm
from .layers import ResultLayers, plane_of_file
from .work import Recovered, Task, recover_task, sweep_task

if TYPE_CHECKING:
    from ...inspection.recovery.simulation import LossPlan, SweepPoint

__all__ = ["RecoveryWidget", "ask_for_file"]

_AFTER = "after recovery"


def ask_for_file(parent: QWidget) -> str:
    """Ask for a file to open; empty if the user thought better of it."""
    path, _ = QFileDialog.getOpenFileName(parent, "Open a .glc file of codec vqgan", "", "GLC (*.glc)")
    return str(path)


def _place_of(file: GlcFile) -> LayerPlane:
    """Name and placement of a file's picture; its pixels are not read."""
    return plane_of_file(file, np.zeros((1, 1), np.uint8))


class RecoveryWidget(RecoveryForm):
    """Lose indices of a picture or file, predict them, and see what that cost.

    Parameters
    ----------
    napari_viewer
        The viewer it lives in.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._file: GlcFile | None = None
        self._results = ResultLayers(napari_viewer)
        self.on_release(self._results.forget)
        self.points: list[SweepPoint] = []
        self.file_button.clicked.connect(self._choose_file)
        self.paint_button.clicked.connect(self.paint)
        self.sweep_button.clicked.connect(self.sweep)
        for box in (self.origin, self.pattern, self.method):
            box.currentIndexChanged.connect(self._adapt)
        self.model.currentIndexChanged.connect(self._list_codebooks)
        self.ratios.textChanged.connect(self.refresh)
        for check in self.methods.values():
            check.toggled.connect(self.refresh)
        self.compare.toggled.connect(self._adapt)
        self._list_codebooks()
        self._adapt()

    # -- state ---------------------------------------------------------------------------------------------

    @property
    def from_file(self) -> bool:
        """Whether the source is a file."""
        return bool(self.origin.currentData() == "file")

    def _adapt(self) -> None:
        """Show the rows that count for what is chosen."""
        pattern, method = self.pattern.currentData(), self.method.currentData()
        drawn = pattern not in ("painted", "own")
        for field, there in (
            (self.layer, not self.from_file or self.compare.isChecked()),
            (self.file_button, self.from_file),
            (self.compare, self.from_file),
            (self.model, not self.from_file),
            (self.codebook, not self.from_file),
            (self.ratio, drawn),
            (self.packets, pattern == "packet" and not self.from_file),
            (self.painted, pattern == "painted"),
            (self.paint_button, pattern == "painted"),
            (self.seed, drawn or method == "sampled"),
            (self.temperature, method == "sampled"),
            (self.top_k, method == "sampled"),
        ):
            self.form.setRowVisible(field, there)
        self.refresh()

    def obstacle(self) -> str:
        """Why Run is not possible now."""
        if self.from_file:
            if self._file is None:
                return "Choose a .glc file first."
        elif self.model.chosen is None:
            return f"No model of codec vqgan is installed. Its file belongs into {model_folder()}"
        if self.layer.layer is None and (not self.from_file or self.compare.isChecked()):
            return "There is no image layer."
        if self.pattern.currentData() == "own" and not self.from_file:
            return "Only a file can have damage of its own: choose one, or another pattern."
        if self.pattern.currentData() == "painted" and self.painted.layer is None:
            return "Press Paint, and paint over what is to be lost."
        return ""

    def _list_codebooks(self) -> None:
        self.codebook.clear()
        if self.model.chosen is not None:
            books = self.model.chosen.network_config(VqganConfig).codebooks
            for level, size in reversed(list(enumerate(books))):
                quality = 100 * level / max(1, len(books) - 1)
                self.codebook.addItem(f"{size} (quality {quality:g})", quality)
            self.codebook.setCurrentIndex(min(1, len(books) - 1))
        self.refresh()

    def refresh(self) -> None:
        """Enable what is possible."""
        super().refresh()
        why = self._sweep_obstacle()
        self.sweep_button.setEnabled(not why and not self.busy)
        self.sweep_button.setToolTip(why or self.SWEEP_TIP)

    def _sweep_obstacle(self) -> str:
        if why := self.obstacle():
            return why
        if self.pattern.currentData() in ("painted", "own"):
            return "A sweep needs a pattern with a loss ratio."
        if not any(check.isChecked() for check in self.methods.values()):
            return "Choose at least one method."
        try:
            self._ratios()
        except OptionError as error:
            return str(error)
        return ""

    def _ratios(self) -> list[float]:
        try:
            ratios = [float(word) for word in self.ratios.text().replace(",", " ").split()]
        except ValueError:
            ratios = []
        if not ratios or not all(0 <= ratio < 1 for ratio in ratios):
            raise OptionError("Loss ratios are numbers from 0 to below 1, with blanks between.")
        return sorted(set(ratios))

    # -- the file ------------------------------------------------------------------------------------------

    def _choose_file(self) -> None:
        if path := ask_for_file(self):
            self.set_file(path)

    def set_file(self, path: str | Path) -> None:
        """Take a file as source; one that cannot serve is refused with the reason."""
        try:
            file = GlcFile(path)
            if file.codec != "vqgan":
                raise OptionError(f"{Path(path).name} is of codec {file.codec}; only vqgan has an index map to lose")
            count = len(file.lost_packets())
        except (GlcError, OSError) as error:
            self.tell_error(error)
            return
        self._file = file
        metrics = self.file_button.fontMetrics()
        name = metrics.elidedText(
            Path(path).name, Qt.TextElideMode.ElideMiddle, max(120, self.file_button.width() - 16)
        )
        self.file_button.setText(name)
        self.file_button.setToolTip(str(path))
        self.origin.setCurrentIndex(self.origin.findData("file"))
        self._adapt()
        self.tell(f"{Path(path).name}: quality {file.quality:g}, {count} of {file.container.chunks} packet(s) damaged.")

    # -- painting ------------------------------------------------------------------------------------------

    def paint(self) -> None:
        """Add a labels layer at index resolution over the picture and take up the brush."""
        try:
            plane, shape, factor = self._target()
        except GlcError as error:
            self.tell_error(error)
            return
        layer = self._results.find(plane.name, "painted loss")
        size = tuple(-(-side // factor) for side in shape)
        if layer is None or layer.data.shape != size:
            placement = plane.coarse_placement(factor)
            lost = np.zeros(size, np.bool_)
            layer = self._results.positions(plane.name, "painted loss", placement, lost, {"factor": factor})
        layer.visible = True
        self.painted.layer = layer
        self.viewer.layers.selection.active = layer
        layer.selected_label = 1
        layer.brush_size = 3
        layer.mode = "paint"
        self._adapt()
        self.tell("Paint over what is to be lost, then press Lose and recover.")

    def _target(self) -> tuple[LayerPlane, tuple[int, int], int]:
        """What is painted on: its place, its rows and columns, and pixels an index."""
        if self.from_file:
            if self._file is None:
                raise OptionError("choose a .glc file first")
            header = self._file.container.header
            factor = self._file.model.network_config(VqganConfig).factor
            return _place_of(self._file), (header.height, header.width), factor
        if self.layer.layer is None or self.model.chosen is None:
            raise OptionError(self.obstacle() or "there is no picture to paint on")
        plane = plane_of_layer(self.layer.layer, self.viewer.dims.point)
        factor = self.model.chosen.network_config(VqganConfig).factor
        return plane, (plane.pixels.shape[0], plane.pixels.shape[1]), factor

    # -- work ----------------------------------------------------------------------------------------------

    def plan(self) -> LossPlan:
        """What the controls say."""
        from ...inspection.recovery.simulation import (
            LossPlan,  # brings PyTorch, for which no widget waits when it opens
        )

        method = self.method.currentData()
        sampled = method == "sampled"
        return LossPlan(
            ratio=self.ratio.value(),
            pattern=self.pattern.currentData(),
            seed=self.seed.value(),
            method="transformer" if sampled else method,
            temperature=self.temperature.value() if sampled else 0.0,
            top_k=(self.top_k.value() or None) if sampled else None,
        )

    def task(self) -> Task:
        """Copies of everything a run needs.

        Raises
        ------
        GlcError
            If the layer cannot be coded or nothing is painted.
        """
        plane = None
        if not self.from_file or self.compare.isChecked():
            plane = plane_of_layer(self.layer.layer, self.viewer.dims.point)
        return Task(
            plan=self.plan(),
            plane=plane,
            path=self._file.path if self.from_file and self._file is not None else None,
            model=self.model.chosen,
            quality=float(self.codebook.currentData() or 0.0),
            packets=self.packets.value(),
            painted=self._mask() if self.pattern.currentData() == "painted" else None,
            device=plugin_setting("runtime", "device"),
        )

    def _mask(self) -> NDArray[Any]:
        layer: Any = self.painted.layer
        mask = np.array(layer.data)
        if mask.ndim != 2:
            raise OptionError(f"layer {layer.name!r} has {mask.ndim} dimensions; paint in one of two")
        if not mask.any():
            raise OptionError(f"nothing is painted in layer {layer.name!r}")
        return mask

    def run(self) -> None:
        """Lose and recover."""
        try:
            task = self.task()
        except GlcError as error:
            self.tell_error(error)
            return
        name = task.plane.name if task.path is None and task.plane is not None else ""
        if self._file is not None and task.path is not None:
            name = _place_of(self._file).name
        self._results.remember(name, _AFTER)
        job = self.start(partial(recover_task, task), "Recovering", self._show, shown=self._heal)
        job.stopped.connect(self._results.restore)
        job.failed.connect(self._results.restore)

    def _heal(self, shown: tuple[LayerPlane, NDArray[Any]]) -> None:
        plane, pixels = shown
        self._results.picture(plane.name, _AFTER, plane, pixels, {"unfinished": True})

    def _show(self, found: Recovered) -> None:
        self._results.keep()
        plane, result, name = found.plane, found.result, found.plane.name
        plan, lost = result.plan, result.lost
        facts: dict[str, Any] = {
            "codec": "vqgan",
            "quality": found.source.quality,
            "codebook": found.source.codebook_size,
            "pattern": plan.pattern,
            "ratio": plan.ratio,
            "seed": plan.seed,
            "method": plan.method,
            "temperature": plan.temperature,
            "top_k": plan.top_k,
            "lost": int(lost.sum()),
            "accuracy": result.accuracy,
            "seconds": result.seconds,
            "warning": "Decoded by a generative model, which invents plausible detail: not for measurements.",
        }
        factor = found.source.codec.config.factor
        gap_facts = {**facts, "difference_to": found.gap_to}
        coarse = plane.coarse_placement(factor)
        show = self._results
        show.picture(name, _AFTER, plane, found.after, facts)
        self.later(lambda: show.picture(name, "before recovery", plane, found.before, facts, visible=False))
        self.later(lambda: show.difference(name, "recovery difference", plane, found.gap, gap_facts))
        self.later(lambda: show.positions(name, "lost positions", coarse, lost, facts))
        self.table.show_result(result)
        share = 100 * float(lost.mean())
        exact = "" if np.isnan(result.accuracy) else f" {100 * result.accuracy:.1f} % of them came back exactly,"
        self.tell(f"{lost.sum()} of {lost.size} indices lost ({share:.1f} %),{exact} in {result.seconds:.2f} s.")

    def sweep(self) -> None:
        """Draw accuracy and PSNR against the loss ratio."""
        if why := self._sweep_obstacle():
            self.tell(why)
            return
        methods = [name for name, check in self.methods.items() if check.isChecked()]
        try:
            work = partial(sweep_task, self.task(), self._ratios(), methods)
        except GlcError as error:
            self.tell_error(error)
            return
        self.start(work, "Sweeping", self._draw)

    def _draw(self, swept: tuple[list[SweepPoint], str]) -> None:
        self.points, reference = swept
        for plot in (self.accuracy_plot, self.psnr_plot):
            plot.setVisible(True)
        draw_sweep(self.points, self.accuracy_plot, self.psnr_plot, reference)
        self.tell(f"{len(self.points)} recoveries, {sum(point.seconds for point in self.points):.1f} s of prediction.")
