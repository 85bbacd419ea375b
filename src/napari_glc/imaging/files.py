"""Ordinary picture files: what the shell reads and writes beside ``.glc``."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._base.atomic import write_atomically
from ..errors import OptionError, UnsupportedArrayError
from .pictures import opaque, picture_of
from .tiff import check_colours

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
        If it is no picture, or cannot be read as it is meant; see :func:`~napari_glc.imaging.pictures.picture_of`.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    data = path.read_bytes()
    try:
        return _tiff_pixels(data) if path.suffix.lower() in _TIFF else picture_of(data)
    except (OSError, ValueError, RuntimeError, struct.error, SyntaxError) as error:
        raise UnsupportedArrayError(f"{path} cannot be read as a picture: {error}") from error
    except UnsupportedArrayError as error:
        raise UnsupportedArrayError(f"{path}: {error}") from error


def _tiff_pixels(data: bytes) -> NDArray[Any]:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        check_colours(tiff.series[0].keyframe)
        pixels: NDArray[Any] = tiff.series[0].asarray()
    return opaque(pixels) if pixels.ndim == 3 and pixels.shape[2] == 4 else pixels


def write_picture(path: Path, picture: NDArray[np.uint8], extras: Mapping[str, bytes] | None = None) -> None:
    """Write a picture in the format its name says, atomically.

    Parameters
    ----------
    path
        Target.
    picture
        ``(Y, X)`` or ``(Y, X, 3)``.
    extras
        ``icc_profile`` and ``exif``, which go into formats that hold them: PNG, JPEG, WebP, and the profile into TIFF.

    Raises
    ------
    OptionError
        If the suffix is not one of :data:`READABLE`.
    """
    import imageio.v3 as iio

    given: dict[str, Any] = dict(extras or {})
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise OptionError(f"{path.name} names no picture format this program writes; try {path.stem}.png")
    if suffix in _TIFF:
        profile = given.get("icc_profile")
        data = iio.imwrite("<bytes>", picture, plugin="tifffile", extension=suffix, iccprofile=profile)
    else:
        try:
            data = iio.imwrite("<bytes>", picture, plugin="pillow", extension=suffix, **given)
        except (ValueError, SyntaxError, struct.error):
            if not given:
                raise
            # extras of some file or other that this format cannot hold: the picture matters more
            data = iio.imwrite("<bytes>", picture, plugin="pillow", extension=suffix)
    write_atomically(path, data)
