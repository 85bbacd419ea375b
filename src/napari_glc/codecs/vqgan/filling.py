"""Filling the indices of lost packets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ... import recovery
from ..._base.progress import Progress
from ...container.limits import beyond, get_limits
from ...errors import DamagedFileError, ModelError, OptionError
from ...networks.index_transformer import IndexTransformer
from ...recovery import Sampling
from ..index_mapped import RECOVERY_METHODS, DamagedMap, IndexMap

if TYPE_CHECKING:
    from ...recovery.transformer import Shown

__all__ = ["fill_map", "methods_of"]


class CoderOfMaps(Protocol):
    """What of the codec is needed; see :class:`~napari_glc.codecs.vqgan.codec.VqganCodec`."""

    @property
    def transformer(self) -> IndexTransformer | None:
        """That of the model."""
        ...

    def level(self, quality: float) -> int:
        """Number of the codebook."""
        ...

    def grey_index(self, quality: float) -> int:
        """The codeword nearest to grey."""
        ...


def methods_of(transformer: IndexTransformer | None) -> tuple[str, ...]:
    """Ways of filling lost indices with a model's transformer, the best first of those that take seconds.

    minGPT sees one direction only and runs as a whole for every index, so it does not come first.
    """
    simple = ("nearest", "frequent", "none")
    if transformer is None:
        return simple
    return (
        ("both-sides", "transformer", *simple)
        if transformer.config.reaches
        else ("nearest", "transformer", *simple[1:])
    )


def _predictor(transformer: IndexTransformer, method: str) -> Callable[..., IndexMap]:
    """How a transformer fills lost indices.

    Raises
    ------
    ModelError
        If it cannot do what the method asks for.
    """
    if transformer.config.reaches:
        return recovery.predict_in_order if method == "transformer" else recovery.predict_both_sides
    if method == "both-sides":
        raise ModelError("this model's transformer reads in one direction only; recover with 'transformer'")
    return recovery.predict_by_windows


def fill_map(
    codec: CoderOfMaps,
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
        One of :data:`napari_glc.codecs.index_mapped.RECOVERY_METHODS`.
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
    if method not in RECOVERY_METHODS:
        raise OptionError(f"recovery method {method!r} is unknown; choose from {', '.join(RECOVERY_METHODS)}")
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
