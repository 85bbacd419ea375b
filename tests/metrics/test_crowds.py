"""Distances between crowds of patches: exact whatever the order, by the protocol others report."""

from __future__ import annotations

import doctest
import itertools
import math

import numpy as np
import pytest
import scipy.linalg

from napari_glc.errors import ModelError, OptionError
from napari_glc.evaluation.measures import Crowds, crowd_distances, gather
from napari_glc.metrics import crowds, patches
from napari_glc.metrics.crowds import Crowd, frechet_distance, kernel_distance
from napari_glc.metrics.patches import PatchGrid

KODAK = [(512, 768)] * 18 + [(768, 512)] * 6


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    rng = np.random.default_rng(3)
    # means that are large beside the spread, where sums of squares would lose digits
    return 1000 + rng.normal(size=(700, 12)) @ rng.normal(size=(12, 12))


def _crowd(features: np.ndarray, *sizes: int) -> Crowd:
    crowd, start = Crowd(), 0
    for size in itertools.cycle(sizes):
        crowd.add(features[start : start + size])
        start += size
        if start >= len(features):
            return crowd


@pytest.mark.parametrize("sizes", [(700,), (1,), (3, 0, 150, 7)])
def test_streamed_statistics_are_those_of_all_features_at_once(features, sizes):
    crowd = _crowd(features, *sizes)
    assert crowd.count == len(features)
    np.testing.assert_allclose(crowd.mean, features.mean(0), rtol=1e-13)
    np.testing.assert_allclose(crowd.covariance, np.cov(features, rowvar=False), rtol=1e-10, atol=1e-10)


def test_crowds_of_several_processes_are_one(features):
    parts = [_crowd(features[start : start + 100], 30) for start in range(0, 700, 100)]
    whole = Crowd()
    for part in [Crowd(), *parts]:
        whole.merge(part)
    np.testing.assert_allclose(whole.covariance, np.cov(features, rowvar=False), rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(whole.features, features.astype(np.float32))


def test_the_frechet_distance_is_that_of_its_definition(features):
    other = features[:400] * 1.05 + 0.3
    first, second = np.cov(features, rowvar=False), np.cov(other, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second).real
    expected = np.sum((features.mean(0) - other.mean(0)) ** 2) + np.trace(first + second - 2 * root)
    assert frechet_distance(_crowd(features, 64), _crowd(other, 64)) == pytest.approx(expected, rel=1e-8)


def test_the_kernel_distance_is_that_of_its_definition(features):
    x, y = (features[:9] - 1000).astype(np.float32), (features[20:33] - 1000).astype(np.float32)

    def kernel(a, b):
        return (sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / 12 + 1) ** 3

    within = [np.mean([kernel(a, b) for a, b in itertools.permutations(side, 2)]) for side in (x, y)]
    between = np.mean([kernel(a, b) for a, b in itertools.product(x, y)])
    assert kernel_distance(_crowd(x, 4), _crowd(y, 4)) == pytest.approx(sum(within) - 2 * between, rel=1e-9)


def test_subsets_do_not_depend_on_how_the_crowd_came_about(features):
    one, other = features[:350] - 1000, features[350:] - 1000
    found = kernel_distance(_crowd(one, 350), _crowd(other, 350), subsets=10, size=50)
    assert kernel_distance(_crowd(one, 17), _crowd(other, 5), subsets=10, size=50) == found


def test_kodak_has_the_patches_that_papers_count():
    assert sum(PatchGrid().count(*sides) for sides in KODAK) == 192
    assert sum(PatchGrid(64).count(*sides) for sides in KODAK) == 24 * (8 * 12 + 7 * 11)
    assert sum(PatchGrid(shifted=False).count(*sides) for sides in KODAK) == 144


@pytest.mark.parametrize(
    "sides", [(1356, 2040), (2048, 1365), (256, 256), (383, 384), (384, 384), (255, 2000), (511, 769)]
)
def test_patches_are_all_whole_ones_on_both_grids_and_no_others(sides):
    grid, (height, width) = PatchGrid(), sides
    expected = height // 256 * (width // 256) + max(0, height - 128) // 256 * (max(0, width - 128) // 256)
    corners = list(grid.corners(*sides))
    assert grid.count(*sides) == expected == len(corners) == len(set(corners))
    for top, left in corners:
        assert top % 256 == left % 256
        assert top % 128 == 0
        assert top + 256 <= height
        assert left + 256 <= width


def test_patches_are_parts_of_the_picture(parrots):
    cut = list(PatchGrid(64).cut(parrots))
    for patch, (top, left) in zip(cut, PatchGrid(64).corners(*parrots.shape[:2]), strict=True):
        assert np.array_equal(patch, parrots[top : top + 64, left : left + 64])
        assert np.shares_memory(patch, parrots)


@pytest.mark.parametrize("size", [0, 16, 100])
def test_patches_of_odd_sizes_are_refused(size):
    with pytest.raises(OptionError, match=f"patches of {size} pixels are not looked into"):
        PatchGrid(size)


def test_what_networks_see_of_patches_tells_noise_from_order(parrots):
    """The offline distances: zero of equal crowds, in whatever order, and larger the more is wrong."""
    names, grid = ["frechet", "kernel"], PatchGrid(64)
    crop = parrots[:192, :256]
    noise = np.random.default_rng(0).normal(size=crop.shape)
    noisy = [np.clip(crop + sigma * noise, 0, 255).astype(np.uint8) for sigma in (8, 40)]
    original = gather([crop], names, grid=grid)
    assert original.patches == 12 + 6
    distances = [crowd_distances(original, gather([each], names, grid=grid), names) for each in (crop, *noisy)]
    assert distances[0]["frechet"] == pytest.approx(0, abs=1e-6)
    assert distances[0]["frechet"] < distances[1]["frechet"] < distances[2]["frechet"]
    assert distances[1]["kernel"] < distances[2]["kernel"]
    parts = gather([crop[:, 128:], crop[:, :128]], names, grid=PatchGrid(64, shifted=False))
    whole = gather([crop], names, grid=PatchGrid(64, shifted=False))
    assert crowd_distances(parts, whole, ["frechet"])["frechet"] == pytest.approx(0, abs=1e-3)


def test_too_few_patches_are_refused_in_one_line(parrots):
    crowds = gather([parrots[:64, :64]], ["frechet"], grid=PatchGrid(64))
    with pytest.raises(OptionError, match="is about patches of 64 pixels, of which these pictures have 1; take more"):
        crowd_distances(crowds, crowds, ["frechet"])
    with pytest.raises(OptionError, match="have 0"):
        crowd_distances(Crowds(PatchGrid()), Crowds(PatchGrid()), ["kernel"])
    with pytest.raises(OptionError, match="patches of 64 and 256 pixels"):
        crowd_distances(crowds, Crowds(PatchGrid()), ["frechet"])
    with pytest.raises(OptionError, match="there is none"):
        kernel_distance(Crowd(), Crowd())


def test_features_that_are_no_numbers_are_refused():
    with pytest.raises(ModelError, match="not finite"):
        Crowd().add(np.array([[1.0, math.nan]]))


@pytest.mark.parametrize("module", [crowds, patches])
def test_docstring_examples_run(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
