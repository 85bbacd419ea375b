"""Distances between pictures, and what curves of them say. Arrays in, numbers out."""

from .curves import bd_rate, rate_at
from .fidelity import Fidelity, absolute_error, check_shapes, compare, ms_ssim, psnr
from .measures import MEASURES, Measure, measure_named

__all__ = [
    "MEASURES",
    "Fidelity",
    "Measure",
    "absolute_error",
    "bd_rate",
    "check_shapes",
    "compare",
    "measure_named",
    "ms_ssim",
    "psnr",
    "rate_at",
]
