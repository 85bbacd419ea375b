"""Progress bars on stderr, for people only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..codecs.base import Progress

__all__ = ["bar"]


@contextmanager
def bar(title: str) -> Iterator[Progress]:
    """A progress callback that draws a bar if stderr is a terminal."""
    from tqdm import tqdm

    with tqdm(desc=title, unit="part", leave=False, disable=not sys.stderr.isatty()) as drawn:

        def update(done: int, total: int) -> None:
            drawn.total = total
            drawn.n = done
            drawn.refresh()

        yield update
