"""Peak signal-to-noise ratio, multi-scale structural similarity and absolute error."""

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

__all__ = ["Fidelity", "absolute_error", "check_shapes", "compare", "ms_ssim", "psnr"]

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
        uint8, ``(Y, X)`` or ``(Y, X, 3)``, of equal shape. For other types and for stacks there is
        :func:`napari_glc.files.fidelity.compare_arrays`.

    Raises
    ------
    UnsupportedArrayError
        If the shapes differ, or the pictures are something else.
    """
    return Fidelity(psnr(original, decoded), ms_ssim(original, decoded))


def check_shapes(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> None:
    """Refuse what is no pair of 8-bit pictures of one shape.

    Raises
    ------
    UnsupportedArrayError
        If it is none.
    """
    for picture in (original, decoded):
        if picture.dtype != np.uint8:
            # a peak of 255 would be that of no other type
            raise UnsupportedArrayError(f"{picture.dtype} samples cannot be measured as they are: bring them to 8 bits")
        if picture.ndim != 2 and (picture.ndim, picture.shape[-1]) != (3, 3):
            raise UnsupportedArrayError(f"an array of shape {picture.shape} is no picture: compare it plane by plane")
    if original.shape != decoded.shape:
        raise UnsupportedArrayError(f"pictures of shapes {original.shape} and {decoded.shape} cannot be compared")


def psnr(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """PSNR in dB with a peak of 255; see :func:`compare`."""
    from skimage.metrics import peak_signal_noise_ratio

    check_shapes(original, decoded)
    with np.errstate(divide="ignore"):  # identical pictures
        return float(peak_signal_noise_ratio(original, decoded, data_range=255))


def ms_ssim(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """MS-SSIM (Wang et al. 2003) as computed by ``pytorch_msssim``; see :func:`compare`."""
    from pytorch_msssim import ms_ssim as of_tensors

    check_shapes(original, decoded)
    if min(original.shape[:2]) < SMALLEST_SIDE:
        return math.nan
    similarities = []
    # channel by channel, which is the same mean: large pictures take a third of the memory, and somebody who cancels
    # does not wait for all of them
    for one, other in zip(_tensor(original)[0], _tensor(decoded)[0], strict=True):
        checkpoint()
        similarities.append(float(of_tensors(one[None, None], other[None, None], data_range=255.0)))
    return math.fsum(similarities) / len(similarities)


def absolute_error(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Absolute difference ``(Y, X)`` in grey levels, of three channels the largest; see :func:`compare`."""
    check_shapes(original, decoded)
    # in uint8 throughout, which scikit-image's compare_images does not offer: pictures may be large
    error: NDArray[np.uint8] = np.maximum(original, decoded) - np.minimum(original, decoded)
    return np.asarray(error.max(axis=-1) if error.ndim == 3 else error)


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    import torch

    scaled = torch.from_numpy(pixels.astype(np.float32))
    scaled = scaled.unsqueeze(-1) if scaled.ndim == 2 else scaled
    return scaled.permute(2, 0, 1).unsqueeze(0)
