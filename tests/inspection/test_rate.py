"""A rate session gives what encoding and decoding give, for a part of the work."""

from __future__ import annotations

import numpy as np
import pytest

import napari_glc
from napari_glc.errors import Cancelled, OptionError
from napari_glc.inspection.rate.session import RateSession


@pytest.fixture(scope="module")
def picture(parrots) -> np.ndarray:
    """192 x 256 RGB."""
    return np.ascontiguousarray(parrots[160:352, 256:512])


@pytest.fixture(scope="module")
def session(picture) -> RateSession:
    return RateSession(picture, device="cpu")


@pytest.mark.parametrize("quality", [0, 37.3, 100])
def test_a_step_is_the_encoded_file_and_its_pixels(session, picture, quality):
    step = session.at(quality)
    data = napari_glc.encode(picture, quality=quality, device="cpu")
    assert step.data == data
    assert step.size == len(data)
    assert step.bpp == napari_glc.GlcFile(data).bpp
    assert step.quality == round(2 * quality) / 2
    assert np.array_equal(step.pixels, napari_glc.decode(data, device="cpu"))
    assert step.psnr == napari_glc.metrics.fidelity.psnr(picture, step.pixels)


def test_grey_pictures_of_odd_sides_too(embryo):
    picture = embryo[:101, :237]
    step = RateSession(picture, device="cpu").at(60)
    data = napari_glc.encode(picture, quality=60, device="cpu")
    assert step.data == data
    assert np.array_equal(step.pixels, napari_glc.decode(data, device="cpu"))


def test_several_tiles_and_blocks(parrots, monkeypatch):
    from napari_glc.codecs import blocks

    monkeypatch.setattr(blocks, "BLOCK", 256)
    picture = parrots[:320, :384]
    session = RateSession(picture, device="cpu", tile=192)
    step = session.at(25)
    data = napari_glc.encode(picture, quality=25, device="cpu", tile=192)
    assert len(session.grid) == 4
    assert step.data == data
    assert np.array_equal(step.pixels, napari_glc.decode(data, device="cpu"))


@pytest.mark.parametrize("quality", [0, 40, 44])
def test_index_maps_too(parrots, vqgan, quality):
    picture = parrots[:128, :192]
    session = RateSession(picture, codec="vqgan", device="cpu")
    step = session.at(quality)
    data = napari_glc.encode(picture, codec="vqgan", quality=quality, device="cpu")
    assert step.data == data
    assert np.array_equal(step.pixels, napari_glc.decode(data, device="cpu"))
    file = napari_glc.GlcFile(step.data, device="cpu")
    found = vqgan.read_map(file.chunk, file.coding(), file.container.grid.plane, print, strict=True)
    assert found.indices.shape == (8, 12)
    assert np.array_equal(found.indices, vqgan.index_map(picture, quality, print))


def test_qualities_of_one_codebook_share_the_work(parrots):
    session = RateSession(parrots[:128, :128], codec="vqgan", device="cpu")
    first, second = session.at(49), session.at(51)
    assert second.bits is first.bits
    assert (first.quality, second.quality) == (49, 51)
    assert first.data != second.data


def test_a_step_stops_when_its_progress_says_so(session):
    calls = []

    def stop(done, total):
        calls.append((done, total))
        if done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        session.at(50, stop)
    assert calls[-1][0] == 2
    assert session.at(50).size > 0


@pytest.mark.parametrize(("codec", "quality"), [("glc", 20), ("vqgan", 20)])
def test_pixels_are_told_once_and_before_the_end(parrots, codec, quality):
    session = RateSession(parrots[:128, :192], codec=codec, device="cpu")
    shown = []
    step = session.at(quality, shown=shown.append)
    again = session.at(quality, shown=shown.append)
    assert len(shown) == 2
    for pixels in (*shown, again.pixels):
        assert np.array_equal(pixels, step.pixels)

    def enough(pixels):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        session.at(60, shown=enough)


def test_a_quality_out_of_range_is_refused(session):
    with pytest.raises(OptionError, match="0 to 100"):
        session.at(101)
