"""Measures of a decoded picture against its original, as many at once as are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .measures import pair_measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ALWAYS", "feature_distances", "measured", "measures_with"]

ALWAYS = ("squeezenet", "ms_ssim", "psnr")
"""What can be measured with nothing but the package, what our codecs are judged by first."""


def measures_with(features: Path | None) -> tuple[str, ...]:
    """What is measured if nobody says what: all that needs no network but those of a folder."""
    return ALWAYS if features is None else ("squeezenet", "darknet", "ms_ssim", "psnr")


def measured(
    original: NDArray[np.uint8],
    decoded: NDArray[np.uint8],
    names: Sequence[str] = ALWAYS,
    features: Path | None = None,
) -> dict[str, float]:
    """Measures of a pair.

    Parameters
    ----------
    original, decoded
        uint8, ``(Y, X)`` or ``(Y, X, 3)``, of equal shape.
    names
        Of measures of pairs (:data:`napari_glc.metrics.MEASURES`).
    features
        Folder of feature networks, for those that need it.
    """
    return {name: pair_measure(name, features)(original, decoded) for name in names}


def feature_distances(
    folder: Path | None,
) -> dict[str, Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]]:
    """The perceptual distances whose networks lie in a folder; for ``None`` the one that comes with the package."""
    names = ("squeezenet",) if folder is None else ("squeezenet", "darknet")
    return {name: pair_measure(name, folder) for name in names}
