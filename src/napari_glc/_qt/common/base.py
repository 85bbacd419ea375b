"""What all dock widgets share: a scrolling form, a run line with progress and Cancel, and a status line."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakSet

from napari.utils.notifications import show_error
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtGui import QKeyEvent, QKeySequence, QShowEvent
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ..._napari.flipping import flip
from ..._napari.plane_place import PlanePlace
from ..._napari.recoding import recoding_caution
from .export_row import ExportRow
from .flip_key import flip_button, follow_flip_key
from .jobs import SHORT_MILLISECONDS, Job, Report
from .layer_choice import LayerChoice
from .own_layers import OwnLayers
from .picking import Codebook, Picked
from .plane_watch import PlaneWatch
from .remembering import recall, remember
from .tab_order import order_tabs
from .wheel import WheelGuard

__all__ = ["GlcWidget", "retire_widgets", "words_for"]

_T = TypeVar("_T")

MINIMUM_WIDTH = 300


def words_for(error: BaseException) -> str:
    """What to tell a user about an exception."""
    text = str(error) or type(error).__name__
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "alloc" in text[:200]:
        return f"Not enough memory: {text.splitlines()[0]} Try a smaller picture, or device cpu."
    return text


_open: WeakSet[GlcWidget] = WeakSet()


def retire_widgets() -> None:
    """The plugin is disabled while its docks are open: nothing in them runs any more, and they are closed."""
    for widget in list(_open):
        if isalive(widget):
            widget.retire()


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"


class _Attached:
    """What ties a widget to things that outlive it."""

    def __init__(self) -> None:
        self.job: Job[Any] | None = None
        self.releases: list[Callable[[], Any]] = []

    def release(self) -> None:
        """Let go of everything outside the widget."""
        if self.job is not None:
            self.job.abandon()
            self.job = None
        while self.releases:
            self.releases.pop()()


class GlcWidget(QWidget):
    """Base of the dock widgets.

    A subclass fills `form` (see :meth:`add_row`) and `body`, says what Run does in :meth:`run`, and does long work
    with :meth:`start`.

    Parameters
    ----------
    napari_viewer
        The viewer it lives in.
    run_text
        Words on the run button; empty for a widget without one.
    """

    def __init__(self, napari_viewer: Any, run_text: str = "Run") -> None:
        super().__init__()
        self.viewer = napari_viewer
        self._labelled: list[tuple[str, QWidget]] = []
        self._recalled = self.recalling = False
        self.setMinimumWidth(MINIMUM_WIDTH)
        _open.add(self)
        self._retired = False
        self._other_codebook = ""
        self._attached = _Attached()
        self._undoes: OwnLayers | None = None
        self.watch = PlaneWatch(napari_viewer, self._tell_plane)
        self.on_release(self.watch.release)
        self._wheels = WheelGuard(self)

        content = QWidget()
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(6, 6, 6, 6)
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        self.body.addLayout(self.form)
        scroll = self._scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(content)

        self.run_button = QPushButton(run_text)
        self.run_button.setToolTip(run_text)
        self.run_button.clicked.connect(self.run)
        self.run_button.setVisible(bool(run_text))
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop the work under way (Esc)")
        self.cancel_button.clicked.connect(self.cancel)
        self.cancel_button.setEnabled(False)
        self.undo_button = QPushButton("Undo")
        self.undo_button.setAccessibleName("Undo the last run")
        self.undo_button.clicked.connect(self.undo)
        self.undo_button.setVisible(False)
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Progress")
        self.progress.setVisible(False)
        # timers that belong to the widget: QTimer.singleShot may keep what it is to call, and so the viewer, alive
        self._patience, self._docking, self._closing, self._turn = (QTimer(self) for _ in range(4))
        self._waiting: deque[Callable[[], None]] = deque()
        self.on_release(self._waiting.clear)
        for timer, then in (
            (self._patience, self._show_progress),
            (self._docking, self._watch_window),
            (self._closing, self._release_if_closed),
            (self._turn, self._do_next),
        ):
            timer.setSingleShot(True)
            timer.timeout.connect(then)
        self.status = QLabel("")
        self.status.setWordWrap(True)
        self.status.setAccessibleName("Status")
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        buttons.addWidget(self.undo_button, 1)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.addWidget(scroll, 1)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        # napari's close button takes the parent away (see event); a closed viewer may keep its widgets or destroy
        # them, and a method of the destroyed widget itself would not be called. It must be a method, of an object
        # that is not Qt's: Python's garbage collector may have emptied a function before Qt calls it, which ends the
        # process, but Qt knows when a method's object is gone.
        self.destroyed.connect(self._attached.release)
        self._watched: QObject | None = None

    # -- building -----------------------------------------------------------------------------------------

    def add_row(self, text: str, field: QWidget, tip: str, form: QFormLayout | None = None) -> QWidget:
        """A labelled control: label as buddy, tooltip and accessible name on both; in `form` if not in the main one."""
        label = QLabel(text)
        label.setBuddy(field)
        for part in (label, field):
            part.setToolTip(tip)
        field.setAccessibleName(text.replace("&", ""))
        field.setAccessibleDescription(tip)
        self._labelled.append((text.replace("&", ""), field))
        # an empty form counts as false
        (self.form if form is None else form).addRow(label, field)
        return field

    def offer_flip(self, choice: LayerChoice) -> QPushButton:
        """A button, and a key of the viewer, that flip the chosen layer and what was decoded of it."""
        self.on_release(follow_flip_key(self.viewer))

        def flip_chosen() -> None:
            self.tell(flip(self.viewer, choice.layer))

        return flip_button(flip_chosen)

    def add_export(self, row: ExportRow) -> ExportRow:
        """Buttons that save something shown here, in the body."""
        row.saved.connect(self.tell_saved)
        row.failed.connect(self.tell_error)
        self.body.addWidget(row)
        return row

    def tell_saved(self, name: str) -> None:
        """Say that a file was written."""
        self.tell(f"Saved {name}.")

    def add_below_run(self, button: QPushButton) -> None:
        """Put a button on a line of its own below Run and Cancel."""
        lines = self.layout()
        assert isinstance(lines, QVBoxLayout)
        lines.insertWidget(lines.indexOf(self.progress), button)

    def give_mnemonics(self) -> None:
        """Give every visible label of the main form that lacks one a key of its own, if a letter is left."""
        labels = []
        for row in range(self.form.rowCount()):
            item = self.form.itemAt(row, QFormLayout.ItemRole.LabelRole)
            if item is not None and self.form.isRowVisible(row):
                labels.append(item.widget())
        texts = [label.text() for label in labels]
        taken = {text[text.index("&") + 1].lower() for text in texts if "&" in text}
        for label, text in zip(labels, texts, strict=True):
            letter = next((c for c in text if c.isalpha() and c.lower() not in taken), None)
            if "&" not in text and letter is not None:
                taken.add(letter.lower())
                label.setText(text.replace(letter, f"&{letter}", 1))

    def add_layer_choice(self, text: str, tip: str, **options: Any) -> LayerChoice:
        """A row with a drop-down of layers."""
        choice = LayerChoice(self.viewer, **options)
        choice.changed.connect(self.refresh)
        self._attached.releases.append(choice.detach)
        self.add_row(text, choice, tip)
        return choice

    def caution_of(self, choice: LayerChoice) -> None:
        """Tell, whenever a layer is chosen that was decoded already, what coding it again means."""

        def tell() -> None:
            layer = choice.layer
            words = "" if layer is None else recoding_caution(str(layer.name), layer.metadata)
            if words or self.status.property("kind") == "caution":
                self.tell(words, "caution" if words else "message")

        choice.changed.connect(tell)
        tell()

    # -- what a subclass says ------------------------------------------------------------------------------

    def run(self) -> None:
        """What the run button does."""

    def obstacle(self) -> str:
        """Why Run is not possible now; empty if it is."""
        return ""

    def refresh(self) -> None:
        """Enable what is possible; call it when anything changed."""
        if self._retired:
            return
        why, busy = self.obstacle(), self.busy
        self.run_button.setEnabled(not why and not busy)
        self.run_button.setToolTip(why or self.run_button.text())
        self.cancel_button.setEnabled(busy)
        self._refresh_undo()
        if why and not busy:
            self.tell(why, "obstacle")
        elif not why and self.status.property("kind") == "obstacle":
            self.tell("")

    # -- work ----------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a job of this widget is under way."""
        return self._attached.job is not None

    def start(
        self,
        work: Callable[[Report], _T],
        title: str,
        done: Callable[[_T], None],
        *,
        shown: Callable[[Any], None] | None = None,
    ) -> Job[_T]:
        """Run `work` in a thread and hand its result to `done` in the GUI's; one job at a time.

        Parameters
        ----------
        work
            See :class:`~napari_glc._qt.common.jobs.Job`.
        title
            What it is, for the status line and the Activity dock.
        done
            Called with the result unless the work failed, was cancelled, or the widget is gone.
        shown
            Called with intermediate results.
        """
        if self.busy:
            raise RuntimeError("a job of this widget is under way")
        job: Job[_T] = Job(work, title)
        self._attached.job = job
        job.progressed.connect(self._on_progress)
        job.succeeded.connect(lambda value: self._finish(job, lambda: done(value)))
        job.failed.connect(lambda error: self._finish(job, lambda: self.tell_error(error)))
        job.stopped.connect(lambda: self._finish(job, lambda: self.tell("Cancelled.")))
        if shown is not None:
            job.shown.connect(shown)
        self.progress.setRange(0, 0)
        self._patience.start(SHORT_MILLISECONDS)
        self.refresh()
        job.start()
        return job

    def _show_progress(self) -> None:
        if self._attached.job is not None:
            self.progress.setVisible(True)
            self.tell(f"{self._attached.job.title} ...")

    def cancel(self) -> None:
        """Stop the job under way, if there is one."""
        if self._attached.job is not None:
            self.tell("Cancelling ...")
            self._attached.job.cancel()

    def _on_progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _finish(self, job: Job[Any], then: Callable[[], None]) -> None:
        if self._attached.job is not job:
            return
        self._attached.job = None
        self._patience.stop()
        self.progress.setVisible(False)
        try:
            then()
        except Exception as error:  # a result that cannot be shown is a failure like any other
            self.tell_error(error)
        self.refresh()

    def later(self, show: Callable[[], None]) -> None:
        """Do `show` in a turn of the event loop of its own: one new layer takes napari long enough."""
        self._waiting.append(show)
        self._turn.start(0)

    @property
    def settled(self) -> bool:
        """Whether no job is under way and everything is shown."""
        return not self.busy and not self._waiting

    def _do_next(self) -> None:
        if not self._waiting:
            return
        try:
            self._waiting.popleft()()
        except Exception as error:  # see _finish
            self.tell_error(error)
        if self._waiting:
            self._turn.start(0)
        else:
            self._refresh_undo()

    def go_to(self, place: PlanePlace) -> None:
        """Put a plane that was asked for by its number on display: its results lie beside no other."""
        dims, world = self.viewer.dims, place.world_at(0, 0)
        for axis, number in enumerate(place.index):
            if number is not None and dims.ndim >= len(world):
                dims.set_point(dims.ndim - len(world) + axis, world[axis])

    def tell(self, text: str, kind: str = "message") -> None:
        """Put a message on the status line; one of a `kind` that passes may be taken back."""
        self.status.setText(text)
        self.status.setProperty("kind", kind)

    def _tell_plane(self, text: str) -> None:
        """What :class:`PlaneWatch` says; a job under way will say of what its results are."""
        if not self.busy and (text or self.status.property("kind") == "plane"):
            self.tell(text, "plane" if text else "message")

    def tell_picked(self, picked: Picked, codebook: Codebook | None) -> None:
        """Say it if a place that was picked in another widget is shown in another codebook there."""
        words, before = picked.words_beside(codebook), self._other_codebook
        self._other_codebook = words
        if words or (before and self.status.text() == before):
            self.tell(words)

    def tell_error(self, error: BaseException) -> None:
        """Show what went wrong, here and as a notification."""
        text = words_for(error)
        self.tell(f"Failed: {text}")
        show_error(text)

    # -- taking back ----------------------------------------------------------------------------------------

    def offer_undo(self, results: OwnLayers) -> None:
        """Let the user take back what the last run did to the layers of this widget."""
        self._undoes = results
        self.undo_button.setVisible(True)
        self._refresh_undo()

    def _refresh_undo(self) -> None:
        possible = self._undoes is not None and not self.busy and self._undoes.undoable
        self.undo_button.setEnabled(possible)
        self.undo_button.setToolTip(
            "Remove the layers the last run added and put back those it changed (Ctrl+Z in this dock)"
            if possible
            else "There is nothing to undo"
        )

    def undo(self) -> None:
        """Take back what the last run did to the layers."""
        if self._undoes is None or self.busy or not self.settled:
            return
        removed, restored = self._undoes.undo()
        self.undone()
        self.refresh()
        self.tell(f"Undone: {_layers(removed)} removed, {_layers(restored)} put back as before the last run.")

    def retire(self) -> None:
        """Stop everything for good and close the dock; without one of its own it says why nothing happens any more."""
        self._retired = True
        self._attached.release()
        for timer in self.findChildren(QTimer):
            timer.stop()
        for part in (self._scroll, self.run_button, self.cancel_button, self.undo_button):
            part.setEnabled(False)
        self.tell("The plugin was disabled. Enable it and open this widget again to go on.", "retired")
        with contextlib.suppress(LookupError):
            self.viewer.window.remove_dock_widget(self)

    def undone(self) -> None:
        """The results of the last run are gone: forget what is told of them."""

    # -- keys, wheel and closing ----------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt calls it)
        """Enter runs, Esc cancels, Ctrl+Z undoes."""
        if event.key() == Qt.Key.Key_Escape and self.busy:
            self.cancel()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.run_button.isEnabled():
            self.run_button.click()
        elif event.matches(QKeySequence.StandardKey.Undo) and self.undo_button.isEnabled():
            self.undo_button.click()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt calls it)
        """Every field there is by now keeps its value when the wheel passes over it, and has its turn at Tab."""
        self._wheels.guard(self)
        order_tabs(self)
        super().showEvent(event)

    def event(self, event: QEvent) -> bool:
        """Notice that the dock was closed."""
        handled: bool = super().event(event)
        if event.type() == QEvent.Type.ParentChange and hasattr(self, "_watched"):
            if self.parent() is None:
                remember(type(self).__name__, self._labelled)
                self._attached.release()
            else:
                if not self._recalled:
                    self._recalled = self.recalling = True
                    recall(type(self).__name__, self._labelled)
                    self.recalling = False
                self._docking.start(0)
        return handled

    def _watch_window(self) -> None:
        window = self.window()
        if window is not self and window is not self._watched:
            window.installEventFilter(self)
            self._watched = window

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt calls it)
        """Notice that the viewer was closed, unless the user thought better of it."""
        if event.type() == QEvent.Type.Close and watched is self._watched:
            self._closing.start(0)
        return False

    def _release_if_closed(self) -> None:
        if not self.window().isVisible():
            remember(type(self).__name__, self._labelled)
            self._attached.release()

    def on_release(self, release: Callable[[], Any]) -> None:
        """Call `release` when the widget goes away: disconnect events, stop timers. It must not touch Qt objects."""
        self._attached.releases.append(release)
