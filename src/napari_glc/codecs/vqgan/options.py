"""What may be chosen for index maps, and its byte in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from ..options import EFFORT, FAST_DECODING, FAST_ENCODING, CodecOptions, Knob, OptionSet

__all__ = ["AUTO", "INDEX_CODERS", "MAX_PACKETS", "VqganDecoding", "VqganOptions"]

AUTO = "auto"
"""Index coder: whichever gives the fewest bytes."""
INDEX_CODERS = ("fixed", "zip", "adaptive", "transformer")
"""By their numbers in the file."""
MAX_PACKETS = 64
"""Beyond that a packet of a tile holds less than its checksum."""
_UNSTORED = "transformer"


@dataclass(frozen=True, kw_only=True)
class VqganOptions(CodecOptions):
    """Of codec ``vqgan``; see :class:`~napari_glc.codecs.options.CodecOptions`.

    Attributes
    ----------
    index_coder
        How the index map is coded without loss.
    packets
        Parts of each tile, any of which can be lost while the others are still decoded.
    effort
        See :mod:`napari_glc.codecs.vqgan.effort`.
    fast
        Imported models encode with half the digits.
    """

    index_coder: Annotated[
        Literal["auto", "fixed", "zip", "adaptive", "transformer"],
        Knob("lossless coding of the index map, which its pixels do not depend on; auto takes the smallest"),
    ] = "auto"
    packets: Annotated[
        int,
        Knob(
            "parts of each tile, any of which can be lost while the others are still decoded", least=1, most=MAX_PACKETS
        ),
    ] = 1
    effort: Annotated[int, EFFORT] = 0
    fast: Annotated[bool, FAST_ENCODING] = False

    def pack(self) -> bytes:
        """One byte, the number of the index coder; none for the transformer, which is nearly always the smallest."""
        return b"" if self.index_coder == _UNSTORED else bytes([INDEX_CODERS.index(self.index_coder)])

    @classmethod
    def unpack(cls, data: bytes, packets: int) -> Self:
        """See :meth:`~napari_glc.codecs.options.CodecOptions.unpack`."""
        cls.refuse(len(data) > 1 or packets > MAX_PACKETS or (bool(data) and data[0] >= len(INDEX_CODERS)))
        name = INDEX_CODERS[data[0]] if data else _UNSTORED
        return cls(index_coder=name, packets=packets)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class VqganDecoding(OptionSet):
    """Of codec ``vqgan``, for decoding.

    Attributes
    ----------
    fast
        Imported models decode with half the digits.
    """

    fast: Annotated[bool, FAST_DECODING] = False
