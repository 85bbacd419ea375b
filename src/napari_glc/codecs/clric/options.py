"""What a user may choose of ``clric``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..options import CodecOptions, Knob

__all__ = ["ClricOptions"]


@dataclass(frozen=True, kw_only=True)
class ClricOptions(CodecOptions):
    """The effort of the encoder, which no decoder needs to know: the file does not hold it."""

    effort: Annotated[
        int, Knob("how long each tile is fitted: 0 not at all, 9 some minutes", 0, 9, "E&ffort", stored=False)
    ] = 5
