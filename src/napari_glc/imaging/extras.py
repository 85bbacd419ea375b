"""What picture files hold beside pixels: the colour profile, and what the camera says (EXIF).

Either is easily larger than a whole ``.glc`` file, so nobody gets it unasked. Kept, they are base64 under ``"icc"`` and
``"exif"`` in the file's metadata, and go back into pictures that are decoded from it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["EXTRAS", "extras_in_words", "extras_of_picture", "stored_extras", "without_extras"]

EXTRAS = {"icc": "colour profile", "exif": "EXIF"}
"""Keys of the metadata, and what they are called."""
_KEYWORDS = {"icc": "icc_profile", "exif": "exif"}
"""What Pillow calls them."""
_ORIENTATION = 0x0112
_SPACES = (b"RGB ", b"GRAY")
"""Colour spaces of profiles that fit the pixels that are coded."""


def extras_of_picture(path: Path) -> dict[str, Any]:
    """What a picture file holds beside its pixels, as metadata of a ``.glc`` file.

    Parameters
    ----------
    path
        Any file; of one that Pillow cannot open, nothing is found.

    Returns
    -------
    dict
        Base64 under the keys of :data:`EXTRAS`. The orientation is set to upright, as pictures are read. A profile that
        is sRGB, as pictures without one are taken to be, is left out.
    """
    from PIL import Image, UnidentifiedImageError

    found: dict[str, bytes] = {}
    try:
        with Image.open(path) as picture:
            profile, exif = picture.info.get("icc_profile"), picture.getexif()
            if isinstance(profile, bytes) and profile[16:20] in _SPACES and not _is_srgb(profile):
                found["icc"] = profile
            exif.pop(_ORIENTATION, None)
            if len(exif):
                found["exif"] = exif.tobytes()
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return {}
    return {key: base64.b64encode(data).decode() for key, data in found.items()}


def _is_srgb(profile: bytes) -> bool:
    """Whether the profile's description, which may be in UTF-16, says so."""
    return b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile


def without_extras(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata but what :func:`extras_of_picture` found."""
    return {key: value for key, value in metadata.items() if key not in EXTRAS}


def extras_in_words(metadata: Mapping[str, Any]) -> str:
    """Which of them there are and of how many bytes; empty for none."""
    found = stored_extras(metadata)
    there = {words: found[_KEYWORDS[key]] for key, words in EXTRAS.items() if _KEYWORDS[key] in found}
    return " and ".join(f"{words} ({len(data)} bytes)" for words, data in there.items())


def stored_extras(metadata: Mapping[str, Any]) -> dict[str, bytes]:
    """Those of a ``.glc`` file, as arguments for writing a picture with Pillow; what is no base64 is left out."""
    found = {}
    for key, keyword in _KEYWORDS.items():
        text = metadata.get(key)
        if isinstance(text, str) and text:
            try:
                found[keyword] = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                continue
    return found
