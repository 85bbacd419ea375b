"""What may be chosen of ``glc``: an encoder that restores, a generator that paints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

from ..options import CodecOptions, Knob, OptionSet
from ..part_names import NONE, names_of_parts

__all__ = ["GlcDecoding", "GlcOptions"]


@dataclass(frozen=True, kw_only=True)
class GlcOptions(CodecOptions):
    """Of codec ``glc``; see :class:`~napari_glc.codecs.options.CodecOptions`.

    Attributes
    ----------
    restore
        An encoder that leaves something out; the file's metadata says what.
    """

    restore: Annotated[
        str,
        Knob(
            "an encoder that leaves something out of the picture, for good: what it takes for noise is not in the file",
            offered=names_of_parts("glc", "encoder"),
            stored=False,
        ),
    ] = NONE

    @property
    def encoder(self) -> str:
        """See :attr:`~napari_glc.codecs.options.CodecOptions.encoder`."""
        return self.restore


@dataclass(frozen=True, kw_only=True)
class GlcDecoding(OptionSet):
    """Of codec ``glc``, for decoding.

    Attributes
    ----------
    style
        A generator that paints, in the place of the model's own.
    strength
        Share of it in the mixture of both generators' weights.
    """

    style: Annotated[
        str,
        Knob(
            "paint the picture in the manner of a painting; not for looking at data",
            offered=names_of_parts("glc", "decoder"),
        ),
    ] = NONE
    strength: Annotated[float, Knob("how much of the style, 0 to 1", least=0.0, most=1.0)] = 1.0

    def measured(self) -> Self:
        """Without a style."""
        return replace(self, style=NONE)
