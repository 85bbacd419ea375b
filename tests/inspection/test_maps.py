"""Bit map and invention maps: sums that agree with files, and detail where there is some."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_glc
from napari_glc.inspection.rate.maps import detail_beyond, detail_unlike, local_energy
from napari_glc.inspection.rate.session import RateSession


@pytest.fixture(scope="module")
def session(parrots) -> RateSession:
    return RateSession(parrots, device="cpu")


@pytest.mark.parametrize("quality", [0, 50, 100])
def test_the_bit_map_adds_up_to_the_streams(session, quality):
    step = session.at(quality)
    bits = step.bits()
    streams = napari_glc.GlcFile(step.data).streams()
    assert bits.shape == (32, 48)
    assert bits.min() > 0
    assert bits.sum() == pytest.approx(8 * (streams["hyper"] + streams["symbols"]), rel=0.02)


def test_bits_are_where_the_picture_is_busy(session, parrots):
    bits = session.at(50).bits()
    values = parrots.astype(float)
    busy = local_energy(values - gaussian_filter(values, (4, 4, 0)), 16)
    assert np.corrcoef(bits.ravel(), busy.ravel())[0, 1] > 0.25


def test_the_bit_map_of_several_tiles_with_padding(parrots):
    picture = parrots[:300, :330]
    session = RateSession(picture, device="cpu", tile=128)
    step = session.at(50)
    bits = step.bits()
    streams = napari_glc.GlcFile(step.data).streams()
    assert bits.shape == (20, 24)
    assert bits.sum() == pytest.approx(8 * (streams["hyper"] + streams["symbols"]), rel=0.03)


def test_the_bit_map_of_an_index_map(parrots, vqgan):
    session = RateSession(parrots[:256, :256], codec="vqgan", device="cpu")
    step = session.at(60)
    bits = step.bits()
    assert bits.shape == (16, 16)
    assert bits.sum() == pytest.approx(8 * step.payload)
    indices = vqgan.index_map(session.picture, 60, print)
    values, counts = np.unique(indices, return_counts=True)
    rarest, commonest = values[counts.argmin()], values[counts.argmax()]
    assert bits[indices == rarest].min() > bits[indices == commonest].max()


def test_local_energy_cuts_cells_at_the_border():
    difference = np.zeros((5, 7))
    difference[4, 4:] = 3
    found = local_energy(difference, 4)
    assert found.shape == (2, 2)
    assert found[1, 1] == pytest.approx(3)
    assert found[0].max() == 0
    colours = local_energy(np.stack([difference, 0 * difference], axis=-1), 4)
    assert colours[1, 1] == pytest.approx(3 / np.sqrt(2))


def test_added_texture_is_found_and_only_there(parrots):
    """A known invention: noise of 12 grey levels laid over one part of a picture."""
    original = parrots[:256, :256, 0]
    decoded = original.astype(float)
    noise = np.random.default_rng(0).normal(0, 12, (64, 64))
    decoded[64:128, 128:192] += noise
    decoded = decoded.clip(0, 255).round().astype(np.uint8)
    found = detail_unlike(original, decoded, 16)
    assert found[5:7, 9:11].mean() == pytest.approx(12, rel=0.2)
    assert found[10:].max() < 0.2


def test_paler_detail_is_no_invention(parrots):
    original = parrots[:256, :256]
    paler = (0.5 * original + 60).round().astype(np.uint8)
    assert detail_unlike(original, paler, 16).max() < 0.5
    assert detail_unlike(original, original, 16).max() < 1e-3


def test_detail_beyond_the_preview_grows_with_the_rate(session):
    means = []
    for quality in (0, 100):
        step = session.at(quality)
        preview = napari_glc.decode(step.data, device="cpu", preview=True)
        means.append(detail_beyond(step.pixels, preview, 16).mean())
    assert 0 < means[0] < means[1]
