"""Distances between pictures. Arrays in, numbers out."""

from .fidelity import Fidelity, compare, ms_ssim, psnr

__all__ = ["Fidelity", "compare", "ms_ssim", "psnr"]
