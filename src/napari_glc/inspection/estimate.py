"""How large a file will be about, judged by crops of some of its planes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._base.progress import Progress
from ..errors import OptionError
from ..files.encoding import encoded_parts, prepared_array
from ..files.opened import GlcFile
from ..imaging.ranges import RangeRule, found_range
from .coding import CodingOptions

__all__ = ["SizeEstimate", "estimated_size"]

_CROP = 512
"""Longest side in pixels of what is encoded of a plane: one tile."""
_PLANES = 5
"""Most planes that are looked at."""
_GOLDEN = 0.6180339887
"""Steps of this share of all planes meet every channel and every depth alike."""


@dataclass(frozen=True)
class SizeEstimate:
    """About how large a file will be.

    Attributes
    ----------
    bytes
        Of the whole file, layer metadata left out.
    bpp
        Bits of it per pixel.
    planes
        How many planes were looked at.
    share
        Share of all pixels that were encoded for it, 0 to 1.
    """

    bytes: int
    bpp: float
    planes: int
    share: float


def estimated_size(
    image: Any,
    axes: str,
    options: CodingOptions,
    *,
    value_range: RangeRule | None,
    progress: Progress,
) -> SizeEstimate:
    """Encode a crop from the middle of up to five planes by a single pass, and extrapolate by pixels.

    Parameters
    ----------
    image
        The array; only the crops are read.
    axes
        A letter for each dimension, ``Y`` and ``X`` among them, ``S`` last for RGB.
    options
        How to code; `quality` is what counts, not what might be wanted instead of it.
    value_range
        As for :func:`napari_glc.encode`; what a rule needs to know is taken from the crops alone.
    progress
        Called with crops done and in all; whatever it raises stops the work.

    Raises
    ------
    OptionError
        If the codec fits something to every picture: a crop would take as long as the whole.
    Exception
        What :func:`napari_glc.encode` raises, and what reading the array raises.
    """
    sides = {axis: int(size) for axis, size in zip(axes, image.shape, strict=True)}
    leading = [axis for axis in axes if axis not in "YXS"]
    count = math.prod(sides[axis] for axis in leading)
    numbers = sorted({int(count * (step * _GOLDEN % 1)) for step in range(_PLANES)})
    payload = pixels = around = 0
    crops = []
    for number in numbers:
        progress(0, len(numbers))
        places = dict(zip(leading, np.unravel_index(number, [sides[axis] for axis in leading]), strict=True))
        region = tuple(int(places[axis]) if axis in places else _middle(axis, sides[axis]) for axis in axes)
        crops.append(np.asarray(image[region]))
    if isinstance(value_range, str) and (str(image.dtype), value_range) != ("uint8", "dtype"):
        value_range = found_range(lambda: crops, str(crops[0].dtype), value_range)
    for done, crop in enumerate(crops):
        progress(done, len(crops))
        job = prepared_array(
            crop,
            codec=options.codec,
            model=options.model,
            quality=options.quality,
            axes="".join(axis for axis in axes if axis not in leading),
            value_range=value_range,
            levels=1,
            **options.options,
        ).without_effort()
        if job.entry.capabilities.encode_cost == "fit":
            raise OptionError(f"codec {options.codec!r} fits every picture anew; its size is known when that is done")
        container = GlcFile(b"".join(encoded_parts(job, options.device, None)), model=job.model).container
        around = container.offsets[0]
        payload += container.size - around
        pixels += job.grid.height * job.grid.width
    progress(len(numbers), len(numbers))
    total = count * sides["Y"] * sides["X"]
    expected = round(around + payload * total / pixels)
    return SizeEstimate(expected, 8 * expected / total, len(numbers), pixels / total)


def _middle(axis: str, length: int) -> slice:
    """The middle of rows or columns, and all samples."""
    if axis == "S":
        return slice(None)
    start = max(0, (length - _CROP) // 2)
    return slice(start, min(length, start + _CROP))
