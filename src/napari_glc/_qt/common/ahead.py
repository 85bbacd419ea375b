"""Libraries that results are shown with, loaded while nobody waits for them.

The system's loader holds Python's lock while it maps a library, and so does much of what runs when a module is imported
first: the window stands still for as long. Loaded when the first widget has opened, pandas (napari's tables of
features) and matplotlib (its first picture makes fonts) do that before anybody has pressed a button, and not while a
result is put on the canvas.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from .jobs import Job, Report

__all__ = ["load_ahead"]


@cache
def load_ahead() -> None:
    """Begin, once in a process."""
    Job(_load, "Loading libraries").start()


def _load(report: Report) -> None:
    report(0, 2)
    import_module("pandas")
    report(1, 2)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    canvas = FigureCanvasAgg(figure)
    figure.add_subplot().plot([0, 1])
    canvas.draw()
