"""Lose part of a picture's index map and watch it come back."""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from qtpy.QtCore import Qt

from ..._napari.layer_metadata import decoded_facts
from ..._napari.layer_planes import finest_data, index_on_display, is_source, place_of_file, plane_of_layer
from ..._napari.plane_place import PlanePlace
from ...codecs.registry import config_of
from ...errors import GlcError, OptionError, UnsupportedArrayError
from ...files.opened import GlcFile
from ..common.coding_fields import no_model_of
from ..common.paths import path_to_open
from .controls import draw_sweep
from .form import RecoveryForm
from .layers import RecoveryLayers
from .work import Recovery, Task, open_task, planes_task, recover_task, sweep_task

if TYPE_CHECKING:
    from ...inspection.recovery.simulation import LossPlan, SweepPoint

__all__ = ["RecoveryWidget"]

_AFTER, _PAINTED = "after recovery", "painted loss"


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
        self._results = RecoveryLayers(napari_viewer)
        self._paintings = RecoveryLayers(napari_viewer)
        self.on_release(self._results.restore)
        self.offer_undo(self._results)
        self.points: list[SweepPoint] = []
        self._reference = ""
        self._found: Recovery | None = None
        self.file_button.clicked.connect(self._choose_file)
        self.paint_button.clicked.connect(self.paint)
        self.sweep_button.clicked.connect(self.sweep)
        self.planes_button.clicked.connect(self.measure_planes)
        self.device.tell_when_known(self.tell)
        for box in (self.origin, self.pattern, self.method):
            box.currentIndexChanged.connect(self._adapt)
        self.model.currentIndexChanged.connect(self._list_codebooks)
        self.ratios.textChanged.connect(self.refresh)
        for check in self.methods.values():
            check.toggled.connect(self.refresh)
        self.compare.toggled.connect(self._adapt)
        self.layer.changed.connect(self._clear)
        self.origin.currentIndexChanged.connect(self._clear)
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
            (self.plane, self.from_file and self.plane.maximum() > 0),
            (self.compare, self.from_file),
            (self.range, not self.from_file),
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
            return no_model_of(self.codecs)
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
            sizes = config_of(self.model.chosen).codebooks
            for level, size in reversed(list(enumerate(sizes))):
                quality = 100 * level / max(1, len(sizes) - 1)
                self.codebook.addItem(f"{size} (quality {quality:g})", quality)
            self.codebook.setCurrentIndex(min(1, len(sizes) - 1))
        self.refresh()

    def refresh(self) -> None:
        """Enable what is possible."""
        super().refresh()
        why = self._sweep_obstacle()
        self.sweep_button.setEnabled(not why and not self.busy)
        self.sweep_button.setToolTip(why or self.SWEEP_TIP)
        self.file_button.setEnabled(not self.busy)
        self.planes_button.setVisible(self._planes > 1)
        self.planes_button.setEnabled(not self.obstacle() and not self.busy)
        self.planes_button.setToolTip(
            self.obstacle() or "Lose and recover each plane of the stack, and list what that cost; no layers are added"
        )
        self.table_saving.enable(self._found is not None)

    @property
    def _planes(self) -> int:
        """How many planes there are of what is chosen."""
        if self.from_file:
            return 0 if self._file is None else self._file.layout.planes
        layer = self.layer.layer
        if layer is None or layer.ndim < 3:
            return 1
        index = index_on_display(layer, self.viewer.dims)
        shape = finest_data(layer).shape
        return math.prod(int(shape[axis]) for axis, place in enumerate(index) if place is not None)

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
        path = path_to_open(self)
        if path is not None:
            self.set_file(path)

    def set_file(self, path: str | Path) -> None:
        """Take a file as source; one that cannot serve is refused with the reason."""
        work = partial(open_task, Path(path), self.device.device)
        self.start(work, f"Reading {Path(path).name}", lambda found: self._take_file(*found))

    def _take_file(self, file: GlcFile, damaged: int) -> None:
        assert file.path is not None
        self._clear()
        self._file = file
        self.plane.setRange(0, file.layout.planes - 1)
        metrics, width = self.file_button.fontMetrics(), max(120, self.file_button.width() - 16)
        self.file_button.setText(metrics.elidedText(file.path.name, Qt.TextElideMode.ElideMiddle, width))
        self.file_button.setToolTip(str(file.path))
        self.origin.setCurrentIndex(self.origin.findData("file"))
        self._adapt()
        self.tell(
            f"{file.path.name}: quality {file.quality:g}, {damaged} of {file.container.chunks} packet(s) damaged."
        )

    # -- painting ------------------------------------------------------------------------------------------

    def paint(self) -> None:
        """Add a labels layer at index resolution over the picture and take up the brush."""
        try:
            place, factor = self._target()
        except GlcError as error:
            self.tell_error(error)
            return
        layer = self._paintings.find(place.key, _PAINTED)
        size = tuple(-(-side // factor) for side in place.shape)
        lost = np.zeros(size, np.bool_)
        if layer is not None and layer.data.shape == place.lifted(lost).shape:
            # what was painted on another plane is taken along
            lost = np.reshape(layer.data, size) != 0
        layer = self._paintings.put_positions(place, _PAINTED, lost, factor, {"factor": factor})
        layer.visible = True
        self.painted.layer = layer
        self.viewer.layers.selection.active = layer
        layer.selected_label = 1
        layer.brush_size = 3
        layer.mode = "paint"
        self._adapt()
        self.tell("Paint over what is to be lost, then press Lose and recover.")

    def _target(self) -> tuple[PlanePlace, int]:
        """What is painted on, and pixels an index."""
        if self.from_file:
            if self._file is None:
                raise OptionError("choose a .glc file first")
            return place_of_file(self._file, self.plane.value()), int(config_of(self._file.model).factor)
        if self.layer.layer is None or self.model.chosen is None:
            raise OptionError(self.obstacle() or "there is no picture to paint on")
        return plane_of_layer(self.layer.layer, self.viewer.dims), int(config_of(self.model.chosen).factor)

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
        """What a run needs, taken from the controls.

        Raises
        ------
        UnsupportedArrayError
            If the layer cannot be coded.
        """
        plane = None
        if not self.from_file or self.compare.isChecked():
            plane = plane_of_layer(self.layer.layer, self.viewer.dims)
        painted: Any = self.painted.layer
        return Task(
            plan=self.plan(),
            plane=plane,
            rule=self.range.rule,
            file=self._file if self.from_file else None,
            number=self.plane.value(),
            model=self.model.chosen,
            quality=float(self.codebook.currentData() or 0.0),
            packets=self.packets.value(),
            painted=(painted.data, str(painted.name)) if self.pattern.currentData() == "painted" else None,
            device=self.device.device,
        )

    def _clear(self) -> None:
        """Another picture is chosen: figures and curves are not of it."""
        self.points = []
        self.watch.forget()
        self._found = None
        self.table.clearContents()
        self.planes_table.show_rows(())
        for part in (self.accuracy_plot, self.psnr_plot, self.sweep_saving, self.planes_saving):
            part.setVisible(False)
        self.refresh()

    def undone(self) -> None:
        """See :meth:`GlcWidget.undone`."""
        self._clear()

    def run(self) -> None:
        """Lose and recover."""
        try:
            task = self.task()
        except UnsupportedArrayError as error:
            self._clear()
            self.tell_error(error)
            return
        self._results.begin()
        job = self.start(partial(recover_task, task), "Recovering", self._show, shown=self._show_part)
        job.stopped.connect(self._results.restore)
        job.failed.connect(self._results.restore)

    def _show_part(self, part: tuple[PlanePlace, NDArray[np.uint8]]) -> None:
        """The picture as far as it is recovered."""
        place, pixels = part
        self._results.put_picture(place, _AFTER, pixels, {"unfinished": True})

    def _show(self, found: Recovery) -> None:
        chosen, there = self.layer.layer, any(is_source(found.place, layer) for layer in self.viewer.layers)
        if not self.from_file and there and not is_source(found.place, chosen):
            self._results.restore()
            self.tell("Another layer was chosen meanwhile; nothing was added.")
            return
        self._results.finish()
        place, result, source = found.place, found.result, found.source
        plan, lost = result.plan, result.lost
        facts = decoded_facts(
            {
                "codec": found.codec,
                "quality": source.quality,
                "codebook": source.codebook_size,
                "pattern": plan.pattern,
                "ratio": plan.ratio,
                "seed": plan.seed,
                "method": plan.method,
                "temperature": plan.temperature,
                "top_k": plan.top_k,
                "lost": int(lost.sum()),
                "accuracy": result.accuracy,
                "seconds": result.seconds,
            }
        )
        gap_facts = {**facts, "difference_to": found.gap_to}
        hidden = {"visible": False}
        put = self._results
        put.put_picture(place, _AFTER, result.after, facts)
        self.later(lambda: put.put_picture(place, "before recovery", result.before, facts, first=hidden))
        self.later(lambda: put.put_difference(place, "recovery difference", found.gap, gap_facts))
        self.later(lambda: put.put_positions(place, "lost positions", lost, source.codec.factor, facts))
        self.table.show_result(result)
        self._found, self.table_saving.name = found, place.title
        share = 100 * float(lost.mean())
        exact = "" if np.isnan(result.accuracy) else f" {100 * result.accuracy:.1f} % of them came back exactly,"
        self.tell(
            f"{place.title}: {lost.sum()} of {lost.size} indices lost ({share:.1f} %),{exact} "
            f"in {result.seconds:.2f} s."
        )
        if self.from_file or not there:
            self.watch.forget()
            self.go_to(place)
        else:
            self.watch.results_are_of(self.layer.layer, place)

    def sweep(self) -> None:
        """Draw accuracy and PSNR against the loss ratio."""
        if why := self._sweep_obstacle():
            self.tell(why)
            return
        methods = [name for name, check in self.methods.items() if check.isChecked()]
        try:
            work = partial(sweep_task, self.task(), self._ratios(), methods)
        except UnsupportedArrayError as error:
            self.tell_error(error)
            return
        self.start(work, "Sweeping", self._draw)

    def _draw(self, swept: tuple[list[SweepPoint], str]) -> None:
        self.points, self._reference = swept
        for part in (self.accuracy_plot, self.psnr_plot, self.sweep_saving):
            part.setVisible(True)
        self.sweep_saving.enable(True)
        self.sweep_saving.name = self._name
        draw_sweep(self.points, self.accuracy_plot.axes, self.psnr_plot.axes, self._reference)
        self.accuracy_plot.restyle()
        self.psnr_plot.restyle()
        self.tell(f"{len(self.points)} recoveries, {sum(point.seconds for point in self.points):.1f} s of prediction.")

    # -- all planes ----------------------------------------------------------------------------------------

    def measure_planes(self) -> None:
        """Lose and recover each plane of the stack."""
        try:
            tasks = self.task().of_all_planes()
        except GlcError as error:
            self.tell_error(error)
            return
        self.start(partial(planes_task, tasks), f"Measuring {len(tasks)} planes", self._list_planes)

    def _list_planes(self, rows: list[dict[str, Any]]) -> None:
        self.planes_table.show_rows(rows)
        self.planes_saving.setVisible(True)
        self.planes_saving.enable(True)
        self.planes_saving.name = self._name
        right, _, concealed, _ = self.planes_table.means
        average = f"On average {right} % of the indices right, {concealed} dB concealed."
        unknown = "What this damaged file held is not known; Compare measures against a layer."
        self.tell(f"{len(rows)} planes measured. {unknown if concealed == '-' else average}")

    # -- saving --------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        """Of what is chosen, for file names."""
        if self.from_file:
            return "picture" if self._file is None or self._file.path is None else self._file.path.stem
        return "picture" if self.layer.layer is None else str(self.layer.layer.name)

    def figures(self) -> list[dict[str, Any]]:
        """See :class:`RecoveryForm`."""
        from ...inspection.recovery.planes import plane_row

        return [] if self._found is None else [plane_row(self._found.place.title, self._found.result)]

    def sweep_rows(self) -> list[dict[str, Any]]:
        """See :class:`RecoveryForm`."""
        return [{**asdict(point), "psnr_to": self._reference} for point in self.points]

    def sweep_figure(self) -> Figure:
        """See :class:`RecoveryForm`; both plots in one, dark on white whatever the theme."""
        figure = Figure(figsize=(5, 6.5), layout="constrained")
        accuracy, fidelity = figure.subplots(2, 1, sharex=True)
        draw_sweep(self.points, accuracy, fidelity, self._reference)
        accuracy.set_xlabel("")
        return figure
