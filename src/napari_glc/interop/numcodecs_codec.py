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

try:
    from numcodecs.abc import Codec
    from numcodecs.compat import ensure_bytes, ndarray_copy
    from numcodecs.registry import register_codec
except ImportError as missing:
    raise MissingDependencyError("numcodecs is not installed: pip install napari-glc[zarr]") from missing

__all__ = ["GlcNumcodec", "chunk_axes"]


class GlcNumcodec(Codec):  # type: ignore[misc]
    """Chunks as ``.glc`` files; the last two axes of an array (before RGB samples) are rows and columns.

    Parameters
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

    codec_id = "glc"

    def __init__(
        self,
        quality: float = 50.0,
        codec: str = "glc",
        rgb: bool = False,
        value_range: str | tuple[float, float] | list[float] | None = None,
    ) -> None:
        self.quality, self.codec, self.rgb = float(quality), codec, bool(rgb)
        # JSON has no tuples, and a configuration that was read must equal the one that was written
        self.value_range = list(value_range) if isinstance(value_range, tuple) else value_range

    def encode(self, buf: Any) -> bytes:
        """A chunk as a file.

        Raises
        ------
        UnsupportedArrayError
            If the chunk has no rows and columns, as after a filter, or cannot be coded.
        """
        from ..api import encode

        array = np.asarray(buf)
        if array.ndim < 2 + self.rgb:
            raise UnsupportedArrayError("a chunk of codec 'glc' has rows and columns; it works without filters only")
        axes = chunk_axes(array.ndim, self.rgb)
        return encode(array, axes=axes, quality=self.quality, codec=self.codec, value_range=self.value_range, levels=1)

    def decode(self, buf: Any, out: Any = None) -> NDArray[Any]:
        """A file as a chunk."""
        from ..api import decode

        array = np.ascontiguousarray(decode(ensure_bytes(buf)))
        copied: NDArray[Any] = ndarray_copy(array, out)
        return copied


def chunk_axes(ndim: int, rgb: bool) -> str:
    """Axes of a chunk, which has no names for them."""
    letters = "WVUQPTCZYX"[-(ndim - rgb) :]
    return letters + ("S" if rgb else "")


register_codec(GlcNumcodec)
