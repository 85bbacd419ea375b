"""Pictures of all kinds Pillow knows, as arrays of what is to be seen; what would not be that is refused."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedArrayError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["opaque", "picture_of"]

_SEVERAL_VIEWS = ("MPO",)
"""Photographs with a smaller copy or a second view behind them: the first is the picture."""
_PLAIN = ("1", "L", "RGB", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_REFUSED = {
    "CMYK": "CMYK, the amounts of four printing inks; convert it to RGB first, with its colour profile",
    "LAB": "L*a*b* colours; convert it to RGB first",
    "HSV": "HSV colours; convert it to RGB first",
    "YCbCr": "YCbCr colours; convert it to RGB first",
}


def picture_of(data: bytes) -> NDArray[Any]:
    """The array of a picture file's bytes, upright: ``(Y, X)`` or ``(Y, X, 3)``.

    Palettes become RGB, an alpha channel that hides nothing is dropped, 1-bit pictures are boolean.

    Raises
    ------
    UnsupportedArrayError
        If the file holds several frames, transparent parts, colours other than RGB, or more bits than Pillow reads.
    OSError, ValueError
        Whatever Pillow raises for what is no picture.
    """
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data)) as image:
        if (obstacle := _obstacle(image)) is not None:
            raise UnsupportedArrayError(obstacle)
        upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        pixels = opaque(np.asarray(upright.convert("RGBA")))
        # grey and alpha is grey, not a colour
        return pixels[..., 0].copy() if upright.mode in ("LA", "La", "L", "1") else pixels
    if upright.mode not in _PLAIN:
        upright = upright.convert("RGB")
    pixels = np.asarray(upright)
    if upright.mode == "I" and image.format in ("PNG", "PPM"):
        # Pillow gives 16 bits 32 of its own
        pixels = pixels.astype(np.uint16)
    return pixels.astype(pixels.dtype.newbyteorder("="))


def opaque(pixels: NDArray[Any]) -> NDArray[Any]:
    """RGB of RGBA ``(Y, X, 4)`` whose alpha hides nothing.

    Raises
    ------
    UnsupportedArrayError
        If it hides something.
    """
    import numpy as np

    most = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    if (pixels[..., 3] != most).any():
        raise UnsupportedArrayError(
            "parts of it are transparent, which cannot be coded: remove its alpha channel first, and keep the alpha in "
            "a lossless file"
        )
    return np.ascontiguousarray(pixels[..., :3])


def _obstacle(image: Image) -> str | None:
    """Why the array Pillow would give is not the picture."""
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1 and image.format not in _SEVERAL_VIEWS:
        return f"it holds {frames} frames; save the one you want as PNG, or all of them as a TIFF stack"
    if image.mode in _REFUSED:
        return f"it holds {_REFUSED[image.mode]}"
    said = [tile[3] for tile in getattr(image, "tile", ())]
    raw = [words if isinstance(words, str) else words[0] for words in said if words]
    numbers = [n for words in said if isinstance(words, tuple) for n in words if isinstance(n, int)]
    if any(";16" in str(mode) for mode in raw) and image.mode in ("RGB", "RGBA", "LA"):
        return f"it holds {image.mode} samples of 16 bits, of which 8 would be read; save it as TIFF"
    if image.format == "PPM" and any(most > 255 for most in numbers):
        return f"it holds samples from 0 to {max(numbers)}, which would be read as others; save it as TIFF or PNG"
    return None
