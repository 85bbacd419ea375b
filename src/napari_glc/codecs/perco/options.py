"""What a user may choose of ``perco``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

from ..options import CodecOptions, Knob, OptionSet

__all__ = ["MOST_STEPS", "PercoDecoding", "PercoOptions"]

MOST_STEPS = 250
_SEED_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class PercoOptions(CodecOptions):
    """The seed of the noise is in the file, so that everybody sees the same picture."""

    noise_seed: Annotated[
        int,
        Knob(
            "of the noise that the picture is painted from; the file says it", least=0, most=(1 << 8 * _SEED_BYTES) - 1
        ),
    ] = 0

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
