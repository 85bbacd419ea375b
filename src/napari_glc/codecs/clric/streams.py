"""Where the streams of a payload end; needs no network."""

from __future__ import annotations

from ...container import Box
from ...networks.kl_config import KlConfig
from ..base import PlaneCoding
from .stated import read_parameters

__all__ = ["stream_sizes"]


def stream_sizes(config: KlConfig, payload: bytes, coding: PlaneCoding, box: Box) -> dict[str, int]:
    """Bytes of parameters, grids and the codec's own checksum in a tile.

    Raises
    ------
    DamagedFileError
        If the tile is too short for its parameters.
    """
    _, size = read_parameters(payload, config.latent_channels)
    return {"parameters": size, "grids": len(payload) - size - 1, "checks": 1}
