"""A Shapes or Labels layer as a region of an image layer: which of its pixels lie within."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layer_planes import finest_data
from .plane_place import Index

__all__ = ["region_mask"]

Mask = NDArray[np.bool_]


def region_mask(region: Any, image: Any, index: Index | None) -> Mask:
    """Pixels of an image layer within a region.

    Both layers are placed by their own transforms; what counts is where they lie in the world.

    Parameters
    ----------
    region
        A napari Shapes layer, or a Labels layer whose background is 0.
    image
        The image layer.
    index
        The plane of a stack; ``None`` for all planes, of the last two axes.

    Returns
    -------
    Mask
        Rows and columns; with ``index=None`` and a region that differs from plane to plane, all leading axes as well.
    """
    leading = int(image.ndim) - 2
    data = finest_data(image)
    shape = tuple(int(n) for n in data.shape[: leading + 2])
    plane = partial(_shapes if hasattr(region, "to_masks") else _labels, region, image, shape)
    if index is not None or not leading or region.ndim == 2:
        return plane((*(0 for _ in range(leading)), None, None) if index is None else index)
    return np.stack([plane((*place, None, None)) for place in np.ndindex(*shape[:leading])]).reshape(shape)


def _labels(labels: Any, image: Any, shape: tuple[int, ...], index: Index) -> Mask:
    values = np.asarray(finest_data(labels))
    sides = [size for size, place in zip(shape, index, strict=True) if place is None]
    rows, columns = (part.ravel() for part in np.indices(sides))
    at = iter((rows, columns))
    pixels = np.stack([next(at) if place is None else np.full(rows.size, place) for place in index], axis=1)
    nearest = np.round(_between(image, labels, pixels, index)).astype(np.int64)
    inside = np.all((nearest >= 0) & (nearest < values.shape), axis=1)
    found = np.zeros(rows.size, bool)
    found[inside] = values[tuple(nearest[inside].T)] != 0
    return found.reshape(sides)


def _shapes(shapes: Any, image: Any, shape: tuple[int, ...], index: Index) -> Mask:
    from napari.layers import Shapes

    sides = [axis for axis, place in enumerate(index) if place is None]
    others = [axis for axis, place in enumerate(index) if place is not None]
    found = np.zeros([shape[axis] for axis in sides], bool)
    vertices, kinds = [], []
    for corners, kind in zip(shapes.data, shapes.shape_type, strict=True):
        places = _between(shapes, image, np.asarray(corners, float), index)
        # a shape of a stack belongs to the plane it was drawn in
        if np.allclose(np.round(places[:, others]), [place for place in index if place is not None]):
            vertices.append(places[:, sides])
            kinds.append(kind)
    if vertices:
        found = Shapes(vertices, shape_type=kinds).to_masks(mask_shape=found.shape).any(axis=0)
    return found


def _between(source: Any, target: Any, places: NDArray[Any], index: Index) -> NDArray[np.float64]:
    """Coordinates ``(n, D)`` of one layer in those of another.

    One of them is the image: where the other has fewer axes, it holds for the plane `index` of the image as for any.
    All the transformations of layers are affine, so a few points say what becomes of every other.
    """
    image = source if source.ndim == len(index) else target
    plane = np.asarray(image.data_to_world([place or 0 for place in index]), float)
    dimensions = places.shape[1]
    corners = np.vstack([np.zeros(dimensions), np.eye(dimensions)])
    images = np.array([_one(source, target, corner, plane) for corner in corners])
    moved: NDArray[np.float64] = images[0] + places @ (images[1:] - images[0])
    return moved


def _one(source: Any, target: Any, place: NDArray[np.float64], plane: NDArray[np.float64]) -> NDArray[np.float64]:
    world = np.asarray(source.data_to_world(place), float)
    missing = int(target.ndim) - len(world)
    if missing > 0:
        world = np.concatenate([plane[:missing] if missing <= len(plane) else np.zeros(missing), world])
    return np.asarray(target.world_to_data(world[-int(target.ndim) :]), float)
