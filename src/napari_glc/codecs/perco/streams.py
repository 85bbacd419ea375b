"""Where the streams of a payload end; needs no network."""

from __future__ import annotations

from ...container import Box
from ...entropy.packed import packed_size
from ...networks.perco_config import DESCRIBER_LEVELS, PercoConfig
from ..base import PlaneCoding
from .caption import unpack_caption

__all__ = ["description_size", "stream_sizes", "told"]


def description_size(config: PercoConfig) -> int:
    """Bytes of the description of a tile."""
    return packed_size(config.describers, DESCRIBER_LEVELS)


def stream_sizes(config: PercoConfig, payload: bytes, coding: PlaneCoding, box: Box) -> dict[str, int]:
    """Bytes of description and hyper-latent in a tile."""
    if config.published is not None:
        return {"hyper-latent": len(payload)}
    described = min(len(payload), description_size(config))
    return {"description": described, "hyper-latent": len(payload) - described}


def told(coding: PlaneCoding) -> dict[str, str]:
    """The caption of a plane.

    Raises
    ------
    DamagedFileError
        If it is none.
    """
    text = unpack_caption(coding.plane_stream)
    return {"caption": text} if text else {}
