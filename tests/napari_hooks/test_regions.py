"""Shapes and labels as regions of an image, wherever the layers lie."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Labels, Shapes

from napari_glc._napari.regions import region_mask


def test_labels_of_another_resolution_and_place():
    image = Image(np.zeros((40, 60), np.uint8), scale=(0.5, 0.5), translate=(3, 4))
    values = np.zeros((20, 30), int)
    values[5:10, 10:20] = 7
    mask = region_mask(Labels(values, scale=(1, 1), translate=(3.25, 4.25)), image, (None, None))
    wanted = np.zeros((40, 60), bool)
    wanted[10:20, 20:40] = True
    np.testing.assert_array_equal(mask, wanted)


def test_shapes_drawn_in_the_world():
    image = Image(np.zeros((40, 60), np.uint8), scale=(0.5, 0.5), translate=(3, 4))
    corners = np.array([[8, 9], [8, 19], [13, 19], [13, 9]], float)
    mask = region_mask(Shapes([corners], shape_type="polygon"), image, (None, None))
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert abs(rows[0] - 10) <= 1
    assert abs(rows[-1] - 20) <= 1
    assert abs(columns[0] - 10) <= 1
    assert abs(columns[-1] - 30) <= 1
    assert mask.sum() > 180


def test_regions_of_a_stack_hold_for_the_plane_they_were_drawn_in():
    image = Image(np.zeros((3, 20, 20), np.uint8))
    drawn = np.array([[1, 4, 4], [1, 4, 9], [1, 9, 9], [1, 9, 4]], float)
    shapes = Shapes([drawn], shape_type="polygon", ndim=3)
    assert region_mask(shapes, image, (1, None, None)).sum() > 20
    assert not region_mask(shapes, image, (2, None, None)).any()
    whole = region_mask(shapes, image, None)
    assert whole.shape == (3, 20, 20)
    assert [bool(plane.any()) for plane in whole] == [False, True, False]


def test_a_flat_region_holds_for_all_planes():
    image = Image(np.zeros((3, 20, 20), np.uint8))
    labels = np.zeros((20, 20), int)
    labels[:5] = 1
    mask = region_mask(Labels(labels), image, None)
    assert mask.shape == (20, 20)
    assert mask[:5].all()
    assert not mask[5:].any()


def test_a_flat_shape_holds_for_any_plane_and_a_section_for_its_own():
    image = Image(np.zeros((6, 20, 30), np.uint8), scale=(3, 1, 1))
    flat = Shapes([np.array([[4, 4], [4, 9], [9, 9], [9, 4]], float)], shape_type="polygon")
    assert region_mask(flat, image, (5, None, None)).sum() > 20
    drawn = np.array([[3, 7, 4], [3, 7, 9], [12, 7, 9], [12, 7, 4]], float)
    across = Shapes([drawn], shape_type="polygon", ndim=3)
    mask = region_mask(across, image, (None, 7, None))
    assert mask.shape == (6, 30)
    assert mask[1:5, 4:10].mean() > 0.7
    assert not region_mask(across, image, (None, 8, None)).any()
    values = np.zeros((6, 20, 30), int)
    values[2, 7, 3] = 1
    assert np.argwhere(region_mask(Labels(values, scale=(3, 1, 1)), image, (None, 7, None))).tolist() == [[2, 3]]
