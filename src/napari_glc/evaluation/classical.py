"""Classical codecs that Pillow can write here, at settings down to the lowest they have."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLASSICAL", "ClassicalCodec", "available_classical", "classical_named"]


@dataclass(frozen=True, kw_only=True)
class ClassicalCodec:
    """A codec of Pillow.

    Attributes
    ----------
    name, label
        In options, and for people.
    format, suffix
        As Pillow calls it, and of its files.
    qualities
        Settings of a curve.
    best
        The highest setting.
    options
        Of the encoder. Pillow subsamples chroma as it does by itself.
    plugin
        What to install if Pillow itself does not know it, and the module it is.
    library
        As :func:`PIL.features.version` knows it.
    """

    name: str
    label: str
    format: str
    suffix: str
    qualities: tuple[int, ...]
    best: int = 100
    options: Mapping[str, Any] = field(default_factory=dict)
    plugin: tuple[str, str] = ("", "")
    library: str = ""

    def encode(self, picture: NDArray[np.uint8], quality: float) -> bytes:
        """The file of a picture, uint8 ``(Y, X)`` or ``(Y, X, 3)``.

        Raises
        ------
        OptionError
            If the encoder does not take it.
        """
        from PIL import Image

        stream = io.BytesIO()
        try:
            Image.fromarray(picture).save(stream, self.format, quality=int(quality), **self.options)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise OptionError(f"{self.label} cannot be written at {quality:g}: {error}") from error
        return stream.getvalue()

    def decode(self, data: bytes, like: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture of a file, grey or RGB as `like` is: codecs that know no grey give RGB back."""
        from PIL import Image

        with Image.open(io.BytesIO(data)) as opened:
            return np.array(opened.convert("L" if like.ndim == 2 else "RGB"))

    def version(self) -> str:
        """Of the encoder, as far as Pillow tells."""
        from importlib.metadata import version

        from PIL import __version__ as pillow
        from PIL import features

        if self.plugin[0]:
            return f"{self.plugin[0]} {version(self.plugin[0])}"
        library = features.version(self.library) if self.library else None
        return f"Pillow {pillow}" + (f", {self.library} {library}" if library else "")


CLASSICAL: tuple[ClassicalCodec, ...] = (
    ClassicalCodec(
        name="jpeg",
        label="JPEG",
        format="JPEG",
        suffix=".jpg",
        qualities=(1, 5, 10, 20, 40),
        best=95,
        options={"optimize": True, "progressive": True},
        library="jpg",
    ),
    ClassicalCodec(
        name="webp",
        label="WebP",
        format="WEBP",
        suffix=".webp",
        qualities=(0, 5, 15, 35, 60),
        options={"method": 6},
        library="webp",
    ),
    ClassicalCodec(
        name="avif",
        label="AVIF",
        format="AVIF",
        suffix=".avif",
        qualities=(1, 10, 20, 30, 42),
        options={"speed": 6, "advanced": {"tune": "ssim"}, "max_threads": 1},
        library="avif",
    ),
    ClassicalCodec(
        name="jxl",
        label="JPEG XL",
        format="JXL",
        suffix=".jxl",
        qualities=(1, 5, 10, 20, 40),
        options={"effort": 7},
        plugin=("pillow-jxl-plugin", "pillow_jxl"),
    ),
)
"""All of them, whether this machine has them or not."""


def classical_named(name: str) -> ClassicalCodec:
    """The codec of a name, if this machine has it.

    Raises
    ------
    OptionError
        If it has not, with what to install or which there are.
    """
    for codec in CLASSICAL:
        if codec.name == name:
            if codec in available_classical():
                return codec
            if codec.plugin[0]:
                raise OptionError(f"{codec.label} needs a plugin of Pillow: pip install {codec.plugin[0]}")
            raise OptionError(f"this Pillow was built without {codec.label}")
    raise OptionError(f"{name!r} is no codec of Pillow; there are {', '.join(c.name for c in available_classical())}")


@cache
def available_classical() -> tuple[ClassicalCodec, ...]:
    """Those this machine can write."""
    return tuple(codec for codec in CLASSICAL if _is_there(codec))


def _is_there(codec: ClassicalCodec) -> bool:
    from importlib import import_module

    from PIL import Image

    try:
        if codec.plugin[1]:
            import_module(codec.plugin[1])
    except ImportError:
        return False
    Image.init()
    return codec.format in Image.SAVE
