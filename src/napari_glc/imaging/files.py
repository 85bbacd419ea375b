"""Ordinary picture files: what the shell reads and writes beside ``.glc``."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._base.atomic import write_atomically
from ..errors import OptionError, UnsupportedArrayError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["READABLE", "read_picture", "write_picture"]

_TIFF = (".tif", ".tiff")
READABLE = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")


def read_picture(path: Path) -> NDArray[Any]:
    """Read a picture as it is meant to be seen, upright; an alpha channel that hides nothing is dropped.

    Raises
    ------
    OSError
        If there is no such file.
    UnsupportedArrayError
        If it is no picture imageio reads.
    """
    import imageio.v3 as iio

    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    data = path.read_bytes()
    is_tiff = path.suffix.lower() in _TIFF
    try:
        picture = iio.imread(data, plugin="tifffile") if is_tiff else iio.imread(data, plugin="pillow", rotate=True)
    except (OSError, ValueError, RuntimeError, struct.error) as error:
        raise UnsupportedArrayError(f"{path} cannot be read as a picture: {error}") from error
    if picture.ndim == 3 and picture.shape[2] == 4 and picture[..., 3].min() == 255:
        picture = picture[..., :3]
    return picture


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture in the format its name says, atomically.

    Raises
    ------
    OptionError
        If the suffix is not one of :data:`READABLE`.
    """
    import imageio.v3 as iio

    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise OptionError(f"{path.name} names no picture format this program writes; try {path.stem}.png")
    plugin = "tifffile" if suffix in _TIFF else "pillow"
    write_atomically(path, iio.imwrite("<bytes>", picture, plugin=plugin, extension=suffix))
