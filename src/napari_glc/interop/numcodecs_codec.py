"""Zarr v2 stores chunks in GLC: a codec for numcodecs named ``glc``.

>>> from napari_glc.interop.numcodecs_codec import GlcNumcodec
>>> GlcNumcodec(quality=30).get_config()["quality"]
30.0

To be used as the only ``compressor`` of an array, without filters. Each chunk becomes a whole ``.glc`` file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingDependencyError, UnsupportedArrayError
from .chunk_options import ChunkOptions

try:
    from numcodecs.abc import Codec
    from numcodecs.compat import ensure_bytes, ndarray_copy
    from numcodecs.registry import register_codec
except ImportError as missing:
    raise MissingDependencyError("numcodecs is not installed: pip install napari-glc[zarr]") from missing

__all__ = ["GlcNumcodec"]


class GlcNumcodec(Codec):  # type: ignore[misc]
    """Chunks as ``.glc`` files.

    Parameters
    ----------
    quality
        0 to 100.
    **options
        Other fields of :class:`~napari_glc.interop.chunk_options.ChunkOptions`, and options of the codec.
    """

    codec_id = "glc"

    def __init__(self, quality: float = 50.0, **options: Any) -> None:
        self.options = ChunkOptions.made({"quality": quality, **options})

    def get_config(self) -> dict[str, Any]:
        """What an array's metadata says of the codec."""
        return {"id": self.codec_id, **self.options.to_json()}

    def encode(self, buf: Any) -> bytes:
        """A chunk as a file.

        Raises
        ------
        UnsupportedArrayError
            If the chunk has no rows and columns, as after a filter, or cannot be coded.
        """
        array = np.asarray(buf)
        if array.ndim < 2 + self.options.rgb:
            raise UnsupportedArrayError("a chunk of codec 'glc' has rows and columns; it works without filters only")
        return self.options.encode(array)

    def decode(self, buf: Any, out: Any = None) -> NDArray[Any]:
        """A file as a chunk."""
        copied: NDArray[Any] = ndarray_copy(self.options.decode(ensure_bytes(buf)), out)
        return copied


register_codec(GlcNumcodec)
