"""The distance of textures: what it forgives and what it does not, on a photograph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_glc.training.texture_loss import texture_distance


@pytest.fixture
def texture(motocross) -> Tensor:
    """A piece of a photograph, ``(1, 3, 128, 128)`` in [-1, 1]."""
    return _scaled(motocross[100:228, 100:228])


@pytest.fixture
def shifted(motocross) -> Tensor:
    """The same two pixels on."""
    return _scaled(motocross[100:228, 102:230])


def _scaled(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels.copy()).float().permute(2, 0, 1)[None] / 127.5 - 1


def distance(one: Tensor, other: Tensor, sigma: float) -> float:
    return float(texture_distance([one], [other], torch.tensor([sigma])))


def test_without_freedom_it_is_the_squared_error(texture):
    other = texture.flip(-1)
    scale = float(texture.var((0, 2, 3)).mean())
    assert distance(other, texture, 0.0) == pytest.approx(float((other - texture).square().mean()) / scale, rel=1e-4)


@pytest.mark.parametrize("sigma", [8.0, 12.0, 32.0])
def test_a_shifted_texture_is_nearer_than_a_blurred_one(texture, shifted, sigma):
    blurred = F.avg_pool2d(F.pad(texture, (2, 2, 2, 2), mode="replicate"), 5, 1)
    assert distance(shifted, texture, sigma) < 0.6 * distance(blurred, texture, sigma)
    assert distance(shifted, texture, 0.0) > distance(blurred, texture, 0.0)


def test_each_picture_has_its_own_freedom(texture, shifted):
    found = texture_distance([torch.cat([shifted] * 2)], [torch.cat([texture] * 2)], torch.tensor([1.0, 16.0]))
    assert float(found[1]) == pytest.approx(distance(shifted, texture, 16.0), rel=1e-4)
    assert float(found[0]) > 3 * float(found[1])
