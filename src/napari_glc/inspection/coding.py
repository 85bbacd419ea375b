"""One plane there and back, with all that is worth knowing about the trip.

::

    pixels --encode, or search for a rate--> bytes of a file --decode--> pixels
      |                                                                    |
      +------------------------------- compare ----------------------------+

Nothing here differs from :func:`napari_glc.encode` and :func:`napari_glc.decode`; sizes are those of a file on disk.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._file import GlcFile
from .._target import encode_to_bpp
from ..api import encode
from ..loading import choose_device, loaded_codec
from ..metrics import compare
from ..models import find_model

if TYPE_CHECKING:
    from ..codecs.base import Progress

__all__ = ["UNITS", "CodingOptions", "CodingResult", "code_plane"]

UNITS = 1000
"""Units of work `code_plane` reports in all."""

_LOADED, _ENCODED, _DECODED = 50, 500, 930
"""Where each part of the work ends, in units."""


@dataclass(frozen=True)
class CodingOptions:
    """How to code; see :func:`napari_glc.encode`.

    Attributes
    ----------
    codec
        Name of the codec.
    model
        Name, hash prefix or path; ``None`` for the codec's default.
    quality
        0 to 100; not used with `bpp`.
    bpp
        Wanted bits per pixel of the whole file, or ``None``.
    device
        ``"auto"`` or a torch device.
    index_coder, packets
        Of codec ``vqgan`` only.
    """

    codec: str = "glc"
    model: str | Path | None = None
    quality: float = 50.0
    bpp: float | None = None
    device: str = "auto"
    index_coder: str = "auto"
    packets: int = 1


@dataclass(frozen=True, eq=False)
class CodingResult:
    """A coded plane.

    Attributes
    ----------
    data
        The whole ``.glc`` file, layer metadata included.
    pixels
        Decoded, uint8, of the shape that was encoded.
    codec, model
        Names.
    device
        Where the networks ran.
    index_coder
        The one that was used; empty for codecs without.
    quality
        0 to 100, as stored in the file.
    bpp
        Bits of the whole file per pixel.
    raw_bytes
        Bytes of the plane at 8 bits a sample.
    psnr
        In dB; infinite for identical pictures.
    ms_ssim
        0 to 1; NaN if a side is shorter than 161 pixels.
    encode_seconds, decode_seconds
        Wall-clock time without loading the model. With a wanted rate, `encode_seconds` is that of the whole search.
    """

    data: bytes
    pixels: NDArray[np.uint8]
    codec: str
    model: str
    device: str
    index_coder: str
    quality: float
    bpp: float
    raw_bytes: int
    psnr: float
    ms_ssim: float
    encode_seconds: float
    decode_seconds: float

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.data)

    @property
    def ratio(self) -> float:
        """How many times smaller the file is than the plane at 8 bits a sample."""
        return self.raw_bytes / len(self.data)

    def facts(self) -> dict[str, Any]:
        """Everything but the bytes and the pixels."""
        names = ("codec", "model", "device", "index_coder", "quality", "bpp", "psnr", "ms_ssim")
        facts = {name: getattr(self, name) for name in (*names, "encode_seconds", "decode_seconds")}
        return facts | {"bytes": self.size, "compression_ratio": self.ratio}


def code_plane(
    pixels: NDArray[np.uint8],
    options: CodingOptions | None = None,
    *,
    metadata: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> CodingResult:
    """Encode a plane, decode the file again and compare.

    Parameters
    ----------
    pixels
        uint8, ``(Y, X)`` or ``(Y, X, 3)``.
    options
        How; ``None`` for the defaults.
    metadata
        Goes into the file, as for :func:`napari_glc.encode`; it counts in all sizes.
    progress
        Called with units done and :data:`UNITS`; whatever it raises stops the work.

    Raises
    ------
    UnsupportedArrayError, OptionError, MissingModelError, ModelError
        As for :func:`napari_glc.encode`.

    Examples
    --------
    >>> import numpy as np
    >>> result = code_plane(np.full((64, 64), 90, np.uint8), CodingOptions(quality=0))
    >>> result.pixels.shape, result.size < 100
    ((64, 64), True)
    """
    options = options or CodingOptions()

    def report(units: int) -> None:
        if progress is not None:
            progress(units, UNITS)

    def part(begin: int, end: int) -> Progress:
        return lambda done, total: report(begin + (end - begin) * done // max(total, 1))

    report(0)
    model, device = find_model(options.model, options.codec), choose_device(options.device)
    loaded_codec(model, device)
    report(_LOADED)
    kept: dict[str, Any] = {
        "codec": options.codec,
        "model": options.model,
        "device": device,
        "metadata": metadata,
        "axes": "YXC" if pixels.ndim == 3 else "YX",
        "index_coder": options.index_coder,
        "packets": options.packets,
    }
    began = time.perf_counter()
    encoding = part(_LOADED, _ENCODED)
    if options.bpp is None:
        data = encode(pixels, quality=options.quality, progress=encoding, **kept)
    else:
        data = encode_to_bpp(pixels, options.bpp, progress=encoding, **kept).data
    encoded = time.perf_counter()
    file = GlcFile(data, device=device)
    decoded = file.read(progress=part(_ENCODED, _DECODED))
    finished = time.perf_counter()
    report(_DECODED)
    fidelity = compare(pixels, decoded)
    report(UNITS)
    return CodingResult(
        data=data,
        pixels=decoded,
        codec=file.codec,
        model=model.name,
        device=device,
        index_coder=str(file.index_facts().get("index_coder", "")),
        quality=file.quality,
        bpp=file.bpp,
        raw_bytes=math.prod(pixels.shape),
        psnr=fidelity.psnr,
        ms_ssim=fidelity.ms_ssim,
        encode_seconds=encoded - began,
        decode_seconds=finished - encoded,
    )
