"""Where layers lie in the world: their transforms as layer options, and what follows from them. Free of napari.

A placement holds ``scale``, ``translate``, ``units`` and ``axis_labels`` (an entry for each axis), and where there is
more to say ``rotate``, ``shear`` and ``affine``, as napari's layers take them::

    world = affine @ (rotate @ shear @ diag(scale) @ data + translate)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PLACEMENT",
    "Placement",
    "deepened",
    "linear_part",
    "matrix_of",
    "placement_of_layer",
    "reduced",
    "shear_matrix",
]

Placement = dict[str, Any]
_MOVED = ("rotate", "shear", "affine")
PLACEMENT = ("scale", "translate", *_MOVED, "units", "axis_labels")
"""Options of a layer that make up its placement."""


def placement_of_layer(layer: Any) -> Placement:
    """The placement of a napari layer, all of its axes."""
    return {
        "scale": tuple(float(s) for s in layer.scale),
        "translate": tuple(float(t) for t in layer.translate),
        "rotate": np.array(layer.rotate, float),
        "shear": np.array(layer.shear, float),
        "affine": np.array(layer.affine.affine_matrix, float),
        "units": tuple(str(u) for u in layer.units),
        "axis_labels": tuple(str(a) for a in layer.axis_labels),
    }


def linear_part(placement: Placement) -> NDArray[np.float64]:
    """Rotation, shear and scale in one matrix, without what ``affine`` adds."""
    axes = len(placement["scale"])
    rotate = np.asarray(placement.get("rotate", np.eye(axes)), float)
    matrix: NDArray[np.float64] = rotate @ _shear(placement, axes) @ np.diag(np.asarray(placement["scale"], float))
    return matrix


def matrix_of(placement: Placement) -> NDArray[np.float64]:
    """From data to world, homogeneous: ``(axes + 1, axes + 1)``."""
    axes = len(placement["scale"])
    inner = np.eye(axes + 1)
    inner[:axes, :axes], inner[:axes, axes] = linear_part(placement), placement["translate"]
    matrix: NDArray[np.float64] = np.asarray(placement.get("affine", np.eye(axes + 1)), float) @ inner
    return matrix


def deepened(placement: Placement, label: str) -> Placement:
    """With one more axis in front, which nothing turns or stretches."""
    axes = len(placement["scale"])
    found: Placement = {
        "scale": (1.0, *placement["scale"]),
        "translate": (0.0, *placement["translate"]),
        "units": ("pixel", *placement["units"]),
        "axis_labels": (label, *placement["axis_labels"]),
    }
    for name in (name for name in _MOVED if name in placement):
        inner = _shear(placement, axes) if name == "shear" else np.asarray(placement[name], float)
        matrix = np.eye(len(inner) + 1)
        matrix[1:, 1:] = inner
        found[name] = matrix
    return found


def reduced(placement: Placement, kept: Sequence[int]) -> tuple[Placement, bool]:
    """The placement of some axes alone, and whether it says all there is to say of them.

    It does not where rotation, shear or affine mix them with the others; then it leaves these three out.
    """
    axes = len(placement["scale"])
    chosen, others = list(kept), [axis for axis in range(axes) if axis not in kept]
    along = ("scale", "translate", "units", "axis_labels")
    found: Placement = {name: tuple(placement[name][axis] for axis in chosen) for name in along}
    square: Placement = {name: np.asarray(placement[name], float) for name in ("rotate", "affine") if name in placement}
    if "shear" in placement:
        square["shear"] = _shear(placement, axes)
    mixed = any(m[np.ix_(chosen, others)].any() or m[np.ix_(others, chosen)].any() for m in square.values())
    if not mixed:
        for name, matrix in square.items():
            rows = [*chosen, axes] if name == "affine" else chosen
            found[name] = matrix[np.ix_(rows, rows)]
    return found, not mixed


def _shear(placement: Placement, axes: int) -> NDArray[np.float64]:
    return shear_matrix(np.asarray(placement.get("shear", np.eye(axes)), float), axes)


def shear_matrix(given: NDArray[np.float64], axes: int) -> NDArray[np.float64]:
    """Shear as a matrix; napari takes the upper triangle of one as well."""
    if given.ndim == 2:
        return given
    matrix = np.eye(axes)
    matrix[np.triu_indices(axes, 1)] = given
    return matrix
