"""Ordinary picture files: what the shell reads and writes beside ``.glc``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._atomic import write_atomically
from ..errors import OptionError, UnsupportedArrayError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["READABLE", "read_picture", "write_picture"]

READABLE = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")


def read_picture(path: Path) -> NDArray[Any]:
    """Read a picture with imageio; an alpha channel that hides nothing is dropped.

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
    try:
        picture = iio.imread(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise UnsupportedArrayError(f"{path} cannot be read as a picture: {error}") from error
    if picture.ndim == 3 and picture.shape[2] == 4 and picture[..., 3].min() == 255:
        picture = picture[..., :3]
    return picture


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture in the format its name says, atomically.

    Raises
    ------
    OptionError
        If imageio has no writer for the name.
    """
    import imageio.v3 as iio

    if not path.suffix:
        raise OptionError(f"{path} has no suffix to tell the format; try {path}.png")
    data: bytes | None = None
    with contextlib.suppress(OSError, ValueError, KeyError):
        data = iio.imwrite("<bytes>", picture, extension=path.suffix.lower())
    if data is None:
        raise OptionError(f"no picture format is known for {path.name}; try a name that ends in .png")
    write_atomically(path, data)
