"""What the recovery widget does in its worker thread: arrays in, arrays out, no Qt objects but the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..._base.progress import Progress
from ..._napari.layer_planes import LayerPlane, place_of_file
from ..._napari.plane_place import PlanePlace
from ...codecs.loading import loaded_codec
from ...errors import OptionError
from ...files.opened import GlcFile
from ...imaging.scaling import to_bytes
from ...models import ModelFile
from ..common.jobs import Report

if TYPE_CHECKING:
    from ...codecs.index_mapped import IndexMapped
    from ...inspection.recovery.simulation import LossPlan, RecoveryResult, SweepPoint
    from ...inspection.recovery.source import MapSource

# what needs PyTorch is imported where it is used, in the thread: opening a widget must not wait for it

__all__ = ["Recovery", "Task", "open_task", "planes_task", "recover_task", "sweep_task"]


@dataclass(frozen=True)
class Task:
    """Everything a run depends on, taken from the widget when Run was pressed.

    Attributes
    ----------
    plan
        What is lost and how it comes back.
    plane
        The picture to code, or the original to compare a file with; ``None`` for a file alone.
    rule
        By which the values of `plane` are found that become 0 and 255; see :meth:`.LayerPlane.ranged`. An original
        that is compared with a file is seen through the file's.
    file
        The file; ``None`` to code `plane`.
    number
        Of the file's plane.
    model, quality, packets
        Of a picture.
    painted
        What was painted in a labels layer, and the layer's name; ``None`` if nothing counts that was.
    device
        Where networks run.
    """

    plan: LossPlan
    plane: LayerPlane | None
    rule: str
    file: GlcFile | None
    number: int
    model: ModelFile | None
    quality: float
    packets: int
    painted: tuple[Any, str] | None
    device: str

    def of_all_planes(self) -> list[Task]:
        """The same for each plane of the layer or file.

        Raises
        ------
        OptionError
            If a layer to compare with has another number of planes than the file.
        """
        planes = [] if self.plane is None else self.plane.all_planes()
        if self.file is None:
            return [replace(self, plane=plane) for plane in planes]
        count = self.file.layout.planes
        if planes and len(planes) != count:
            raise OptionError(f"the layer to compare with has {len(planes)} planes, the file {count}")
        return [replace(self, plane=planes[number] if planes else None, number=number) for number in range(count)]

    @property
    def codec(self) -> str:
        """Name of the codec."""
        if self.file is not None:
            return self.file.codec
        assert self.model is not None
        return self.model.codec

    @property
    def place(self) -> PlanePlace:
        """Where results belong."""
        place = self.plane if self.file is None else place_of_file(self.file, self.number)
        assert place is not None
        return place


@dataclass(frozen=True)
class Recovery:
    """What the widget shows of a run.

    Attributes
    ----------
    place
        Name, placement and values of the source.
    codec
        Name of the codec.
    source
        The map.
    result
        Loss and recovery.
    gap, gap_to
        Difference of the recovered picture in grey levels, and from what.
    """

    place: PlanePlace
    codec: str
    source: MapSource
    result: RecoveryResult
    gap: NDArray[np.uint8]
    gap_to: str


def open_task(path: Path, device: str, report: Report) -> tuple[GlcFile, int]:
    """Open a file, and count its damaged packets.

    Raises
    ------
    OptionError
        If it has no packets to lose.
    GlcError, OSError
        As for :class:`~napari_glc.files.opened.GlcFile`.
    """
    report(0, 0)
    file = GlcFile(path, device=device)
    if not file.entry.capabilities.lossy_packets:
        raise OptionError(f"{path.name} is of codec {file.codec}, which has no packets to lose")
    return file, len(file.lost_packets())


def _source(task: Task, report: Progress) -> tuple[PlanePlace, MapSource]:
    """The map, and where its pictures belong."""
    from ...inspection.recovery.source import source_of_file, source_of_picture

    report(0, 0)
    if task.file is not None:
        assert task.file.path is not None
        # opened again, since the file may have been replaced meanwhile
        file = GlcFile(task.file.path, device=task.device)
        source = source_of_file(file, plane=task.number, device=task.device, progress=report)
        return task.place, source if task.plane is None else source.compared_with(_as_in(task.place, task.plane))
    assert task.plane is not None
    assert task.model is not None
    plane, picture = task.plane.picture_by(task.rule)
    codec = cast("IndexMapped", loaded_codec(task.model, task.device))
    return plane, source_of_picture(codec, picture, task.quality, packets=task.packets, progress=report)


def _as_in(place: PlanePlace, plane: LayerPlane) -> NDArray[np.uint8]:
    """An original as its file saw it, 8 bits: where both have one type, the same values become 0 and 255."""
    samples = plane.read()
    return to_bytes(samples, place.limits if samples.dtype.name == place.dtype.name else plane.limits)[0]


def _painted(task: Task) -> NDArray[Any] | None:
    """A copy of the painted mask: somebody may go on painting.

    Raises
    ------
    OptionError
        If nothing is painted, or in another number of dimensions.
    """
    if task.painted is None:
        return None
    data, name = task.painted
    mask, index = np.array(data), task.place.index
    if mask.ndim == len(index):
        # of a stack of labels the plane that is coded; a layer of one plane has no other
        places = zip(index, mask.shape, strict=True)
        mask = mask[tuple(slice(None) if place is None else min(place, size - 1) for place, size in places)]
    if mask.ndim != 2:
        raise OptionError(f"layer {name!r} has {mask.ndim} dimensions; paint in one of two")
    if not mask.any():
        raise OptionError(f"nothing is painted in layer {name!r}")
    return mask


def recover_task(task: Task, report: Report) -> Recovery:
    """Lose and recover; shows pictures of 8 bits while it goes."""
    from ...inspection.recovery.simulation import simulate
    from ...metrics import absolute_error

    painted = _painted(task)
    place, source = _source(task, report)
    result = simulate(
        source,
        task.plan,
        painted,
        progress=report,
        shown=lambda pixels: report.show((place, pixels)),
    )
    if result.undamaged is not None:
        other, words = result.undamaged, "undamaged decode"
    elif source.original is not None:
        other, words = source.original, "original"
    else:
        other, words = result.before, "picture before recovery"
    return Recovery(
        place=place,
        codec=task.codec,
        source=source,
        result=result,
        gap=absolute_error(other, result.after),
        gap_to=words,
    )


def planes_task(tasks: Sequence[Task], report: Report) -> list[dict[str, Any]]:
    """What is measured of each plane, as a run on it would; see :func:`.planes.plane_row`."""
    from ...inspection.recovery.planes import plane_row
    from ...inspection.recovery.simulation import simulate

    rows: list[dict[str, Any]] = []

    def tick(done: int, total: int) -> None:
        report(len(rows), len(tasks))

    for task in tasks:
        tick(0, 0)
        painted = _painted(task)
        result = simulate(_source(task, tick)[1], task.plan, painted, progress=tick)
        rows.append(plane_row(", ".join(map(str, task.place.numbers)) or "0", result))
    return rows


def sweep_task(
    task: Task, ratios: Sequence[float], methods: Sequence[str], report: Report
) -> tuple[list[SweepPoint], str]:
    """Points of a sweep, and what their PSNR is against."""
    from ...inspection.recovery.simulation import sweep

    source = _source(task, report)[1]
    points = sweep(source, ratios, methods, task.plan, progress=report)
    return points, "original" if source.original is not None else "undamaged"
