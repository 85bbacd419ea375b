"""Peak signal-to-noise ratio and multi-scale structural similarity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._base.interruption import checkpoint
from ..errors import UnsupportedArrayError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Fidelity", "compare", "ms_ssim", "psnr"]

SMALLEST_SIDE = 161
"""Shortest side for which the five scales of MS-SSIM have room for an 11x11 window."""


@dataclass(frozen=True)
class Fidelity:
    """How close a picture is to its original.

    Attributes
    ----------
    psnr
        In dB over all channels; infinite for identical pictures.
    ms_ssim
        0 to 1, mean over channels; NaN if a side is shorter than 161 pixels.
    """

    psnr: float
    ms_ssim: float


def compare(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> Fidelity:
    """PSNR and MS-SSIM of a decoded picture.

    Parameters
    ----------
    original, decoded
        uint8, ``(Y, X)`` or ``(Y, X, 3)``, of equal shape.

    Raises
    ------
    UnsupportedArrayError
        If the shapes differ.
    """
    return Fidelity(psnr(original, decoded), ms_ssim(original, decoded))


def _check(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> None:
    if original.shape != decoded.shape:
        raise UnsupportedArrayError(f"pictures of shapes {original.shape} and {decoded.shape} cannot be compared")


def psnr(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """PSNR in dB with a peak of 255; see :func:`compare`."""
    _check(original, decoded)
    error = float(np.mean(np.square(np.subtract(original, decoded, dtype=np.float64))))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def ms_ssim(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """MS-SSIM (Wang et al. 2003) as computed by ``pytorch_msssim``; see :func:`compare`."""
    from pytorch_msssim import ms_ssim as of_tensors

    _check(original, decoded)
    if min(original.shape[:2]) < SMALLEST_SIDE:
        return math.nan
    similarities = []
    # channel by channel, which is the same mean: large pictures take a third of the memory, and somebody who cancels
    # does not wait for all of them
    for one, other in zip(_tensor(original)[0], _tensor(decoded)[0], strict=True):
        checkpoint()
        similarities.append(float(of_tensors(one[None, None], other[None, None], data_range=255.0)))
    return math.fsum(similarities) / len(similarities)


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    import torch

    scaled = torch.from_numpy(pixels.astype(np.float32))
    scaled = scaled.unsqueeze(-1) if scaled.ndim == 2 else scaled
    return scaled.permute(2, 0, 1).unsqueeze(0)
