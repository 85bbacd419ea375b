"""What may be chosen of ``glc``: how long the encoder works, an encoder that restores, a generator that paints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Self

from ...models import ModelFile
from ..options import EFFORT, FAST_DECODING, FAST_ENCODING, CodecOptions, Knob, OptionSet
from ..part_names import NONE, names_of_parts
from ..parts import fitting_part
from .parts import DECODER

__all__ = ["GlcDecoding", "GlcOptions"]


@dataclass(frozen=True, kw_only=True)
class GlcOptions(CodecOptions):
    """Of codec ``glc``; see :class:`~napari_glc.codecs.options.CodecOptions`.

    Attributes
    ----------
    effort
        See :mod:`napari_glc.codecs.glc.effort`.
    restore
        An encoder that leaves something out; the file's metadata says what.
    noise
        How strong the noise is; an encoder of noise that is not there changes nothing.
    fast
        Imported models encode with half the digits.
    """

    effort: Annotated[int, EFFORT] = 0

    restore: Annotated[
        str,
        Knob(
            "an encoder that leaves something out of the picture, for good: what it takes for noise is not in the file",
            offered=names_of_parts("glc", "encoder"),
            stored=False,
        ),
    ] = NONE

    noise: Annotated[
        float,
        Knob(
            "standard deviation of the noise that restore=denoise takes out, in grey levels; 0 estimates it",
            least=0.0,
            most=100.0,
            stored=False,
        ),
    ] = 0.0

    fast: Annotated[bool, FAST_ENCODING] = False

    @property
    def noise_level(self) -> float:
        """See :attr:`~napari_glc.codecs.options.CodecOptions.noise_level`."""
        return self.noise

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
    fast
        Imported models decode with half the digits.
    """

    style: Annotated[
        str,
        Knob(
            "paint the picture in the manner of a painting; not for looking at data",
            offered=names_of_parts("glc", "decoder"),
        ),
    ] = NONE
    strength: Annotated[float, Knob("how much of the style", least=0.0, most=1.0, slider=True)] = 1.0
    fast: Annotated[bool, FAST_DECODING] = False

    def check_model(self, model: ModelFile) -> None:
        """See :meth:`~napari_glc.codecs.options.OptionSet.check_model`."""
        if self.style != NONE:
            fitting_part(model, self.style, "decoder", DECODER)

    def measured(self) -> Self:
        """Without a style."""
        return replace(self, style=NONE)
