"""What may be chosen for coefficients: a matter of the encoder alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..options import EFFORT, CodecOptions

__all__ = ["GlcOptions"]


@dataclass(frozen=True, kw_only=True)
class GlcOptions(CodecOptions):
    """Of codec ``glc``; see :class:`~napari_glc.codecs.options.CodecOptions`.

    Attributes
    ----------
    effort
        See :mod:`napari_glc.codecs.glc.effort`.
    """

    effort: Annotated[int, EFFORT] = 0
