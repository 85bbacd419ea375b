"""Bounds checked before anything is allocated, and how to move them."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace

from ..errors import LimitError, OptionError

__all__ = ["LIMITS_VARIABLE", "MAX_LEVELS", "Limits", "beyond", "get_limits", "set_limits"]

MAX_LEVELS = 16
"""Most levels of resolution of a plane."""

LIMITS_VARIABLE = "NAPARI_GLC_LIMITS"
"""Environment variable that moves limits: ``pixels=1000000,metadata=65536``."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What this program is willing to believe of a file.

    Attributes
    ----------
    side
        Longest side of a plane, in pixels.
    chunks
        Most chunks (tiles times packets) of a file; their index is at most five bytes each.
    chunk_bytes
        Longest chunk, in bytes.
    header_field
        Longest option bytes of a codec, and longest extension of the header, in bytes.
    metadata_packed
        Longest metadata block in the file, in bytes.
    metadata
        Longest metadata block after decompression, in bytes; as Python objects it takes up to 48 times as much.
    pixels
        Most pixels decoded in one read; larger planes are read region by region.
    whole_plane
        Most pixels of a plane for models that see planes as a whole (imported ones); they take about 2 kB for each.
    predicted
        Most lost indices a transformer predicts in one recovery; ``"nearest"`` has no such limit.
    """

    side: int = 1 << 20
    chunks: int = 1 << 20
    chunk_bytes: int = 1 << 26
    header_field: int = 1 << 12
    metadata_packed: int = 1 << 20
    metadata: int = 1 << 20
    pixels: int = 1 << 29
    whole_plane: int = 1 << 22
    predicted: int = 1 << 16

    @classmethod
    def parse(cls, text: str) -> Limits:
        """The defaults, changed by ``name=number`` pairs with commas between them.

        Raises
        ------
        OptionError
            If a name is unknown or a number is not one, or not positive.
        """
        names = [field.name for field in fields(cls)]
        changes: dict[str, int] = {}
        for pair in filter(None, (part.strip() for part in text.split(","))):
            name, _, number = pair.partition("=")
            if name not in names or not (number.isascii() and number.isdecimal()) or int(number) == 0:
                raise OptionError(
                    f"{LIMITS_VARIABLE} holds {pair!r}; it takes name=number pairs, the names being {', '.join(names)}"
                )
            changes[name] = int(number)
        return replace(cls(), **changes)


_current: Limits | None = None


def get_limits() -> Limits:
    """The limits in force: those set last, else those of the environment, else the defaults.

    Raises
    ------
    OptionError
        If the environment variable cannot be understood.
    """
    global _current
    if _current is None:
        _current = Limits.parse(os.environ.get(LIMITS_VARIABLE, ""))
    return _current


def set_limits(limits: Limits | None) -> Limits:
    """Put limits in force in the whole process.

    Parameters
    ----------
    limits
        ``None`` goes back to the environment's, or the defaults.

    Returns
    -------
    Limits
        Those in force before.

    Examples
    --------
    >>> from napari_glc import Limits, set_limits
    >>> before = set_limits(Limits(pixels=10**8))
    >>> set_limits(before).pixels
    100000000
    """
    global _current
    before = get_limits()
    _current = limits
    return before


def beyond(what: str, name: str) -> LimitError:
    """The error for something that exceeds the limit of a name; it says how to move it."""
    return LimitError(
        f"{what} beyond the limit of {getattr(get_limits(), name)}; if you trust the file, set "
        f"{LIMITS_VARIABLE}={name}=NUMBER in the environment"
    )
