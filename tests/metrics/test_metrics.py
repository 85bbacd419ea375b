"""Metrics agree with independent implementations and behave at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from napari_glc.errors import UnsupportedArrayError
from napari_glc.metrics import compare, ms_ssim, psnr


def _noisy(picture: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def test_psnr_is_that_of_scikit_image(parrots):
    noisy = _noisy(parrots, 12)
    assert psnr(parrots, noisy) == pytest.approx(peak_signal_noise_ratio(parrots, noisy, data_range=255))


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
