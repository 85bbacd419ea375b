"""Reading files of which packets are lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...container.limits import beyond, get_limits
from ...errors import DamagedFileError, ModelError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from ...networks.index_transformer import IndexTransformer
    from ...recovery import Sampling
    from ...recovery.transformer import IndexMap, Shown
    from ..base import Progress
    from .codec import DamagedMap, VqganCodec

__all__ = ["METHODS", "Recovered", "best_method", "fill_map"]

METHODS = ("transformer", "both-sides", "nearest", "frequent", "none")
"""The transformer as published; with the indices after a lost one as well; nearest known index; most frequent
index; mid-grey."""


@dataclass(frozen=True)
class Recovered:
    """A picture decoded from what is left of a file.

    Attributes
    ----------
    pixels
        ``(Y, X)`` or ``(Y, X, 3)`` uint8.
    lost
        Boolean ``(Y, X)``: pixels whose own index was lost. Their surroundings are affected, too, by as much as
        the generator spreads an index.
    lost_packets, packets
        Packets that were lost, and packets there should be.
    lost_share
        Share of the indices that were lost, 0 to 1.
    method
        How lost indices were filled.
    """

    pixels: NDArray[np.uint8]
    lost: NDArray[np.bool_]
    lost_packets: int
    packets: int
    lost_share: float
    method: str


def best_method(codec: VqganCodec) -> str:
    """The method that knows most, of those that take seconds: minGPT runs as a whole for every index."""
    transformer = codec.transformer
    return "both-sides" if transformer is not None and transformer.config.reaches else "nearest"


def _predictor(transformer: IndexTransformer, method: str) -> Callable[..., IndexMap]:
    """How a transformer fills lost indices.

    Raises
    ------
    ModelError
        If it cannot do what the method asks for.
    """
    from ... import recovery

    if transformer.config.reaches:
        return recovery.predict_in_order if method == "transformer" else recovery.predict_both_sides
    if method == "both-sides":
        raise ModelError("this model's transformer reads in one direction only; recover with 'transformer'")
    return recovery.predict_by_windows


def fill_map(
    codec: VqganCodec,
    found: DamagedMap,
    quality: float,
    method: str,
    sampling: Sampling | None = None,
    progress: Progress | None = None,
    shown: Shown | None = None,
) -> DamagedMap:
    """Complete an index map.

    Parameters
    ----------
    codec
        The codec of the file's model.
    found
        What could be read.
    quality
        Of the file.
    method
        One of :data:`METHODS`.
    sampling
        For the transformer; ``None`` takes the most probable index.
    progress
        Called often with (0, 1); whatever it raises stops the work.
    shown
        Called with the map while the transformer fills it; see :data:`napari_glc.recovery.transformer.Shown`.

    Raises
    ------
    OptionError
        If the method is unknown.
    DamagedFileError
        If no index is left to predict from.
    ModelError
        If the method needs a transformer, or one that reads in both directions, and the model has none.
    LimitError
        If the transformer would have to predict more indices than :class:`~napari_glc.Limits` allows.
    """
    from dataclasses import replace

    import numpy as np

    from ... import recovery

    if method not in METHODS:
        raise OptionError(f"recovery method {method!r} is unknown; choose from {', '.join(METHODS)}")
    lost = found.lost
    if not lost.any():
        return found
    if lost.all():
        raise DamagedFileError("no packet is intact, so there is nothing to recover from")
    level = codec.level(quality)
    if method == "nearest":
        filled = recovery.nearest(found.indices, lost)
    elif method == "frequent":
        filled = recovery.most_frequent(found.indices, lost)
    elif method == "none":
        filled = np.where(lost, codec.grey_index(quality), found.indices)
    else:
        if codec.transformer is None:
            raise ModelError("this model has no transformer; recover with 'nearest'")
        if np.count_nonzero(lost) > get_limits().predicted:
            raise beyond(f"recover with 'nearest': {np.count_nonzero(lost)} lost indices to predict are", "predicted")
        predict = _predictor(codec.transformer, method)
        tick = (lambda: progress(0, 1)) if progress is not None else (lambda: None)
        filled = predict(codec.transformer, found.indices, lost, level, sampling, tick=tick, shown=shown)
    return replace(found, indices=filled)
