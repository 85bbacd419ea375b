"""Which values become 0 and 255.

Ranges are found in one walk over the data (two for percentiles of wide types), block by block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, UnsupportedArrayError
from .range_rules import RANGE_RULES, ROBUST

__all__ = ["RangeRule", "explicit_ranges", "found_range", "full_range"]

RangeRule = str | Sequence[Any]
"""A name of :data:`~napari_glc.imaging.range_rules.RANGE_RULES`, a pair ``(low, high)``, or a pair for each channel."""

WIDEST = 1 << 24
"""Greatest span of 32-bit integers: beyond, they are hardly intensities."""

_BINS = 1 << 16

Blocks = Callable[[], Iterable[NDArray[Any]]]


def full_range(dtype: str) -> tuple[float, float]:
    """All values of an integer type; 0 to 1 for floating point."""
    kind = np.dtype(dtype)
    return (0.0, 1.0) if kind.kind == "f" else (int(np.iinfo(kind).min), int(np.iinfo(kind).max))


def explicit_ranges(rule: RangeRule) -> list[tuple[float, float]] | None:
    """Ranges given as numbers; ``None`` if `rule` is the name of one.

    Raises
    ------
    OptionError
        If they are neither.
    """
    if isinstance(rule, str):
        if rule not in RANGE_RULES:
            raise OptionError(f"range {rule!r} is none of {', '.join(RANGE_RULES)}, or two numbers")
        return None
    try:
        pairs = np.asarray(rule, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError(f"a range is two numbers, or two for each channel, not {rule!r}") from error
    pairs = pairs[np.newaxis] if pairs.ndim == 1 else pairs
    if (
        pairs.ndim != 2
        or pairs.shape[1:] != (2,)
        or not np.isfinite(pairs).all()
        or not (pairs[:, 0] < pairs[:, 1]).all()
    ):
        raise OptionError(f"a range is two rising numbers, or two for each channel, not {rule!r}")
    return [(float(low), float(high)) for low, high in pairs]


def found_range(blocks: Blocks, dtype: str, rule: str) -> tuple[float, float]:
    """Range of a set of samples under a rule.

    Parameters
    ----------
    blocks
        Gives the samples, block by block, anew at each call.
    dtype
        Their type.
    rule
        A name of :data:`~napari_glc.imaging.range_rules.RANGE_RULES`.

    Raises
    ------
    UnsupportedArrayError
        If there is no finite sample, or 32-bit integers span more than :data:`WIDEST`.
    """
    kind = np.dtype(dtype)
    if rule == "dtype" and kind.itemsize <= 2:
        return full_range(dtype)
    low, high = math.inf, -math.inf
    for block in blocks():
        known = block[np.isfinite(block)] if kind.kind == "f" else block
        if known.size:
            low, high = min(low, known.min().item()), max(high, known.max().item())
    if low > high:
        raise UnsupportedArrayError("the array holds no number but NaN and infinities")
    if kind.kind in "iu" and high - low > WIDEST:
        raise UnsupportedArrayError(
            f"{dtype} samples from {low} to {high} span more than {WIDEST}: labels and packed values belong in a "
            "lossless file; for intensities give the range to keep"
        )
    if rule == "dtype" and kind.kind == "f":
        return full_range(dtype)
    if rule != "robust" or low == high:
        return low, high
    counts = np.zeros(_BINS, np.int64)
    width = (high - low) / (_BINS - 1)
    for block in blocks():
        known = block[np.isfinite(block)] if kind.kind == "f" else block
        bins = ((known.astype(np.float64) - low) / width).round().astype(np.int64)
        counts += np.bincount(bins.ravel(), minlength=_BINS)
    share = np.cumsum(counts) / counts.sum()
    ends = [low + width * int(np.searchsorted(share, p / 100)) for p in ROBUST]
    if kind.kind in "iu":
        ends = [round(end) for end in ends]
    return (ends[0], ends[1]) if ends[0] < ends[1] else (low, high)
