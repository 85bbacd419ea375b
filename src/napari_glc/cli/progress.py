"""Progress bars on stderr, for people only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .._base.progress import Progress

__all__ = ["bar", "byte_bar"]


@contextmanager
def bar(title: str, options: argparse.Namespace | None = None) -> Iterator[Progress]:
    """A progress callback that draws a bar if stderr is a terminal and the user did not say ``--quiet``."""
    from tqdm import tqdm

    shown = sys.stderr.isatty() and not getattr(options, "quiet", False)
    with tqdm(desc=title, unit="part", leave=False, disable=not shown) as drawn:

        def update(done: int, total: int) -> None:
            drawn.total = total
            drawn.n = done
            drawn.refresh()

        yield update


@contextmanager
def byte_bar(title: str) -> Iterator[Progress]:
    """The same for bytes that arrive, with their speed."""
    from tqdm import tqdm

    shown = sys.stderr.isatty()
    with tqdm(desc=title, unit="B", unit_scale=True, unit_divisor=1000, leave=False, disable=not shown) as drawn:

        def update(done: int, total: int) -> None:
            drawn.total = total or None
            drawn.update(done - drawn.n)

        yield update
