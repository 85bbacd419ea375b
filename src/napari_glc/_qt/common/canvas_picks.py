"""Clicks on the canvas for a widget that must be free to go."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from .picking import Picked, picks

__all__ = ["follow_picks"]

_CLICK_PIXELS = 4
"""A press that moves further than this is a drag."""


class Picker(Protocol):
    """What a widget that follows clicks offers."""

    def listens(self) -> bool:
        """Whether a click on the canvas picks now."""
        ...

    def pick_world(self, world: tuple[float, ...]) -> Any:
        """Pick what lies at world coordinates."""
        ...

    def on_picked(self, picked: Picked) -> None:
        """Follow what was picked in another widget."""
        ...


def follow_picks(viewer: Any, picker: Picker) -> Callable[[], None]:
    """Tell a widget of clicks on the canvas and of picks in other widgets, without keeping it alive.

    Returns
    -------
    Callable
        Stops it; touches no Qt object of the widget.
    """
    callbacks, signal = viewer.mouse_drag_callbacks, picks().picked
    on_press = _click_handler(weakref.ref(picker))
    following: list[weakref.ref[Picker]] = [weakref.ref(picker)]

    def on_picked(picked: Picked) -> None:
        there = following[0]() if following else None
        if there is not None:
            there.on_picked(picked)
        else:
            signal.disconnect(on_picked)

    callbacks.append(on_press)
    signal.connect(on_picked)

    def stop() -> None:
        with contextlib.suppress(ValueError):
            callbacks.remove(on_press)
        # widgets may go while the application is being torn down, and the signal with it; so it is left alone here
        following.clear()

    return stop


def _click_handler(widget_of: weakref.ref[Picker]) -> Callable[..., Iterator[None]]:
    def on_press(viewer: Any, event: Any) -> Iterator[None]:
        widget = widget_of()
        if widget is None or event.button != 1 or not widget.listens():
            return
        pressed = np.asarray(event.pos, float)
        yield
        while event.type == "mouse_move":
            yield
        # a drag moves the camera and picks nothing
        if np.abs(np.asarray(event.pos, float) - pressed).max() < _CLICK_PIXELS:
            widget.pick_world(tuple(map(float, event.position)))

    return on_press
