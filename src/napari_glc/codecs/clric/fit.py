"""A function of one tile while it is fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...networks.function import halved
from .descent import Descent, Distributions, Look
from .grid_coder import Symbols
from .layout import GRIDS

__all__ = ["ITERATIONS", "Fit", "Fitted", "Function", "one_thread", "symbols_of", "weight_pyramid"]

Function = Callable[[Sequence[Tensor]], tuple[Tensor, Distributions]]
"""From grids to the latent ``(1, C, h, w)`` they make and to distributions of their values, differentiable in both."""

ITERATIONS = (0, 12, 30, 60, 120, 240, 400, 700, 1300, 2600)
"""By effort. At 512 x 768 pixels one takes about 50 ms of one core, so 5 takes 12 s and 9 about two minutes."""


@contextmanager
def one_thread() -> Iterator[None]:
    """The order of sums, and so the file, must not depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode(False):
            yield
    finally:
        torch.set_num_threads(before)


class Fit:
    """A function that can be written at any moment.

    Parameters
    ----------
    descent
        Over its grids.
    write
        From grids to the payload.
    function
        See :data:`Function`.
    wanted
        The latent ``(1, C, h, w)``.
    step
        What a value of one of the finest grid is in the latent, about: ``(C, 1, 1)``.
    """

    def __init__(
        self,
        descent: Descent,
        write: Callable[[Symbols], bytes],
        function: Function,
        wanted: Tensor,
        step: Tensor,
    ) -> None:
        self._descent, self._write = descent, write
        self.function, self.wanted, self.step = function, wanted, step
        self._written: tuple[object, bytes] | None = None

    @property
    def grids(self) -> list[Tensor]:
        """The best so far, ``(1, C, rows, columns)`` each, the finest first."""
        return self._descent.grids

    @property
    def symbols(self) -> Symbols:
        """The same as arrays."""
        return symbols_of(self.grids)

    @property
    def error(self) -> float:
        """Squared error of the latent they make, a sum, weighed."""
        return self._descent.error

    @property
    def made(self) -> Tensor:
        """The latent ``(1, C, h, w)`` they make."""
        with one_thread(), torch.no_grad():
            return self.function(self.grids)[0]

    @property
    def worth(self) -> float:
        """Squared error of a latent value that a bit is worth at present."""
        return self._descent.worth

    @property
    def payload(self) -> bytes:
        """What a file holds of them."""
        if self._written is None or self._written[0] is not self.grids:
            self._written = self.grids, self._write(self.symbols)
        return self._written[1]

    def size_of(self, grids: list[Tensor]) -> int:
        """Bytes that other grids would take."""
        return len(self._write(symbols_of(grids)))

    def take(self, grids: list[Tensor]) -> None:
        """Go on with other grids, whether they are better or not."""
        with one_thread():
            self._descent.take(grids)

    def run(self, iterations: int, step: Callable[[int, int], None], look: Look | None = None) -> None:
        """See :meth:`~napari_glc.codecs.clric.descent.Descent.run`."""
        with one_thread():
            self._descent.run(iterations, step, look)

    def priced(self, worth: float) -> None:
        """Go on at another price of a bit."""
        with one_thread():
            self._descent.reprice(worth)


@dataclass(frozen=True, eq=False)
class Fitted:
    """What fitting a plane at a quality came to.

    Attributes
    ----------
    quality
        0 to 100.
    networks
        What its tiles share; empty if the networks come with the model.
    grids
        By tile, ``(1, C, rows, columns)`` each, the finest first.
    seen
        The same after looks at the picture, if there were any.
    """

    quality: float
    networks: bytes
    grids: Mapping[int, list[Tensor]]
    seen: Mapping[int, list[Tensor]]


def weight_pyramid(weight: Tensor) -> list[Tensor]:
    """Weights ``(h, w)`` of latent positions as those of the values of each grid, ``(1, 1, rows, columns)``."""
    levels = [weight[None, None]]
    for _ in range(GRIDS - 1):
        levels.append(halved(levels[-1]))
    return levels


def symbols_of(grids: list[Tensor]) -> Symbols:
    """Grids ``(1, C, rows, columns)`` as arrays ``(C, rows, columns)``."""
    return [grid[0].numpy().astype(np.int16) for grid in grids]
