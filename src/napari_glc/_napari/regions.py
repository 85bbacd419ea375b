"""A Shapes or Labels layer as a region of an image layer: which of its pixels lie within."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["region_mask"]

Mask = NDArray[np.bool_]


def region_mask(region: Any, image: Any, index: tuple[int, ...] | None) -> Mask:
    """Pixels of an image layer within a region.

    Both layers are placed by their own scale, translation and rotation; what counts is where they lie in the world.

    Parameters
    ----------
    region
        A napari Shapes layer, or a Labels layer whose background is 0.
    image
        The image layer.
    index
        The plane of a stack, as indices of its leading axes; ``None`` for all planes.

    Returns
    -------
    Mask
        ``(Y, X)``; with ``index=None`` and a region that differs from plane to plane, of all leading axes as well.
    """
    leading = int(image.ndim) - 2
    data = image.data[0] if image.multiscale else image.data
    shape = tuple(int(n) for n in data.shape[: leading + 2])
    if index is not None or not leading or region.ndim == 2:
        return _plane(region, image, shape, index or (0,) * leading)
    return np.stack([_plane(region, image, shape, place) for place in np.ndindex(*shape[:leading])]).reshape(shape)


def _plane(region: Any, image: Any, shape: tuple[int, ...], index: tuple[int, ...]) -> Mask:
    return _shapes(region, image, shape, index) if hasattr(region, "to_masks") else _labels(region, image, shape, index)


def _labels(labels: Any, image: Any, shape: tuple[int, ...], index: tuple[int, ...]) -> Mask:
    values = np.asarray(labels.data[0] if labels.multiscale else labels.data)
    rows, columns = np.indices(shape[-2:])
    fixed = [np.full(rows.size, place) for place in index]
    places = _between(image, labels, np.stack([*fixed, rows.ravel(), columns.ravel()], axis=1))
    nearest = np.round(places).astype(np.int64)
    inside = np.all((nearest >= 0) & (nearest < values.shape), axis=1)
    found = np.zeros(rows.size, bool)
    found[inside] = values[tuple(nearest[inside].T)] != 0
    return found.reshape(shape[-2:])


def _shapes(shapes: Any, image: Any, shape: tuple[int, ...], index: tuple[int, ...]) -> Mask:
    from napari.layers import Shapes

    found = np.zeros(shape[-2:], bool)
    vertices, kinds = [], []
    for corners, kind in zip(shapes.data, shapes.shape_type, strict=True):
        places = _between(shapes, image, np.asarray(corners, float))
        # a shape of a stack belongs to the plane it was drawn in
        if np.allclose(np.round(places[:, :-2]), index[len(index) - (places.shape[1] - 2) :]):
            vertices.append(places[:, -2:])
            kinds.append(kind)
    if vertices:
        found = Shapes(vertices, shape_type=kinds).to_masks(mask_shape=shape[-2:]).any(axis=0)
    return found


def _between(source: Any, target: Any, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates ``(n, D)`` of one layer in those of another, which may have fewer or more leading axes.

    All the transformations of layers are affine, so a few points say what becomes of every other.
    """
    dimensions = places.shape[1]
    corners = np.vstack([np.zeros(dimensions), np.eye(dimensions)])
    images = np.array([_one(source, target, corner) for corner in corners])
    moved: NDArray[np.float64] = images[0] + places @ (images[1:] - images[0])
    return moved


def _one(source: Any, target: Any, place: NDArray[np.float64]) -> NDArray[np.float64]:
    world = np.asarray(source.data_to_world(place), float)
    missing = int(target.ndim) - len(world)
    if missing > 0:
        world = np.concatenate([np.zeros(missing), world])
    return np.asarray(target.world_to_data(world[-int(target.ndim) :]), float)
