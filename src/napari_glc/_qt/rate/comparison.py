"""Original and decoded picture compared: over each other, side by side, blinking, wiped, or as their difference."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from ..._napari.flipping import held_hidden
from ..._napari.layer_planes import display_of
from ..._napari.plane_place import PlanePlace
from ...metrics import absolute_error
from .layers import RateLayers

__all__ = ["DECODED", "ERROR", "MODES", "WIPE", "Comparison", "wiped"]

MODES = {
    "over": "Decoded over original",
    "grid": "Side by side",
    "blink": "Blink",
    "wipe": "Wipe (drag the line)",
    "error": "Absolute error",
}
"""The ways, and their words."""

DECODED, WIPE, ERROR = "at this rate", "wipe", "absolute error"
"""What the layers are called after their source's name."""

BLINK_MS = 600
_GRAB = 12.0
"""Screen pixels around the line within which a press takes hold of it."""
_ERROR_LIMIT = 64.0


def wiped(original: NDArray[np.uint8], decoded: NDArray[np.uint8], column: int) -> NDArray[np.uint8]:
    """The original left of a column and the decoded picture right of it, with a line between.

    Parameters
    ----------
    original, decoded
        uint8, ``(Y, X)`` or ``(Y, X, 3)``, of equal shape.
    column
        0 to X. The line is half white and half black, to be seen on anything.
    """
    both = decoded.copy()
    both[:, :column] = original[:, :column]
    half = max(1, original.shape[1] // 400)
    both[:, max(column - half, 0) : column] = 255
    both[:, column : column + half] = 0
    return both


@dataclass(frozen=True, eq=False)
class _Shown:
    """What is compared: pixels of 8 bits, the original and decoded."""

    layer: Any
    place: PlanePlace
    original: NDArray[np.uint8]
    decoded: NDArray[np.uint8]
    facts: dict[str, Any]


class Comparison(QObject):
    """Keeps layers in the state of a mode.

    Parameters
    ----------
    viewer
        The viewer.
    layers
        Where its layers come from.
    parent
        The widget.

    Attributes
    ----------
    moved
        Signal with the divider's place, 0 to 1, after it was dragged.
    """

    moved = Signal(float)

    def __init__(self, viewer: Any, layers: RateLayers, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._layers = viewer, layers
        self.mode, self.divider = "over", 0.5
        self._shown: _Shown | None = None
        self._own_grid = self._released = False
        self._timer = QTimer(self)
        self._timer.setInterval(BLINK_MS)
        self._timer.timeout.connect(self._blink)
        self._unhook = _hook_mouse(viewer, self)

    def release(self) -> None:
        """Let go of the viewer; touches no Qt object."""
        self._released = True
        self._shown = None
        self._unhook()

    def forget(self) -> None:
        """Leave what is shown as it is, and have nothing more to do with it."""
        self._shown = None

    # -- what is shown -----------------------------------------------------------------------------------------

    def show(
        self,
        layer: Any,
        place: PlanePlace,
        original: NDArray[np.uint8],
        decoded: NDArray[np.uint8],
        facts: dict[str, Any],
    ) -> None:
        """Show newly decoded pixels in the present mode.

        Parameters
        ----------
        layer, place
            The layer that was coded, and where its plane lies.
        original, decoded
            uint8, ``(Y, X)`` or ``(Y, X, 3)``.
        facts
            For the metadata of layers.
        """
        first = self._shown is None or self._shown.place.key != place.key
        self._shown = _Shown(layer, place, original, decoded, facts)
        self._layers.put_picture(place, DECODED, decoded, facts, display=display_of(layer))
        self._apply(fresh=first)

    def note(self, facts: dict[str, Any]) -> None:
        """Say more about what is shown, in the metadata of its layers."""
        if self._shown is not None:
            self._shown = replace(self._shown, facts=facts)
            for what in (DECODED, WIPE, ERROR):
                self._layers.note(self._shown.place.key, what, facts)

    def set_mode(self, mode: str) -> None:
        """Choose one of :data:`MODES`."""
        self.mode = mode
        self._apply(fresh=True)

    def set_divider(self, place: float) -> None:
        """Move the line of the wipe, 0 (left) to 1."""
        self.divider = min(max(place, 0.0), 1.0)
        if self.mode == "wipe":
            self._apply(fresh=False)

    def _apply(self, *, fresh: bool) -> None:
        if self._released:
            return
        self._grid(self.mode == "grid")
        if self.mode == "blink":
            if not self._timer.isActive():
                self._timer.start()
        else:
            self._timer.stop()
        if self._shown is None:
            return
        shown, key = self._shown, self._shown.place.key
        for mode, what in (("wipe", WIPE), ("error", ERROR)):
            if mode != self.mode:
                self._layers.remove(key, what)
        decoded = self._layers.find(key, DECODED)
        if decoded is not None and fresh:
            decoded.visible = True
        if self.mode == "wipe":
            both = wiped(shown.original, shown.decoded, round(self.divider * shown.original.shape[1]))
            self._layers.put_picture(shown.place, WIPE, both, shown.facts, display=display_of(shown.layer))
        elif self.mode == "error":
            error = absolute_error(shown.original, shown.decoded)
            note = {**shown.facts, "shows": "absolute difference in grey levels, of three channels the largest"}
            self._layers.put_map(shown.place, ERROR, error, _ERROR_LIMIT, note)

    def _grid(self, wanted: bool) -> None:
        """Switch napari's grid on, or off if this object switched it on."""
        grid = self._viewer.canvas.grid
        if wanted and not grid.enabled:
            grid.enabled = self._own_grid = True
        elif not wanted and self._own_grid:
            self._own_grid = grid.enabled = False

    def _blink(self) -> None:
        if self._released:
            self._timer.stop()
        elif self._shown is not None:
            decoded = self._layers.find(self._shown.place.key, DECODED)
            # what was flipped away stays away until it is flipped back
            if decoded is not None and not held_hidden(decoded):
                decoded.visible = not decoded.visible

    # -- dragging the line -------------------------------------------------------------------------------------

    def place_of(self, world: Any) -> float | None:
        """Where a position lies between the left and right border of the picture, 0 to 1; ``None`` if not wiping."""
        if self._released or self.mode != "wipe" or self._shown is None:
            return None
        place = self._shown.place
        at = place.pixel_at(world)
        if at is None or self._layers.find(place.key, WIPE) is None:
            return None
        return float((at[1] + 0.5) / place.shape[1])

    def grabs(self, world: Any) -> bool:
        """Whether a press at a world position takes hold of the line."""
        at = self.place_of(world)
        if at is None or self._shown is None:
            return False
        place = self._shown.place
        here, line = (np.asarray(place.world_at(0, share * place.shape[1])) for share in (at, self.divider))
        return bool(np.linalg.norm(here - line) * self._viewer.scene.camera.zoom <= _GRAB)


def _hook_mouse(viewer: Any, comparison: Comparison) -> Callable[[], None]:
    """Let the mouse drag the line, without keeping the comparison alive."""
    of = weakref.ref(comparison)
    camera = viewer.scene.camera
    drag_callbacks, move_callbacks = viewer.mouse_drag_callbacks, viewer.mouse_move_callbacks
    held: list[bool] = []

    def let_go() -> None:
        while held:
            camera.mouse_pan = held.pop()

    def on_move(viewer: Any, event: Any) -> None:
        mine = of()
        near = mine is not None and mine.grabs(event.position)
        # the camera must not follow a drag of the line, and decides at the press
        if near and not held:
            held.append(camera.mouse_pan)
            camera.mouse_pan = False
        elif not near:
            let_go()

    def on_press(viewer: Any, event: Any) -> Iterator[None]:
        mine = of()
        if mine is None or event.button != 1 or not mine.grabs(event.position):
            return
        yield
        while event.type == "mouse_move":
            place = mine.place_of(event.position)
            if place is not None:
                mine.moved.emit(min(max(place, 0.0), 1.0))
            event.handled = True
            yield

    drag_callbacks.append(on_press)
    move_callbacks.append(on_move)

    def stop() -> None:
        let_go()
        for callbacks, callback in ((drag_callbacks, on_press), (move_callbacks, on_move)):
            with contextlib.suppress(ValueError):
                callbacks.remove(callback)

    return stop
