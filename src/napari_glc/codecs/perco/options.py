"""What a user may choose of ``perco``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

from ...errors import OptionError
from ..options import CodecOptions, Knob, OptionSet

if TYPE_CHECKING:
    from ...models import ModelFile

__all__ = ["MOST_STEPS", "PercoDecoding", "PercoOptions"]

MOST_STEPS = 250
_SEED_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class PercoOptions(CodecOptions):
    """The seed of the noise is in the file, so that everybody sees the same picture.

    Attributes
    ----------
    noise_seed
        Of the noise.
    caption, captioner
        What the picture shows, for models that understand words; a stream of each plane holds it.
    """

    noise_seed: Annotated[
        int,
        Knob(
            "of the noise that the picture is painted from; the file says it",
            least=0,
            most=(1 << 8 * _SEED_BYTES) - 1,
            label="Noise see&d",
        ),
    ] = 0
    caption: Annotated[
        str,
        Knob(
            "what the picture shows, in at most 75 words or parts of words; for published models",
            label="Capt&ion",
            stored=False,
        ),
    ] = ""
    captioner: Annotated[
        str,
        Knob(
            "folder of a captioning model (transformers: BLIP-2 and its like) that looks at each plane; for published "
            "models",
            label="Captio&ner",
            stored=False,
        ),
    ] = ""

    @property
    def plane_streams(self) -> bool:
        """Planes of a file with captions have one each."""
        return bool(self.caption.strip() or self.captioner)

    def settled(self, model: ModelFile) -> Self:
        """See :meth:`~napari_glc.codecs.options.CodecOptions.settled`.

        Raises
        ------
        OptionError
            If the model understands no words, there are two captions, or what is typed is no text.
        MissingDependencyError, ModelError
            If the captioning model cannot be used.
        """
        if not self.plane_streams:
            return self
        from ...networks.perco_config import PercoConfig
        from .caption import check_caption

        if model.network_config(PercoConfig).published is None:
            raise OptionError(f"model {model.name!r} understands no words: captions are for published models")
        if self.caption.strip() and self.captioner:
            raise OptionError("a caption and a captioning model are given: choose one")
        check_caption(self.caption)
        if self.captioner:
            from .captioning import check_captioner

            check_captioner(self.captioner)
        return self

    def pack(self) -> bytes:
        """The seed, least byte first, without zeros at the end; none for zero."""
        return self.noise_seed.to_bytes(_SEED_BYTES, "little").rstrip(b"\0")

    @classmethod
    def unpack(cls, data: bytes, packets: int) -> Self:
        """See :meth:`~napari_glc.codecs.options.CodecOptions.unpack`."""
        cls.refuse(len(data) > _SEED_BYTES or data.endswith(b"\0") or packets != 1)
        return cls(noise_seed=int.from_bytes(data, "little"))


@dataclass(frozen=True, kw_only=True)
class PercoDecoding(OptionSet):
    """How the picture is painted; the file does not say."""

    steps: Annotated[
        int, Knob("steps of the sampler: the fewer, the quicker; 0 takes what suits the rate", least=0, most=MOST_STEPS)
    ] = 0
    guidance: Annotated[
        float,
        Knob(
            "how much the description counts: 1 as in training, more exaggerates; 0 takes the model's", least=0, most=10
        ),
    ] = 0.0
