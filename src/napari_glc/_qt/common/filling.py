"""What layers show while their pixels are decoded: the canvas gets a stand-in at once, and a thread fills it in.

One thread decodes block by block, of what was asked for last first. What nobody looks at any more, since the slider has
moved on, is dropped within a layer of a network. Every block is shown as it comes, or as often as the canvas can take
it without keeping the window.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

import numpy as np
from napari import current_viewer
from napari.utils.notifications import show_error, show_info
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from ..._base.caching import ByteCache
from ..._base.interruption import interruptible
from ..._napari.canvas_array import CanvasArray, Family
from .base import words_for
from .jobs import Job, Report

__all__ = ["Filler"]

_KEPT_BYTES = 1 << 29
"""Of what was shown; it is drawn again at once when somebody comes back to it."""
_SHARE = 0.2
"""How much of its time the window may be kept by drawing what comes."""


class _Dropped(Exception):
    """Nobody looks at it any more."""


class _Filling:
    """A part of an array on its way onto the canvas.

    Parameters
    ----------
    array
        What is to be shown.

    Attributes
    ----------
    pixels
        What there is of it.
    total, done
        Blocks, the preview counted as one.
    stopped
        Why there will be no more, if so.
    dropped
        Whether nobody looks at it any more.
    """

    def __init__(self, array: CanvasArray) -> None:
        self.array, self.family = array, array.family
        self.pixels: NDArray[Any] = np.full(array.shape, array.family.background, array.dtype)
        self.nbytes = self.pixels.nbytes
        self.total, self.done = int(math.prod(array.numblocks)) + (array.preview is not None), 0
        self.stopped: BaseException | None = None
        self.dropped = False
        self._pieces = self._in_order()
        self._next: tuple[Any, Any] | None = None

    @property
    def whole(self) -> bool:
        """Whether everything is there."""
        return self.done == self.total

    def advance(self) -> None:
        """Put the next block in place, in the work thread.

        Raises
        ------
        _Dropped, Cancelled
            If it is to stop; the block is done anew next time.
        Exception
            Whatever decoding raises.
        """
        if self._next is None:
            self._next = next(self._pieces)
        where, piece = self._next
        self.pixels[where] = piece.compute(scheduler="synchronous")
        self._next = None
        self.done += 1

    def _in_order(self) -> Iterator[tuple[Any, Any]]:
        if self.array.preview is not None:
            yield ..., self.array.preview
        plain = self.array.plain()
        starts = [np.cumsum([0, *sizes]) for sizes in plain.chunks]
        middle = [length / 2 for length in plain.shape]

        def distance(block: tuple[int, ...]) -> float:
            """Of a block's middle from that of the picture: people look there first."""
            ends = zip(starts, block, middle, strict=True)
            return float(sum((0.5 * (start[place] + start[place + 1]) - half) ** 2 for start, place, half in ends))

        for block in sorted(itertools.product(*map(range, plain.numblocks)), key=distance):
            where = tuple(slice(*start[place : place + 2]) for start, place in zip(starts, block, strict=True))
            yield where, plain.blocks[block]


class Filler:
    """Fills in what canvases ask for. Lives in the thread of the window."""

    def __init__(self) -> None:
        self._fillings: ByteCache[str, _Filling] = ByteCache(_KEPT_BYTES)
        self._wanted: list[_Filling] = []
        """What to decode, the most urgent last."""
        self._lock = threading.Lock()
        self._job: Job[None] | None = None
        self._viewers: WeakSet[Any] = WeakSet()
        self._families: WeakSet[Family] = WeakSet()
        self._changed: list[Family] = []
        self._not_before = 0.0
        self._drawing = QTimer()
        self._drawing.setSingleShot(True)
        self._drawing.timeout.connect(self._draw)

    def close(self) -> None:
        """Fill in nothing more; what is missing is decoded when napari asks for it."""
        with self._lock:
            self._wanted = []
        self._changed.clear()
        self._drawing.stop()
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def knows(self, family: Family) -> bool:
        """Whether anything of it was asked for before."""
        return family in self._families

    def shown(self, array: CanvasArray) -> NDArray[Any]:
        """What there is of an array; the rest of it is decoded from now on."""
        viewer = current_viewer()
        if viewer is not None:
            self._viewers.add(viewer)
        self._families.add(array.family)
        filling: _Filling | None = self._fillings.get(array.name)
        if filling is None:
            self._clear_out()
            filling = self._fillings[array.name] = _Filling(array)
        if not filling.whole and filling.stopped is None:
            self._want(filling)
        return filling.pixels

    def _clear_out(self) -> None:
        """Drop what was shown in layers that are gone."""
        with self._lock:
            wanted = {filling.family for filling in self._wanted}
        for name, filling in list(self._fillings.items()):
            if filling.family not in wanted and not any(self._layers_of(filling.family)):
                del self._fillings[name]

    def _want(self, filling: _Filling) -> None:
        """Put it first, in the place of whatever else of its layer and level was wanted."""
        with self._lock:
            for other in self._wanted:
                same = other.family is filling.family and other.array.level == filling.array.level
                if same and other is not filling:
                    other.dropped = True
            self._wanted = [other for other in self._wanted if other is not filling and not other.dropped]
            filling.dropped = False
            self._wanted.append(filling)
        if self._job is None:
            self._job = Job(self._fill, f"Decoding {filling.family.name}")
            self._job.shown.connect(self._on_block)
            self._job.stopped.connect(self._on_stopped)
            self._job.failed.connect(_tell)
            self._job.ended.connect(self._on_ended)
            self._job.start()

    # -- in the work thread ----------------------------------------------------------------------------------

    def _fill(self, report: Report) -> None:
        done = 0
        while (filling := self._first()) is not None:

            def check(filling: _Filling = filling) -> None:
                report.check()
                if filling.dropped:
                    raise _Dropped

            try:
                with interruptible(check):
                    filling.advance()
            except _Dropped:
                continue
            except Exception as error:
                report.check()
                filling.stopped = error
            done += 1
            with self._lock:
                if filling.whole or filling.stopped is not None:
                    self._wanted = [other for other in self._wanted if other is not filling]
                left = sum(other.total - other.done for other in self._wanted)
            report.show(filling)
            report(done, done + left)

    def _first(self) -> _Filling | None:
        with self._lock:
            return self._wanted[-1] if self._wanted else None

    # -- in the window's thread ------------------------------------------------------------------------------

    def _on_block(self, filling: _Filling) -> None:
        family = filling.family
        if filling.stopped is not None:
            _tell(filling.stopped)
        if not any(self._layers_of(family)):
            self._forget(family)
            return
        if family not in self._changed:
            self._changed.append(family)
        if filling.whole:
            self._draw(filling)
        elif not self._drawing.isActive():
            self._drawing.start(max(0, int(1000 * (self._not_before - time.perf_counter()))))

    def _forget(self, family: Family) -> None:
        """Its layer was removed, or its viewer closed."""
        with self._lock:
            for filling in self._wanted:
                filling.dropped = filling.dropped or filling.family is family
            self._wanted = [filling for filling in self._wanted if not filling.dropped]

    def _draw(self, finished: _Filling | None = None) -> None:
        """Bring the canvas up to date."""
        changed, self._changed = self._changed, []
        began = time.perf_counter()
        for layer in [layer for family in changed for layer in self._layers_of(family)]:
            if finished is not None and finished.family.settles and layer.data is finished.array:
                layer.data = finished.pixels
                self._fillings.pop(finished.array.name, None)
            else:
                layer.refresh(extent=False, thumbnail=finished is not None)
        now = time.perf_counter()
        self._not_before = now + (now - began) / _SHARE

    def _layers_of(self, family: Family) -> Iterator[Any]:
        for viewer in list(self._viewers):
            for layer in viewer.layers:
                levels = layer.data if getattr(layer, "multiscale", False) else [layer.data]
                if getattr(levels[0] if len(levels) else None, "family", None) is family:
                    yield layer

    def _on_stopped(self) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, []
        # drawing would ask for them again
        self._changed.clear()
        self._drawing.stop()
        names = ", ".join(dict.fromkeys(filling.family.name for filling in wanted))
        show_info(f"Decoding of {names} was stopped. What is missing is decoded when you come back to it.")

    def _on_ended(self) -> None:
        self._job = None
        first = self._first()
        if first is not None:  # it came while the thread was about to end
            self._want(first)


def _tell(error: BaseException) -> None:
    show_error(words_for(error))
