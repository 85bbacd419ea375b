"""Where the streams of a payload end; needs no network."""

from __future__ import annotations

from ...container import Box
from ...entropy.packed import packed_size
from ...errors import DamagedFileError
from ...networks.config import GlcConfig
from ..base import PlaneCoding

__all__ = ["check_size", "hyper_size", "stream_sizes"]


def hyper_size(config: GlcConfig, height: int, width: int) -> int:
    """Bytes of the hyper stream of a tile of `height` x `width` latent positions."""
    return packed_size((height // 4) * (width // 4), config.hyper_codewords)


def check_size(config: GlcConfig, payload: bytes, height: int, width: int) -> None:
    """Refuse a payload too short for a tile of `height` x `width` latent positions.

    Raises
    ------
    DamagedFileError
        If it cannot even hold the hyper stream and the checksum.
    """
    if len(payload) < hyper_size(config, height, width) + 1:
        raise DamagedFileError(f"a tile of {len(payload)} bytes is shorter than its hyper stream")


def stream_sizes(config: GlcConfig, payload: bytes, coding: PlaneCoding, box: Box) -> dict[str, int]:
    """Bytes of hyper indices, symbols and the codec's own checksum in a tile.

    Raises
    ------
    DamagedFileError
        If the tile is too short for them.
    """
    cells, side = box.divided(config.hyper_factor), config.hyper_factor // config.factor
    height, width = cells.height * side, cells.width * side
    check_size(config, payload, height, width)
    hyper = hyper_size(config, height, width)
    return {"hyper": hyper, "symbols": len(payload) - hyper - 1, "checks": 1}
