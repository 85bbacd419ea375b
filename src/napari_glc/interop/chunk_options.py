"""How chunks of Zarr arrays are coded: one declaration for both versions of Zarr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..codecs.registry import DEFAULT_CODEC, codec_named
from ..errors import OptionError

__all__ = ["ChunkOptions"]


@dataclass(frozen=True)
class ChunkOptions:
    """Chunks as ``.glc`` files; the last two axes of an array (before RGB samples) are rows and columns.

    Attributes
    ----------
    quality
        0 to 100.
    codec, model
        See :func:`napari_glc.encode`.
    rgb
        Whether the last axis holds the samples of RGB; a chunk must hold all three.
    value_range
        What becomes 0 and 255; ``None`` for the extremes of each chunk (uint8 as it is). A name or two numbers as for
        :func:`napari_glc.encode`.
    options
        Of the codec.
    """

    quality: float = 50.0
    codec: str = DEFAULT_CODEC
    model: str | None = None
    rgb: bool = False
    value_range: str | tuple[float, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def made(cls, given: Mapping[str, Any]) -> Self:
        """From names and values, those of the codec's own options among them.

        Raises
        ------
        OptionError
            If a name is unknown or a value not allowed.
        """
        own = {f.name for f in fields(cls)} - {"options"}
        known = {name: value for name, value in given.items() if name in own}
        codec = codec_named(str(known.get("codec", DEFAULT_CODEC)))
        theirs = {name: value for name, value in given.items() if name not in own}
        try:
            chosen = codec.options.made(codec.name, theirs)
        except OptionError as error:
            raise OptionError(f"{error}; update napari-glc if another version wrote them") from error
        if isinstance(known.get("value_range"), list):
            known["value_range"] = tuple(known["value_range"])
        known["quality"] = float(known.get("quality", cls.quality))
        return cls(**known, options={name: getattr(chosen, name) for name in theirs})

    def to_json(self) -> dict[str, Any]:
        """What an array's metadata says; defaults that were not given are left out but for quality, codec and rgb."""
        found: dict[str, Any] = {"quality": self.quality, "codec": self.codec, "rgb": self.rgb}
        if self.model is not None:
            found["model"] = self.model
        if self.value_range is not None:
            found["value_range"] = self.value_range if isinstance(self.value_range, str) else list(self.value_range)
        return found | dict(self.options)

    def encode(self, chunk: NDArray[Any]) -> bytes:
        """A chunk as a file."""
        from ..api import encode

        return encode(
            chunk,
            axes=_chunk_axes(chunk.ndim, self.rgb),
            quality=self.quality,
            codec=self.codec,
            model=self.model,
            value_range=self.value_range,
            levels=1,
            **self.options,
        )

    @staticmethod
    def decode(data: bytes) -> NDArray[Any]:
        """A file as a chunk."""
        from ..api import decode

        return np.ascontiguousarray(decode(data))


def _chunk_axes(ndim: int, rgb: bool) -> str:
    """Axes of a chunk, which has no names for them."""
    letters = "WVUQPTCZYX"[-(ndim - rgb) :]
    return letters + ("S" if rgb else "")
