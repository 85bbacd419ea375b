"""Zarr v3 stores chunks in GLC: an array-to-bytes codec named ``glc``.

>>> from napari_glc.interop.zarr_codec import GlcZarrCodec
>>> GlcZarrCodec(quality=30).to_dict()["configuration"]["quality"]
30.0

Each chunk becomes a whole ``.glc`` file. Any Zarr reader that has this package installed opens the array: the
codec is registered by an entry point.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import MissingDependencyError, OptionError

try:
    from zarr.abc.codec import ArrayBytesCodec
    from zarr.registry import register_codec
except ImportError as missing:
    raise MissingDependencyError("zarr 3 is not installed: pip install napari-glc[zarr]") from missing

from .numcodecs_codec import chunk_axes

__all__ = ["GlcZarrCodec"]

NAME = "glc"


@dataclass(frozen=True)
class GlcZarrCodec(ArrayBytesCodec):
    """Chunks as ``.glc`` files; the last two axes of an array (before RGB samples) are rows and columns.

    Attributes
    ----------
    quality
        0 to 100.
    codec
        ``"glc"`` or ``"vqgan"``.
    rgb
        Whether the last axis holds the samples of RGB; a chunk must hold all three.
    value_range
        What becomes 0 and 255; ``None`` for the extremes of each chunk (uint8 as it is). A name or two numbers as for
        :func:`napari_glc.encode`.
    """

    is_fixed_size = False

    quality: float = 50.0
    codec: str = "glc"
    rgb: bool = False
    value_range: str | tuple[float, float] | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GlcZarrCodec:
        """The codec an array's metadata names."""
        known = dict(data.get("configuration") or {})
        unknown = known.keys() - {"quality", "codec", "rgb", "value_range"}
        if unknown:
            raise OptionError(f"the codec 'glc' has no options {', '.join(sorted(unknown))}: update napari-glc")
        if isinstance(known.get("value_range"), list):
            known["value_range"] = tuple(known["value_range"])
        return cls(**known)

    def to_dict(self) -> dict[str, Any]:
        """What an array's metadata says of the codec."""
        configuration: dict[str, Any] = {"quality": float(self.quality), "codec": self.codec, "rgb": self.rgb}
        if self.value_range is not None:
            known = self.value_range
            configuration["value_range"] = known if isinstance(known, str) else list(known)
        return {"name": NAME, "configuration": configuration}

    async def _encode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
        from ..api import encode

        array = chunk_array.as_numpy_array()
        data = await asyncio.to_thread(
            encode,
            array,
            axes=chunk_axes(array.ndim, self.rgb),
            quality=self.quality,
            codec=self.codec,
            value_range=self.value_range,
            levels=1,
        )
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        from ..api import decode

        array = await asyncio.to_thread(decode, chunk_bytes.to_bytes())
        wanted = chunk_spec.dtype.to_native_dtype()
        found = np.ascontiguousarray(array.reshape(chunk_spec.shape)).astype(wanted, copy=False)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(found)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Not known before encoding.

        Raises
        ------
        NotImplementedError
            Always, as Zarr expects.
        """
        raise NotImplementedError


register_codec(NAME, GlcZarrCodec)
