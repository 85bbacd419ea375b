"""A plane or a stack there and back, with all that is worth knowing about the trip.

::

    pixels --encode, or search for a rate--> bytes of a file --decode--> pixels
      |                                                                    |
      +------------------------------- compare ----------------------------+

Nothing here differs from :func:`napari_glc.encode` and :func:`napari_glc.decode`; sizes are those of a file on disk.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..codecs.loading import choose_device, loaded_codec
from ..codecs.registry import DEFAULT_CODEC
from ..files.encoding import prepared_array
from ..files.fidelity import compare_arrays
from ..files.opened import GlcFile
from ..files.wanted import Wanted
from ..metrics import Fidelity

if TYPE_CHECKING:
    from .._base.progress import Progress
    from ..codecs.goals import Watch
    from ..codecs.transform_coded import TransformCoded
    from ..imaging.ranges import RangeRule
    from ..models import ModelFile

__all__ = ["UNITS", "CodingOptions", "CodingResult", "code_plane", "code_stack"]

UNITS = 1000
"""Units of work `code_plane` and `code_stack` report in all."""

_LOADED, _ENCODED, _DECODED = 50, 500, 930
"""Where each part of the work ends, in units."""

_DECODED_BYTES = 1 << 28
"""Stacks of up to this size are decoded and measured; larger ones are decoded when they are looked at."""


@dataclass(frozen=True)
class CodingOptions:
    """How to code; see :func:`napari_glc.encode`.

    Attributes
    ----------
    codec
        Name of the codec.
    model
        Name, hash prefix or path, or a model that is at hand; ``None`` for the codec's default.
    quality
        0 to 100; not used with what follows.
    bpp, most_bytes, distance
        At most one of them is not ``None``: wanted bits per pixel, most bytes of the whole file, greatest distance of
        features; see :func:`napari_glc.encode_to_bpp` and its neighbours.
    device
        ``"auto"`` or a torch device.
    options
        Of the codec, for encoding.
    decoding
        Of the codec, for decoding.
    samples
        How many of the pictures that the bytes stand for are decoded, for codecs that have several.
    """

    codec: str = DEFAULT_CODEC
    model: str | Path | ModelFile | None = None
    quality: float = 50.0
    bpp: float | None = None
    most_bytes: int | None = None
    distance: float | None = None
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    decoding: Mapping[str, Any] = field(default_factory=dict)
    samples: int = 1


@dataclass(frozen=True, eq=False)
class CodingResult:
    """A coded plane or stack.

    Attributes
    ----------
    data
        The whole ``.glc`` file, layer metadata included.
    pixels
        Decoded, of the shape and type that were encoded. A list of dask arrays, the levels of resolution, where that
        would take more than 256 MiB.
    codec, model
        Names.
    device
        Where the networks ran.
    options
        Of the codec, every choice made that was left to the encoder.
    decoding
        Of the codec, for decoding.
    quality
        0 to 100, as stored in the file.
    bpp
        Bits of the whole file per pixel.
    raw_bytes
        Bytes of what was encoded at 8 bits a sample.
    psnr
        In dB, of the 8-bit samples without any style; infinite for identical pictures, NaN if nothing was decoded.
    ms_ssim
        0 to 1, of a stack the mean over its planes; NaN if a side is shorter than 161 pixels or nothing was decoded.
    encode_seconds, decode_seconds
        Wall-clock time without loading the model. Of a search, `encode_seconds` is that of all of it.
        `decode_seconds` is NaN if nothing was decoded.
    planes
        Planes of the file; every channel has its own.
    clipped
        Share of the samples beyond the range of the file.
    not_numbers
        Samples that were NaN and became the least value.
    ranges
        The values that became 0 and 255, one pair for all planes or for each channel; empty for uint8 as it is.
    removed
        What the encoder left out of the picture; empty for nothing.
    samples
        Several pictures that the bytes stand for, along a new first axis, `pixels` the first of them; ``None`` if only
        one was wanted or nothing was decoded.
    """

    data: bytes
    pixels: Any
    codec: str
    model: str
    device: str
    options: Mapping[str, Any]
    decoding: Mapping[str, Any]
    quality: float
    bpp: float
    raw_bytes: int
    psnr: float
    ms_ssim: float
    encode_seconds: float
    decode_seconds: float
    planes: int = 1
    clipped: float = 0.0
    not_numbers: int = 0
    ranges: tuple[tuple[float, float], ...] = ()
    removed: str = ""
    samples: NDArray[Any] | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.data)

    @property
    def ratio(self) -> float:
        """How many times smaller the file is than its samples at 8 bits each."""
        return self.raw_bytes / len(self.data)

    def facts(self) -> dict[str, Any]:
        """Everything but the bytes and the pixels."""
        names = ("codec", "model", "device", "quality", "bpp", "psnr", "ms_ssim", "encode_seconds", "decode_seconds")
        facts = {name: getattr(self, name) for name in names} | ({"removed": self.removed} if self.removed else {})
        return facts | {"bytes": self.size, "compression_ratio": self.ratio, **self.options, **self.decoding}


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
    axes = "YXC" if pixels.ndim == 3 else "YX"
    return _there_and_back(pixels, axes, options or CodingOptions(), None, metadata, progress)


def code_stack(
    data: Any,
    axes: str,
    options: CodingOptions | None = None,
    *,
    value_range: RangeRule | None = None,
    metadata: dict[str, Any] | None = None,
    progress: Progress | None = None,
    importance: Any = None,
    watch: Watch | None = None,
    shown: Callable[[NDArray[Any]], None] | None = None,
) -> CodingResult:
    """Encode an array of planes, decode the file again and compare.

    Parameters
    ----------
    data
        Any array :func:`napari_glc.encode` takes.
    axes
        A letter for each dimension, as there; rows and columns last but for the samples of RGB.
    options, metadata, progress
        See :func:`code_plane`.
    value_range, importance, watch
        See :func:`napari_glc.encode`.
    shown
        See :meth:`napari_glc.GlcFile.read`.

    Raises
    ------
    UnsupportedArrayError, OptionError, MissingModelError, ModelError
        As for :func:`napari_glc.encode`.
    MissingDependencyError
        If the result is larger than 256 MiB and dask is not installed.
    """
    chosen = options or CodingOptions()
    return _there_and_back(data, axes, chosen, value_range, metadata, progress, importance, watch, shown)


def _there_and_back(
    image: Any,
    axes: str,
    options: CodingOptions,
    value_range: RangeRule | None,
    metadata: dict[str, Any] | None,
    progress: Progress | None,
    importance: Any = None,
    watch: Watch | None = None,
    shown: Callable[[NDArray[Any]], None] | None = None,
) -> CodingResult:
    def report(units: int) -> None:
        if progress is not None:
            progress(units, UNITS)

    def part(begin: int, end: int) -> Progress:
        return lambda done, total: report(begin + (end - begin) * done // max(total, 1))

    report(0)
    job = prepared_array(
        image,
        codec=options.codec,
        model=options.model,
        quality=options.quality,
        axes=axes,
        metadata=metadata,
        value_range=value_range,
        importance=importance,
        watch=watch,
        **options.options,
    )
    device = choose_device(options.device)
    loaded_codec(job.model, device)
    report(_LOADED)
    began = time.perf_counter()
    encoding = part(_LOADED, _ENCODED)
    wanted = Wanted(bpp=options.bpp, size=options.most_bytes, distance=options.distance)
    data = b"".join(wanted.parts(job, device, encoding))
    encoded = time.perf_counter()
    file = GlcFile(data, device=device, model=job.model, **options.decoding)
    fidelity, seconds, decoded = Fidelity(math.nan, math.nan), math.nan, None
    samples: NDArray[Any] | None = None
    if math.prod(file.shape) * file.dtype.itemsize <= _DECODED_BYTES:
        single = _ENCODED + (_DECODED - _ENCODED) // options.samples
        decoded = file.read(progress=part(_ENCODED, single), shown=shown)
        seconds = time.perf_counter() - encoded
        if options.samples > 1:
            samples = _more_samples(file, decoded, options.samples, part(single, _DECODED))
        plain = file.decoding.measured()
        compared = decoded if plain == file.decoding else file.decoded_with(**plain.to_dict()).read()
        fidelity = compare_arrays(image, compared, file.layout, part(_DECODED, UNITS))
    report(UNITS)
    return CodingResult(
        data=data,
        pixels=[file.dask(level) for level in range(len(file.levels))] if decoded is None else decoded,
        codec=file.codec,
        model=job.model.name,
        device=device,
        options=job.options.asked() | file.options.facts(),
        decoding=file.decoding.to_dict(),
        quality=file.quality,
        bpp=file.bpp,
        raw_bytes=math.prod(file.shape),
        psnr=fidelity.psnr,
        ms_ssim=fidelity.ms_ssim,
        encode_seconds=encoded - began,
        decode_seconds=seconds,
        planes=file.layout.planes,
        clipped=file.layout.clipped / math.prod(file.shape),
        not_numbers=file.layout.not_numbers,
        ranges=tuple((float(low), float(high)) for low, high in file.layout.ranges),
        removed=file.removed,
        samples=samples,
    )


def _more_samples(file: GlcFile, first: NDArray[Any], count: int, progress: Progress) -> NDArray[Any]:
    """The first picture and those after it."""
    others = [file.read(sample=number, progress=_part(progress, number - 1, count - 1)) for number in range(1, count)]
    return np.stack([first, *others])


def _part(progress: Progress, done: int, count: int) -> Progress:
    """Of one of several equal parts of the work."""
    return lambda n, of: progress(done * of + n, count * of)


def bit_map(result: CodingResult) -> tuple[NDArray[np.float64], int] | None:
    """Where the bits of a result's first plane went: bits of positions ``(h, w)``, and pixels a position and side.

    ``None`` if the codec cannot say.
    """
    file = GlcFile(result.data, device=result.device)
    if not file.entry.capabilities.coefficients:
        return None
    codec: TransformCoded = file.decoder  # type: ignore[assignment]
    first = file.container.first_chunk(0)
    return codec.bits_of(lambda tile: file.chunk(first + tile), file.coding()), codec.factor
