"""Where the streams of a payload end; needs no network."""

from __future__ import annotations

from ...container import Box
from ...networks.config import VqganConfig
from ..base import PlaneCoding

__all__ = ["stream_sizes"]


def stream_sizes(config: VqganConfig, payload: bytes, coding: PlaneCoding, box: Box) -> dict[str, int]:
    """Bytes of the indices in a packet, and of the coder's own checksum."""
    checks = 1 if coding.options.index_coder == "transformer" else 0
    return {"indices": len(payload) - checks, "checks": checks}
