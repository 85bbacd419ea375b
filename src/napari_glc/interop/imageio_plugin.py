"""``.glc`` for imageio: import this module once and ``imageio.v3`` reads and writes it.

>>> import napari_glc.interop.imageio_plugin
>>> import imageio.v3 as iio
>>> picture = iio.imread("picture.glc")              # doctest: +SKIP
>>> iio.imwrite("copy.glc", picture, quality=30)     # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from imageio.config import FileExtension, PluginConfig, extension_list, known_extensions, known_plugins
from imageio.core.request import URI_BYTES, URI_FILENAME, InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3
from numpy.typing import NDArray

from .._base.atomic import write_atomically
from ..api import encode
from ..container.header import MAGIC
from ..errors import OptionError
from ..files.opened import GlcFile

__all__ = ["GlcPlugin", "register"]


class GlcPlugin(PluginV3):
    """One picture a file.

    Parameters
    ----------
    request
        imageio's request.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        if request.mode.io_mode is IOMode.read:
            stream = request.get_file()
            if stream.read(len(MAGIC)) != MAGIC:
                raise InitializationError("not a GLC file")
        elif request.extension != ".glc":
            raise InitializationError("GLC files end in .glc")

    def _open(self, index: int | None, **decoding: Any) -> GlcFile:
        if index not in (0, None, ...):
            raise OptionError(f"a GLC file holds one picture, so there is no picture {index}")
        stream = self.request.get_file()
        stream.seek(0)
        return GlcFile(stream.read(), **decoding)

    def read(self, *, index: int | None = 0, preview: bool = False, **decoding: Any) -> NDArray[np.uint8]:
        """Decode the picture; `preview` decodes the hyper streams only, others are of :func:`napari_glc.decode`."""
        return self._open(index, **decoding).read(preview=preview)

    def iter(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the one picture."""
        yield self.read()

    def write(self, ndimage: Any, **options: Any) -> bytes | None:
        """Encode a picture with the options of :func:`napari_glc.encode`."""
        if isinstance(ndimage, list):
            if len(ndimage) != 1:
                raise OptionError(f"a GLC file holds one picture, not {len(ndimage)}")
            ndimage = ndimage[0]
        data = encode(ndimage, **options)
        if self.request._uri_type == URI_FILENAME:
            # not through imageio's handle, which has emptied the old file by now if it was asked for
            write_atomically(Path(self.request.get_local_filename()), data)
            return None
        self.request.get_file().write(data)
        return data if self.request._uri_type == URI_BYTES else None

    def properties(self, index: int | None = 0) -> ImageProperties:
        """Shape and type, without decoding."""
        file = self._open(index)
        return ImageProperties(shape=file.shape, dtype=file.dtype, n_images=1, is_batch=False)

    def metadata(self, index: int | None = 0, exclude_applied: bool = True) -> dict[str, Any]:
        """Codec, model, quality, bytes, bpp and the layer metadata, without decoding."""
        file = self._open(index)
        return file.metadata | file.facts()


def register() -> None:
    """Tell imageio about ``.glc``; safe to call twice."""
    if "napari-glc" in known_plugins:
        return
    known_plugins["napari-glc"] = PluginConfig(
        name="napari-glc", class_name="GlcPlugin", module_name="napari_glc.interop.imageio_plugin"
    )
    extension = FileExtension(name="Generative latent coding", extension=".glc", priority=["napari-glc"])
    extension_list.append(extension)
    known_extensions.setdefault(".glc", []).append(extension)


register()
