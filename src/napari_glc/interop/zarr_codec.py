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

from ..errors import MissingDependencyError
from .chunk_options import ChunkOptions

try:
    from zarr.abc.codec import ArrayBytesCodec
    from zarr.registry import register_codec
except ImportError as missing:
    raise MissingDependencyError("zarr 3 is not installed: pip install napari-glc[zarr]") from missing

__all__ = ["GlcZarrCodec"]

NAME = "glc"


@dataclass(frozen=True, init=False)
class GlcZarrCodec(ArrayBytesCodec):
    """Chunks as ``.glc`` files.

    Parameters
    ----------
    quality
        0 to 100.
    **options
        Other fields of :class:`~napari_glc.interop.chunk_options.ChunkOptions`, and options of the codec.
    """

    is_fixed_size = False

    options: ChunkOptions

    def __init__(self, quality: float = 50.0, **options: Any) -> None:
        object.__setattr__(self, "options", ChunkOptions.made({"quality": quality, **options}))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GlcZarrCodec:
        """The codec an array's metadata names."""
        return cls(**dict(data.get("configuration") or {}))

    def to_dict(self) -> dict[str, Any]:
        """What an array's metadata says of the codec."""
        return {"name": NAME, "configuration": self.options.to_json()}

    async def _encode_single(self, chunk_array: Any, chunk_spec: Any) -> Any:
        data = await asyncio.to_thread(self.options.encode, chunk_array.as_numpy_array())
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        array = await asyncio.to_thread(self.options.decode, chunk_bytes.to_bytes())
        wanted = chunk_spec.dtype.to_native_dtype()
        found = array.reshape(chunk_spec.shape).astype(wanted, copy=False)
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
