"""What the recovery widget does in its worker thread: arrays in, arrays out, no Qt objects but the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..._napari.layer_planes import LayerPlane
from ...codecs.loading import loaded_codec
from ...codecs.registry import codec_named
from ...errors import OptionError
from ...files.opened import GlcFile
from ...models import ModelFile
from ..common.jobs import Report
from .layers import plane_of_file

if TYPE_CHECKING:
    from ...codecs.index_mapped import IndexMapped
    from ...inspection.recovery.simulation import LossPlan, RecoveryResult, SweepPoint
    from ...inspection.recovery.source import MapSource

# what needs PyTorch is imported where it is used, in the thread: opening a widget must not wait for it

__all__ = ["Recovered", "Task", "recover_task", "sweep_task"]


@dataclass(frozen=True)
class Task:
    """Everything a run depends on, taken from the widget when Run was pressed.

    Attributes
    ----------
    plan
        What is lost and how it comes back.
    plane
        The picture to code, or the original to compare a file with; ``None`` for a file alone.
    path
        The file; ``None`` to code `plane`.
    model, quality, packets
        Of a picture.
    painted
        A copy of the painted mask, or ``None``.
    device
        Where networks run.
    """

    plan: LossPlan
    plane: LayerPlane | None
    path: Path | None
    model: ModelFile | None
    quality: float
    packets: int
    painted: NDArray[Any] | None
    device: str


@dataclass(frozen=True)
class Recovered:
    """What the widget shows of a run.

    Attributes
    ----------
    plane
        Name, placement and values of the source.
    source
        The map.
    result
        Loss and recovery.
    before, after
        Pictures in the values of the source.
    gap, gap_to
        Difference of ``after`` in grey levels, and from what.
    """

    plane: LayerPlane
    source: MapSource
    result: RecoveryResult
    before: NDArray[Any]
    after: NDArray[Any]
    gap: NDArray[np.uint8]
    gap_to: str


def _source(task: Task, report: Report) -> tuple[MapSource, LayerPlane]:
    from ...inspection.recovery.source import source_of_file, source_of_picture

    if task.path is None:
        assert task.plane is not None
        assert task.model is not None
        if not codec_named(task.model.codec).capabilities.lossy_packets:
            raise OptionError(f"models of codec {task.model.codec!r} have no packets to lose")
        codec = cast("IndexMapped", loaded_codec(task.model, task.device))
        pixels = task.plane.pixels
        return source_of_picture(codec, pixels, task.quality, packets=task.packets, progress=report), task.plane
    file = GlcFile(task.path, device=task.device)
    source = source_of_file(file, device=task.device, progress=report)
    # nothing is known of its pixels yet, and nothing needed beyond their place
    plane = plane_of_file(file, np.zeros((1, 1), np.uint8))
    return (source if task.plane is None else source.compared_with(task.plane.pixels)), plane


def recover_task(task: Task, report: Report) -> Recovered:
    """Lose and recover; shows ``(plane, pixels)`` while it goes."""
    from ...inspection.recovery.simulation import simulate
    from ...metrics import absolute_error

    source, plane = _source(task, report)
    result = simulate(
        source,
        task.plan,
        task.painted,
        progress=report,
        shown=lambda pixels: report.show((plane, plane.restored(pixels))),
    )
    if result.undamaged is not None:
        other, words = result.undamaged, "undamaged decode"
    elif source.original is not None:
        other, words = source.original, "original"
    else:
        other, words = result.before, "picture before recovery"
    return Recovered(
        plane=plane,
        source=source,
        result=result,
        before=plane.restored(result.before),
        after=plane.restored(result.after),
        gap=absolute_error(other, result.after),
        gap_to=words,
    )


def sweep_task(
    task: Task, ratios: Sequence[float], methods: Sequence[str], report: Report
) -> tuple[list[SweepPoint], str]:
    """Points of a sweep, and what their PSNR is against."""
    from ...inspection.recovery.simulation import sweep

    source, _ = _source(task, report)
    points = sweep(source, ratios, methods, task.plan, progress=report)
    return points, "original" if source.original is not None else "undamaged"
