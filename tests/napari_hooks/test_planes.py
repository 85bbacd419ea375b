"""The plane a viewer shows, and where what is made of it belongs, however layer and viewer are turned."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_glc._napari.layer_planes import index_on_display, plane_of_layer
from napari_glc._napari.placements import deepened, matrix_of, placement_of_layer, reduced

pytestmark = pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")

TURNED = {
    "plain": {},
    "turned": {"rotate": (0, 0, 30)},
    "three angles": {"rotate": (10, 20, 30)},
    "sheared": {"shear": (0, 0, 0.3)},
    "affine": {"affine": np.array([[2, 0, 0, 1], [0, 0.9, -0.3, 5], [0, 0.3, 1.1, -4], [0, 0, 0, 1]])},
    "all": {"rotate": (5, -20, 40), "shear": (0.1, 0.2, 0.3), "affine": np.diag([1.0, 2, 3, 1])},
}


def _stack(**options) -> Image:
    values = np.random.default_rng(0).integers(0, 255, (5, 20, 30)).astype(np.uint8)
    return Image(values, scale=(2, 0.5, 0.25), translate=(7, 3, -2), name="stack", **options)


def _world(layer, places) -> np.ndarray:
    return np.array([layer.data_to_world(place) for place in places])


@pytest.mark.parametrize("turned", TURNED.values(), ids=TURNED)
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1)])
def test_what_is_on_screen_is_what_is_taken_and_results_lie_on_it(turned, order):
    viewer = ViewerModel()
    layer = viewer.add_layer(_stack(**turned))
    np.testing.assert_allclose(matrix_of(placement_of_layer(layer)), layer._data_to_world.affine_matrix, atol=1e-12)
    viewer.dims.order = order
    # somewhere within: of a tilted stack, only few steps of the slider show anything
    steps = range(viewer.dims.nsteps[order[0]])
    within = [step for step in steps if not viewer.dims.set_current_step(order[0], step) and not layer._slice.empty]
    viewer.dims.set_current_step(order[0], within[-1])
    plane = plane_of_layer(layer, viewer.dims)
    seen = np.asarray(layer._slice.image.raw)
    if order[1] > order[2]:
        seen = seen.T
    np.testing.assert_array_equal(plane.read(), seen)

    # a map with an element for 4 x 4 pixels that begins 4 rows and 8 columns within the plane
    rows, columns = plane.sides
    values = np.zeros((3, 2), np.uint8)
    made = viewer.add_layer(Image(plane.lifted(values), **plane.placed(4, (4, 8))))
    corner = np.array([number or 0 for number in plane.index], float)
    for row, column in ((-0.5, -0.5), (2.5, 1.5)):
        of_map, of_plane = np.zeros(3), corner.copy()
        of_map[[rows, columns]] = row, column
        of_plane[[rows, columns]] = 4 * (row + 0.5) - 0.5 + 4, 4 * (column + 0.5) - 0.5 + 8
        np.testing.assert_allclose(made.data_to_world(of_map), layer.data_to_world(of_plane), atol=1e-9)
    shown = np.asarray(made._slice.image.raw)
    assert shown.size == values.size
    viewer.dims.set_current_step(order[0], within[0])
    assert made._slice.empty == (index_on_display(layer, viewer.dims) != plane.index)


@pytest.mark.parametrize("name", ["plain", "turned", "sheared", "affine"])
def test_pointing_at_a_turned_layer_finds_its_pixels(name):
    layer = _stack(**TURNED[name])
    viewer = ViewerModel()
    viewer.add_layer(layer)
    viewer.dims.set_current_step(0, 3)
    plane = plane_of_layer(layer, viewer.dims)
    assert plane.title == f"stack[{plane.index[0]}]"
    for row, column in ((0, 0), (7.25, 22)):
        world = layer.data_to_world((plane.index[0], row, column))
        np.testing.assert_allclose(plane.pixel_at(world), (row, column), atol=1e-9)
        np.testing.assert_allclose(plane.world_at(row, column), world, atol=1e-9)
    assert plane.pixel_at(layer.data_to_world((plane.index[0] + 1, 7, 22))) is None
    assert plane.pixel_at((1.0, 2.0)) is None


def test_channels_stand_before_the_axes_of_their_plane():
    layer = _stack(**TURNED["all"])
    plane = plane_of_layer(layer)
    stack = Image(plane.lifted(np.zeros((6, 20, 30)), front=1), **deepened(plane.placed(), "channel"))
    assert stack.data.shape == (6, 1, 20, 30)
    np.testing.assert_allclose(stack.data_to_world((4, 0, 7, 9))[1:], layer.data_to_world((0, 7, 9)), atol=1e-9)
    assert stack.data_to_world((4, 0, 7, 9))[0] == 4


def test_a_plane_alone_keeps_what_turns_it_in_itself():
    for name, keeps in {"plain": True, "turned": True, "sheared": True, "affine": True, "three angles": False}.items():
        layer = _stack(**TURNED[name])
        placement, said = reduced(placement_of_layer(layer), (1, 2))
        assert said == keeps
        flat = Image(np.zeros((20, 30)), **placement)
        if keeps:
            np.testing.assert_allclose(flat.data_to_world((7, 9)), layer.data_to_world((0, 7, 9))[1:], atol=1e-9)
        np.testing.assert_array_equal(flat.scale, (0.5, 0.25))


def test_outlines_of_a_turned_layer_lie_on_it():
    layer = _stack(**TURNED["all"])
    plane = plane_of_layer(layer)
    corners = np.array([[0, 2, 3], [0, 2, 9], [0, 8, 9], [0, 8, 3]], float)
    shapes = Shapes([corners], shape_type="rectangle", **plane.placed())
    np.testing.assert_allclose(_world(shapes, shapes.data[0]), _world(layer, corners), atol=1e-9)
