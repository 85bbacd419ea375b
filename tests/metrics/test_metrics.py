"""Metrics agree with independent implementations and behave at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_glc.errors import UnsupportedArrayError
from napari_glc.metrics import absolute_error, compare, ms_ssim, psnr
from napari_glc.metrics.feature_distance import FeatureDistance, distance_of_arrays


def _noisy(picture: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def test_psnr_is_that_of_its_definition(parrots):
    noisy = _noisy(parrots, 12)
    error = sum(int(d) ** 2 for d in (parrots.astype(int) - noisy).ravel().tolist()) / parrots.size
    assert psnr(parrots, noisy) == pytest.approx(10 * math.log10(255**2 / error), abs=1e-9)
    assert psnr(np.zeros((9, 9), np.uint8), np.full((9, 9), 255, np.uint8)) == 0


def test_identical_pictures_are_perfect(embryo):
    assert psnr(embryo, embryo) == math.inf
    assert ms_ssim(embryo, embryo) == pytest.approx(1)


def test_more_noise_is_worse(parrots):
    values = [compare(parrots, _noisy(parrots, sigma)) for sigma in (5, 20, 60)]
    assert [v.psnr for v in values] == sorted((v.psnr for v in values), reverse=True)
    assert [v.ms_ssim for v in values] == sorted((v.ms_ssim for v in values), reverse=True)


def test_small_pictures_have_no_ms_ssim(parrots):
    assert math.isnan(ms_ssim(parrots[:160, :300], parrots[:160, :300]))


def test_shapes_must_agree(parrots):
    with pytest.raises(UnsupportedArrayError):
        compare(parrots, parrots[..., 0])


def test_only_8_bit_pictures_are_compared(parrots):
    spoilt = np.where(parrots > 250, np.nan, parrots.astype(np.float32))
    with pytest.raises(
        UnsupportedArrayError, match="float32 samples cannot be measured as they are: bring them to 8 bits"
    ):
        compare(spoilt, parrots)


def test_the_absolute_error_is_that_of_the_worst_channel():
    original = np.array([[[10, 200, 30]]], np.uint8)
    decoded = np.array([[[15, 190, 30]]], np.uint8)
    assert absolute_error(original, decoded).tolist() == [[10]]
    assert absolute_error(original[..., 0], decoded[..., 0]).tolist() == [[5]]
    with pytest.raises(UnsupportedArrayError):
        absolute_error(original, decoded[..., 0])


def test_what_was_seen_of_an_original_is_kept_for_that_original_alone(parrots):
    original, other = parrots[:64, :96].copy(), parrots[64:128, :96]
    fresh = [distance_of_arrays(FeatureDistance("squeezenet")) for _ in range(3)]
    first = fresh[0](original, other)
    assert fresh[0](original, other) == first
    assert fresh[0](other, original) == pytest.approx(first, rel=1e-6)
    # the same array with another content
    original[:32] = 0
    assert fresh[0](original, other) == fresh[1](original, other) != first
    # and the same content in another array
    assert fresh[0](parrots[:64, :96], other) == fresh[2](parrots[:64, :96], other) == first


def test_an_original_is_looked_at_once(parrots, monkeypatch):
    looked = []
    look = FeatureDistance.look
    monkeypatch.setattr(
        FeatureDistance, "look", lambda self, picture: looked.append(picture.shape) or look(self, picture)
    )
    distance = distance_of_arrays(FeatureDistance("squeezenet"))
    for top in (0, 8, 16):
        distance(parrots[:64, :96], parrots[top : top + 64, :96])
    assert len(looked) == 1 + 3
