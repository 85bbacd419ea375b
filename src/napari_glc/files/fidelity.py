"""How close an array of any type and axes is to its original: in the 8 bits networks see, plane by plane."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .._base.progress import Progress, no_progress
from ..errors import UnsupportedArrayError
from ..imaging.layout import Layout
from ..imaging.scaling import to_bytes
from ..metrics import Fidelity, compare

__all__ = ["compare_arrays"]


def compare_arrays(original: Any, decoded: Any, layout: Layout, progress: Progress = no_progress) -> Fidelity:
    """PSNR and MS-SSIM of a decoded array.

    Each plane is brought to 8 bits by the range it was coded with, so that 255 levels are the peak whatever the type.

    Parameters
    ----------
    original, decoded
        Anything with shape, dtype and slicing; of the shape and type of `layout`.
    layout
        Axes and ranges, as a file has them. Alpha does not count.
    progress
        Called with planes done and in all; whatever it raises stops the work.

    Returns
    -------
    Fidelity
        PSNR of the mean error of all planes, and the mean of their MS-SSIM.

    Raises
    ------
    UnsupportedArrayError
        If shapes or types differ.
    """
    for array in (original, decoded):
        if tuple(array.shape) != layout.shape or np.dtype(array.dtype).newbyteorder("=").name != layout.dtype:
            raise UnsupportedArrayError(
                f"{_described(original)} cannot be compared with {_described(decoded)}: shapes and types must agree"
            )
    places = list(itertools.product(*map(range, layout.leading)))
    errors, similarities = [], []
    for done, place in enumerate(places):
        progress(done, len(places))
        at = dict(zip(layout.leading_axes, place, strict=True))
        index = tuple(slice(0, 3) if a == "S" else at.get(a, slice(None)) for a in layout.axes)
        seen = [a for a in layout.axes if a in "YXS"]
        order = [seen.index(a) for a in "YXS" if a in seen]
        one, other = (
            to_bytes(np.asarray(array[index]).transpose(order), layout.range_of(place))[0]
            for array in (original, decoded)
        )
        found = compare(one, other)
        errors.append(10 ** (-found.psnr / 10))
        similarities.append(found.ms_ssim)
    error = math.fsum(errors) / len(errors)
    return Fidelity(math.inf if error == 0 else -10 * math.log10(error), math.fsum(similarities) / len(similarities))


def _described(array: Any) -> str:
    return f"{' x '.join(map(str, array.shape))} {array.dtype}"
