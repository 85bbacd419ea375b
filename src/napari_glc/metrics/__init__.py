"""Distances between pictures. Arrays in, numbers out."""

from .fidelity import Fidelity, absolute_error, check_shapes, compare, ms_ssim, psnr

__all__ = ["Fidelity", "absolute_error", "check_shapes", "compare", "ms_ssim", "psnr"]
