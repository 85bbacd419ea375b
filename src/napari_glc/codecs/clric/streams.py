"""Where the streams of a payload end; needs no network."""

from __future__ import annotations

from ...container import Box
from ...errors import DamagedFileError
from ...networks.kl_config import KlConfig
from ..base import PlaneCoding
from .layout import grid_sizes

__all__ = ["check_size", "stream_sizes"]

_LEAST_BITS = 4.8e-4
"""Of a value: that of the likeliest one under the narrowest distribution
(:data:`~napari_glc.codecs.clric.layout.LEAST_LOG_SCALE`)."""
_FREE = 16
"""Bytes beyond which that is looked at."""


def check_size(config: KlConfig, payload: bytes, height: int, width: int) -> None:
    """Check that a tile has the bytes its grids take at least, before anything of their size is allocated.

    Parameters
    ----------
    config
        Of the model.
    payload
        Of the tile.
    height, width
        Latent positions of the tile.

    Raises
    ------
    DamagedFileError
        If it has not.
    """
    values = config.latent_channels * sum(rows * columns for rows, columns in grid_sizes(height, width))
    if not payload or 8 * (len(payload) + _FREE) < _LEAST_BITS * values:
        raise DamagedFileError(f"{len(payload)} bytes cannot hold the {values} values of a tile")


def stream_sizes(config: KlConfig, payload: bytes, coding: PlaneCoding, box: Box) -> dict[str, int]:
    """Bytes of grids and of the codec's own checksum in a tile.

    Raises
    ------
    DamagedFileError
        If the tile is empty.
    """
    if not payload:
        raise DamagedFileError("a tile has no grids")
    return {"grids": len(payload) - 1, "checks": 1}
