"""How long jobs keep napari's window from reacting.

xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/gui_gap.py [NAME ...]

Opens a real viewer with a picture of 1024 x 1536 pixels, lets each widget do a job, and looks with a 5 ms timer how
long the main thread's event loop is away: during the work, and once more while the result is put on the canvas, which
is napari's and the graphics card's time. The same timer in an idle viewer comes first, since no job can do better than
a machine at rest. For the longest gap of each job, standard error says what the main thread was doing in it, as a
second thread saw it: resting in the event loop means that the time went to the GIL or to other programs.
"""

from __future__ import annotations

import collections
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import imageio.v3 as iio
import napari
import numpy as np
from qtpy.QtCore import QCoreApplication, QEvent, Qt, QTimer

from napari_glc._sample_data import sample_path

INTERVAL_MS = 5
IDLE_SECONDS = 3.0


@dataclass
class Clock:
    """A timer that remembers when it was called."""

    gaps: list[float] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.last = time.perf_counter()
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self.tick)

    def start(self) -> None:
        self.gaps.clear()
        self.spans.clear()
        self.last = time.perf_counter()
        self.timer.start(INTERVAL_MS)

    def tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self.last)
        self.spans.append((self.last, now))
        self.last = now

    def stop(self) -> None:
        self.timer.stop()
        self.tick()


class Watch(threading.Thread):
    """Looks every few milliseconds at what the main thread executes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.main = threading.main_thread().ident
        self.seen: list[tuple[float, str]] = []
        self.ended = False

    def run(self) -> None:
        while not self.ended:
            frame = sys._current_frames().get(self.main)
            if frame is not None:
                where = f"{frame.f_code.co_filename.rsplit('site-packages/', 1)[-1]}:{frame.f_lineno}"
                self.seen.append((time.perf_counter(), where))
            time.sleep(0.01)

    def between(self, begin: float, end: float) -> str:
        places = collections.Counter(where for moment, where in self.seen if begin <= moment <= end)
        return (
            ", ".join(f"{where} x{count}" for where, count in places.most_common(3)) or "nothing seen: the GIL was held"
        )


def pump(until: Callable[[], bool]) -> None:
    """Let the event loop work as in a running program."""
    while not until():
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        time.sleep(0.001)


def report(name: str, clock: Clock, watch: Watch | None = None) -> None:
    gaps = np.array(clock.gaps) * 1000
    print(
        f"| {name} | {gaps.sum() / 1000:.1f} s | {gaps.max():.0f} ms | {np.percentile(gaps, 99):.0f} ms |", flush=True
    )
    if watch is not None:
        begin, end = clock.spans[int(gaps.argmax())]
        print(f"    longest gap: {watch.between(begin, end)}", file=sys.stderr)


def codec_widget(viewer: Any, codec: str, index_coder: str = "auto") -> Any:
    """The widget *Encode and decode*, set up but not run."""
    from napari_glc._qt.codec_widget import CodecWidget

    widget = CodecWidget(viewer)
    widget.codec.setCurrentIndex(widget.codec.findData(codec))
    widget.index_coder.setCurrentIndex(widget.index_coder.findData(index_coder))
    widget.device.setCurrentIndex(widget.device.findData("cpu"))
    return widget


SCENES: list[tuple[str, Callable[[Any], Any]]] = [
    ("encode and decode, glc", lambda viewer: codec_widget(viewer, "glc")),
    ("encode and decode, vqgan, adaptive", lambda viewer: codec_widget(viewer, "vqgan", "adaptive")),
    ("encode and decode, vqgan, transformer", lambda viewer: codec_widget(viewer, "vqgan", "transformer")),
]
"""Names, and functions that make a widget in which ``run()`` starts a job. Add yours here."""


def measure(viewer: Any, name: str, make: Callable[[Any], Any]) -> None:
    """One job, from the click to the result."""
    widget = make(viewer)
    viewer.window.add_dock_widget(widget, name=name)
    pump_until = time.perf_counter() + 0.5
    pump(lambda: time.perf_counter() > pump_until)
    at_end: list[Clock] = []
    clock, watch = Clock(), Watch()
    finish = widget._finish

    def finish_measured(job: Any, then: Callable[[], None]) -> None:
        # what comes now is the display of the result: a measurement of its own
        clock.stop()
        at_end.append(Clock())
        at_end[0].start()
        finish(job, then)

    widget._finish = finish_measured
    watch.start()
    clock.start()
    widget.run()
    pump(lambda: not widget.busy)
    settled = time.perf_counter() + 0.5
    pump(lambda: time.perf_counter() > settled)
    at_end[0].stop()
    watch.ended = True
    report(name, clock, watch)
    report(f"{name}: showing the result", at_end[0])
    print(f"    {widget.status.text()}", file=sys.stderr)
    del widget._finish
    viewer.window.remove_dock_widget(widget)


def main() -> None:
    picture = np.tile(iio.imread(sample_path()), (2, 2, 1))
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.add_image(picture, rgb=True, name="parrots 2 x 2")
    settled = time.perf_counter() + 2
    pump(lambda: time.perf_counter() > settled)
    print("| job | time | longest gap | 99th percentile |\n| --- | --- | --- | --- |")
    clock = Clock()
    clock.start()
    idle = time.perf_counter() + IDLE_SECONDS
    pump(lambda: time.perf_counter() > idle)
    clock.stop()
    report("idle viewer", clock)
    for name, make in SCENES:
        if not sys.argv[1:] or any(wanted in name for wanted in sys.argv[1:]):
            measure(viewer, name, make)
    viewer.close()


if __name__ == "__main__":
    main()
