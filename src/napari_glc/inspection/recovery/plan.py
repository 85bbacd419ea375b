"""What part of an index map is lost: by a pattern and a seed, or by a painted mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import recovery
from ...errors import OptionError
from ...recovery import Sampling
from .source import MapSource

__all__ = ["PATTERNS", "LossPlan", "lost_by", "positions_of_mask"]

PATTERNS = (*recovery.PATTERNS, "painted", "own")
"""Those of :data:`napari_glc.recovery.PATTERNS`; a mask given; nothing beyond what a file has lost already."""


@dataclass(frozen=True)
class LossPlan:
    """What is lost and how it is recovered.

    Attributes
    ----------
    ratio
        Mask ratio alpha, 0 to 1; means nothing for patterns ``painted`` and ``own``.
    pattern
        One of :data:`PATTERNS`.
    seed
        Of the loss and of sampling.
    method
        One of :data:`napari_glc.codecs.vqgan.filling.METHODS`.
    temperature
        Of sampling from the transformer; 0 takes the most probable index.
    top_k
        Sample from the most probable indices only; ``None`` from all.
    """

    ratio: float = 0.2
    pattern: str = "random"
    seed: int = 0
    method: str = "transformer"
    temperature: float = 0.0
    top_k: int | None = None

    def sampling(self) -> Sampling:
        """A fresh random sequence for the transformer."""
        return Sampling(self.temperature, self.top_k, self.seed)


def positions_of_mask(mask: NDArray[np.generic], source: MapSource) -> NDArray[np.bool_]:
    """Lost positions of a painted mask.

    Parameters
    ----------
    mask
        Non-zero where lost: one element a position ``(H, W)``, or one a pixel ``(Y, X)``, of which a single one
        loses its position.
    source
        What is painted on.

    Raises
    ------
    OptionError
        If the mask has neither shape.
    """
    from skimage.measure import block_reduce

    painted = np.asarray(mask != 0, np.bool_)
    shape, pixels = source.found.indices.shape, (source.grid.height, source.grid.width)
    if painted.shape == shape:
        return painted
    if painted.shape != pixels:
        raise OptionError(
            f"a painted mask has one element for each index {shape} or for each pixel {pixels}, not {painted.shape}"
        )
    return np.asarray(block_reduce(painted, source.codec.config.factor, np.any), np.bool_)


def lost_by(source: MapSource, plan: LossPlan, painted: NDArray[np.generic] | None = None) -> NDArray[np.bool_]:
    """Positions ``(H, W)`` a plan loses, and those lost already.

    Parameters
    ----------
    source, plan
        Of what, and how.
    painted
        For pattern ``painted``; see :func:`positions_of_mask`.

    Raises
    ------
    OptionError
        If the pattern is unknown, the ratio out of its range or the mask missing.
    """
    shape = source.found.indices.shape
    drawn: NDArray[np.bool_]
    if plan.pattern == "own":
        drawn = np.zeros(shape, np.bool_)
    elif plan.pattern == "painted":
        if painted is None:
            raise OptionError("pattern 'painted' needs a mask")
        drawn = positions_of_mask(painted, source)
    else:
        drawn = recovery.lost_positions(
            (shape[0], shape[1]), plan.ratio, plan.pattern, seed=plan.seed, packet=source.packet
        )
    return np.logical_or(drawn, source.found.lost)
