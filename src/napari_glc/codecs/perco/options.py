"""What a user may choose of ``perco``."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import CodecOptions

__all__ = ["PercoOptions"]


@dataclass(frozen=True, kw_only=True)
class PercoOptions(CodecOptions):
    """Nothing yet."""
