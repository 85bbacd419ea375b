"""What the same loss costs each plane of a stack."""

from __future__ import annotations

import math
from typing import Any

from ...metrics import Fidelity
from .simulation import RecoveryResult

__all__ = ["plane_row"]

_UNKNOWN = Fidelity(math.nan, math.nan)


def plane_row(plane: str, result: RecoveryResult) -> dict[str, Any]:
    """What is measured of a plane, as a row of a table; NaN where there is nothing to measure against.

    Parameters
    ----------
    plane
        What the plane is called.
    result
        Of :func:`~napari_glc.inspection.recovery.simulation.simulate`.

    Returns
    -------
    dict
        ``plane``, ``lost`` and ``positions`` (counts), ``accuracy`` (0 to 1), ``seconds``, and for each picture
        (``lost``, ``concealed``, ``whole``) and each reference (``original``, ``whole``) entries such as
        ``concealed_psnr_to_original`` in dB and ``concealed_ms_ssim_to_original``.
    """
    row: dict[str, Any] = {
        "plane": plane,
        "lost": int(result.lost.sum()),
        "positions": int(result.lost.size),
        "accuracy": result.accuracy,
        "seconds": result.seconds,
    }
    for reference, found in (("original", result.to_original), ("whole", result.to_undamaged)):
        for picture, name in (("before", "lost"), ("after", "concealed"), ("undamaged", "whole")):
            if name != reference:
                measured = found.get(picture, _UNKNOWN)
                row[f"{name}_psnr_to_{reference}"] = measured.psnr
                row[f"{name}_ms_ssim_to_{reference}"] = measured.ms_ssim
    return row
