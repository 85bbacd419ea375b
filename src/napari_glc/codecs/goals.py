"""What an encoder that optimises is told beyond its options: what counts, what is to be met, and who watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..container import Box

__all__ = ["Goal", "Standing", "Watch"]


@dataclass(frozen=True, eq=False)
class Standing:
    """How far an optimisation is.

    Attributes
    ----------
    iteration, total
        Iterations done and in all, of the tiles at hand; 0 before the first.
    bytes, distance
        Payload and distortion as they are estimated at this moment. The distortion is the optimiser's own measure (see
        the page on effort), the mean over what has been looked at so far.
    best_bytes, best_distance
        The same of what would be kept if the work ended now; these are true, not estimated.
    improved
        Whether what would be kept has just become better.
    box
        The part of the plane that is being worked on: all of it, but for planes of more than 1536 pixels a side.
    picture
        Renders what would be kept, the pixels of `box`: ``(h, w, 3)`` uint8. Takes as long as decoding.
    """

    iteration: int
    total: int
    bytes: float
    distance: float
    best_bytes: int
    best_distance: float
    improved: bool
    box: Box
    picture: Callable[[], NDArray[np.uint8]]


Watch = Callable[[Standing], "bool | None"]
"""Called before the first iteration of each part of a plane and after every one; once it returns ``True``, the
optimisation ends and what is best so far is kept."""


@dataclass(frozen=True, eq=False)
class Goal:
    """What is wanted of an optimisation.

    Attributes
    ----------
    importance
        Weights of the plane's pixels, float32 ``(H, W)`` with a mean of 1, or ``None`` for all alike.
    calm
        How often the array's greatest weight is halved to give that of each pixel, float32 ``(H, W)``, for encoders
        whose single pass weighs pixels (capability ``regions``); or ``None``.
    most_bytes
        Bytes the payloads of the tiles at hand may have in all, to be used up as far as possible; ``None``: what the
        quality gives.
    distance_ratio
        Distance of features (``squeezenet``) to be reached with as few bytes as possible, as a multiple of what a
        single pass at the same quality reaches; ``None`` for none.
    watch
        Who watches, or ``None``.
    """

    importance: NDArray[np.float32] | None = None
    calm: NDArray[np.float32] | None = None
    most_bytes: float | None = None
    distance_ratio: float | None = None
    watch: Watch | None = None
