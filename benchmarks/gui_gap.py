"""How long jobs keep napari's window from reacting, how soon Cancel acts, and how soon the slider's picture comes.

xvfb-run -s "-screen 0 1600x1000x24" python benchmarks/gui_gap.py [NAME ...]

Opens a real viewer with a picture of 1024 x 1536 pixels, lets each widget do a job, and looks with a 5 ms timer how
long the main thread's event loop is away: during the work, and once more while the result is put on the canvas, which
is napari's and the graphics card's time. Each job runs twice, since the first of its kind loads libraries. The same
timer comes first in an idle viewer and beside napari's own addition of an image and of a labels layer, since no job can
do better than those. For the longest gap of each job, standard error says what the main thread was doing in it, as a
second thread saw it: resting in the event loop means that the time went to the GIL or to other programs.
"""

from __future__ import annotations

import collections
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import napari
import numpy as np
from npe2 import PluginManager
from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import QApplication, QProgressDialog, QPushButton

from napari_glc import imwrite
from napari_glc._napari.samples import sample_path
from napari_glc._napari.window import set_window
from napari_glc._qt.plugin import QtWindow

INTERVAL_MS = 5
IDLE_SECONDS = 3.0
SETTLING_SECONDS = 6.0
"""From opening the first widget until somebody has chosen something in it."""


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

    def resume(self) -> None:
        """Go on after :meth:`stop`; what passed in between is not counted."""
        self.last = time.perf_counter()
        self.timer.start(INTERVAL_MS)

    def stop(self) -> None:
        if self.timer.isActive():
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
    """Let the event loop work as in a running program: asleep unless something happens."""
    if until():
        return
    loop, look = QEventLoop(), QTimer()
    look.timeout.connect(lambda: loop.quit() if until() else None)
    look.start(10)
    loop.exec()
    look.stop()


def report(name: str, clock: Clock, watch: Watch | None = None) -> None:
    if not clock.gaps:  # done within one tick
        print(f"| {name} | 0 s | - | - |", flush=True)
        return
    gaps = np.array(clock.gaps) * 1000
    print(
        f"| {name} | {gaps.sum() / 1000:.1f} s | {gaps.max():.0f} ms | {np.percentile(gaps, 99):.0f} ms |", flush=True
    )
    if watch is not None:
        begin, end = clock.spans[int(gaps.argmax())]
        print(f"    longest gap: {watch.between(begin, end)}", file=sys.stderr)


def codec_widget(viewer: Any, codec: str, index_coder: str = "") -> Any:
    """*Encode and decode*, set up but not run."""
    from napari_glc._qt.coding.widget import CodecWidget

    widget = CodecWidget(viewer)
    widget.codec.setCurrentIndex(widget.codec.findData(codec))
    if index_coder:
        widget.options_form.field(codec, "index_coder").value = index_coder
    widget.device.setCurrentIndex(widget.device.findData("cpu"))
    return widget


def rate_widget(viewer: Any, *, curves: bool = False) -> Any:
    """*Rate exploration*; Run shows the picture, and draws the curves if asked to."""
    from napari_glc._qt.rate.widget import RateWidget

    widget = RateWidget(viewer)
    widget.device.setCurrentIndex(widget.device.findData("cpu"))
    if curves:
        widget.run = widget.draw_curves
    else:
        widget.bits.setChecked(True)
    return widget


def index_widget(viewer: Any) -> Any:
    """*VQ index map*."""
    from napari_glc._qt.index_map.widget import IndexWidget

    return IndexWidget(viewer)


def latent_widget(viewer: Any) -> Any:
    """*Latent patches*."""
    from napari_glc._qt.latent.widget import LatentWidget

    return LatentWidget(viewer)


def recovery_widget(viewer: Any, *, sweep: bool = False) -> Any:
    """*Lost-index recovery*; Run conceals losses, or sweeps over loss ratios."""
    from napari_glc._qt.recovery.widget import RecoveryWidget

    widget = RecoveryWidget(viewer)
    if sweep:
        widget.ratios.setText("0.1 0.2")
        widget.run = widget.sweep
    return widget


SCENES: list[tuple[str, Callable[[Any], Any]]] = [
    ("encode and decode, glc", lambda viewer: codec_widget(viewer, "glc")),
    ("encode and decode, vqgan, adaptive", lambda viewer: codec_widget(viewer, "vqgan", "adaptive")),
    ("encode and decode, vqgan, transformer", lambda viewer: codec_widget(viewer, "vqgan", "transformer")),
    ("explore the rate, with bit map", rate_widget),
    ("rate-distortion curves", lambda viewer: rate_widget(viewer, curves=True)),
    ("index map", index_widget),
    ("latent", latent_widget),
    ("lose and recover", recovery_widget),
    ("sweep over loss ratios", lambda viewer: recovery_widget(viewer, sweep=True)),
]
"""Names, and functions that make a widget in which ``run()`` starts a job."""

CANCEL_AFTER = (0.1, 0.4, 0.8, 1.3, 2.0, 3.0)
"""Seconds into a job at which it is cancelled, in one run each."""


def wait(seconds: float) -> None:
    """Let the event loop work for a while."""
    end = time.perf_counter() + seconds
    pump(lambda: time.perf_counter() > end)


def measure(viewer: Any, name: str, make: Callable[[Any], Any]) -> None:
    """A job from the click to the result, twice."""
    widget = make(viewer)
    viewer.window.add_dock_widget(widget, name=name)
    wait(0.5)
    measure_run(widget, name)
    forget(widget)
    measure_run(widget, f"{name}, again")
    viewer.window.remove_dock_widget(widget)


def forget(widget: Any) -> None:
    """Drop a kept latent, which would leave nothing to measure or to cancel."""
    if hasattr(widget, "_forget"):
        widget._forget()


def measure_run(widget: Any, name: str) -> None:
    """One click on Run."""
    clock, at_end, watch = Clock(), Clock(), Watch()
    finish = widget._finish

    def finish_measured(job: Any, then: Callable[[], None]) -> None:
        # what comes now is the display of the result: a measurement of its own
        clock.stop()
        at_end.resume()
        finish(job, then)
        if widget.busy:  # and it was not the last
            at_end.stop()
            clock.resume()

    widget._finish = finish_measured
    watch.start()
    clock.start()
    widget.run()
    pump(lambda: widget.settled)
    wait(0.5)
    at_end.stop()
    watch.ended = True
    report(name, clock, watch)
    report(f"{name}: showing the result", at_end)
    print(f"    {widget.status.text()}", file=sys.stderr)
    del widget._finish


def open_and_close(viewer: Any) -> None:
    """A widget, which loads what jobs are going to want once it is there."""
    widget = index_widget(viewer)
    viewer.window.add_dock_widget(widget, name="first")
    wait(SETTLING_SECONDS)
    viewer.window.remove_dock_widget(widget)


def measure_napari(viewer: Any) -> None:
    """The viewer at rest, and what napari needs for a layer of its own."""
    measure_call("idle viewer", lambda: None, IDLE_SECONDS)
    for kind, add in (("image", viewer.add_image), ("labels", viewer.add_labels)):
        layer = measure_call(
            f"napari alone adds its first {kind} layer", lambda add=add: add(np.zeros((64, 96), np.uint8))
        )
        viewer.layers.remove(layer)
        wait(0.2)


def measure_call(name: str, call: Callable[[], Any], seconds: float = 0.5) -> Any:
    """A call and the time after it."""
    clock = Clock()
    clock.start()
    value = call()
    wait(seconds)
    clock.stop()
    report(name, clock)
    return value


def measure_cancel(viewer: Any, name: str, make: Callable[[Any], Any]) -> None:
    """From Cancel until the widget is free, and until the thread is gone, at several moments of a job."""
    from napari_glc._qt.common import jobs

    widget = make(viewer)
    viewer.window.add_dock_widget(widget, name=name)
    wait(0.5)
    free, gone = [], []
    for moment in CANCEL_AFTER:
        forget(widget)
        widget.run()
        end = time.perf_counter() + moment
        pump(lambda end=end: time.perf_counter() > end or not widget.busy)
        if not widget.busy:
            break
        asked = time.perf_counter()
        widget.cancel()
        pump(lambda: not widget.busy)
        free.append(time.perf_counter() - asked)
        pump(lambda: not jobs._running)
        gone.append(time.perf_counter() - asked)
        wait(0.2)
    worst = (f"{1000 * max(times):.0f} ms" if times else "-" for times in (free, gone))
    print(f"| {name} | {len(free)} | {' | '.join(worst)} |", flush=True)
    pump(lambda: not jobs._running)
    viewer.window.remove_dock_widget(widget)


def measure_slider(viewer: Any, name: str, picture: Any, codec: str) -> None:
    """From a step of the quality slider to the new picture in its layer, until it is drawn, and to its figures.

    What counts as drawn is the first turn of the event loop after the layer has its data.
    """
    viewer.layers.clear()
    viewer.add_image(picture, rgb=True, name="parrots")
    widget = rate_widget(viewer)
    widget.bits.setChecked(False)
    widget.codec.setCurrentIndex(widget.codec.findData(codec))
    viewer.window.add_dock_widget(widget, name=name)
    widget.run()
    pump(lambda: not widget.busy)
    (decoded,) = (layer for layer in viewer.layers if layer.name == "parrots at this rate")
    there: list[float] = []
    note = decoded.events.data.connect(lambda event: there.append(time.perf_counter()))
    pictures, drawn, figures = [], [], []
    for quality in (10, 80, 35, 60, 20, 95, 45, 70):
        there.clear()
        step = widget._step
        started = time.perf_counter()
        widget.quality.value = quality
        pump(lambda: bool(there))
        drawn.append(time.perf_counter() - started)
        pictures.append(there[0] - started)
        pump(lambda before=step: widget._step is not before)
        figures.append(time.perf_counter() - started)
        pump(lambda: not widget.busy)
        wait(0.1)
    columns = (f"{1000 * of(times):.0f} ms" for times in (pictures, drawn, figures) for of in (np.median, max))
    print(f"| {name} | {' | '.join(columns)} |", flush=True)
    decoded.events.data.disconnect(note)
    viewer.window.remove_dock_widget(widget)


def in_loop(act: Callable[[], Any]) -> list[Any]:
    """Do something as people do it, while the event loop runs; what comes of it is put into the list."""
    came: list[Any] = []

    def do() -> None:
        try:
            came.append(act())
        except Exception as error:
            came.append(error)

    QTimer.singleShot(0, do)
    return came


def measure_until(name: str, act: Callable[[], Any], there: Callable[[], bool]) -> None:
    """From doing something until all that comes of it is there."""
    clock, watch = Clock(), Watch()
    watch.start()
    clock.start()
    came = in_loop(act)
    pump(lambda: bool(came) and there())
    clock.stop()
    watch.ended = True
    report(name, clock, watch)
    wait(0.5)


def measure_files(viewer: Any, folder: Path, side: int) -> None:
    """Opening a large picture, stepping through a stack of large planes, saving a large layer."""
    parrots = iio.imread(sample_path())
    large = np.tile(parrots, (-(-side // 512), -(-side // 768), 1))[:side, :side]
    size = f"{side} x {side}"
    grey = np.tile(parrots[..., 1], (4, 3))[:2048, :2048]
    picture, stack, target = folder / "picture.glc", folder / "stack.glc", folder / "saved.glc"
    imwrite(picture, large)
    imwrite(stack, np.stack([grey, grey[::-1], grey[:, ::-1]]), axes="TYX")
    viewer.layers.clear()
    for _ in range(2):
        measure_call(f"napari alone adds a picture of {size}", lambda: viewer.add_image(large, rgb=True))
        viewer.layers.clear()
    # napari does this once, before it uses the plugin, and it would bring a window of its own
    PluginManager.instance().activate("napari-glc")
    after = QtWindow()
    for window, how in ((None, "by the window itself"), (after, "as it is")):
        set_window(window)

        def idle() -> bool:
            filler = after._filler
            return filler is None or filler._job is None

        measure_until(f"opening {size}, {how}", partial(viewer.open, picture, plugin="napari-glc"), idle)
        viewer.layers.clear()
        in_loop(partial(viewer.open, stack, plugin="napari-glc"))
        pump(lambda: len(viewer.layers) > 0 and idle())
        wait(1)
        for step in (0, 2):
            move = partial(viewer.dims.set_current_step, 0, step)
            measure_until(f"a step to another plane of 2048 x 2048, {how}", move, idle)
        viewer.layers.clear()
        layer = viewer.add_image(large, rgb=True, name="large")
        wait(1)
        measure_until(f"File > Save of {size}, {how}", partial(layer.save, target), lambda: True)
        if window is not None:
            measure_cancelled_saving(layer, target)
        viewer.layers.clear()


def measure_cancelled_saving(layer: Any, target: Path) -> None:
    """From Cancel until napari has its window back, at several moments."""
    before, times = target.read_bytes(), []
    for moment in CANCEL_AFTER[2:]:
        came = in_loop(partial(layer.save, target))
        wait(moment)
        (dialog,) = (
            each for each in QApplication.topLevelWidgets() if isinstance(each, QProgressDialog) and each.isVisible()
        )
        asked = time.perf_counter()
        dialog.findChild(QPushButton).click()
        pump(lambda came=came: bool(came))
        times.append(time.perf_counter() - asked)
        wait(1)
        if target.read_bytes() != before or len(list(target.parent.iterdir())) != 3:
            raise RuntimeError("a cancelled Save left something behind")
    print(f"| File > Save cancelled {len(times)} times | {1000 * max(times):.0f} ms | | |", flush=True)


def main() -> None:
    """Print three tables, or with the words ``files SIDE`` one for opening, looking and saving."""
    parrots = iio.imread(sample_path())
    scenes = [scene for scene in SCENES if not sys.argv[1:] or any(wanted in scene[0] for wanted in sys.argv[1:])]
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1400, 900)
    viewer.add_image(np.tile(parrots, (2, 2, 1)), rgb=True, name="parrots 2 x 2")
    wait(2)
    print("| job | time | longest gap | 99th percentile |\n| --- | --- | --- | --- |")
    measure_napari(viewer)
    if sys.argv[1:2] == ["files"]:
        with tempfile.TemporaryDirectory() as folder:
            measure_files(viewer, Path(folder), int(sys.argv[2]) if sys.argv[2:] else 4096)
        viewer.close()
        return
    measure_call("the first widget opens", lambda: open_and_close(viewer), 0.5)
    measure(viewer, "the first job loads a model", lambda viewer: codec_widget(viewer, "glc"))
    for name, make in scenes:
        measure(viewer, name, make)
    print("\n| job | cancelled | widget free after | thread gone after |\n| --- | --- | --- | --- |")
    for name, make in scenes:
        measure_cancel(viewer, name, make)
    print("\n| slider, 512 x 768 | in its layer | longest | drawn | longest | figures | longest |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for codec in ("glc", "vqgan"):
        measure_slider(viewer, codec, parrots, codec)
    viewer.close()


if __name__ == "__main__":
    main()
