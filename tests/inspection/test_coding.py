"""A plane there and back: the figures are those of the file."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

import napari_glc
from napari_glc.errors import Cancelled, MissingModelError
from napari_glc.inspection import coding
from napari_glc.inspection.coding import UNITS, CodingOptions, code_plane
from napari_glc.metrics import compare


def test_figures_are_those_of_the_file(parrots):
    picture = np.ascontiguousarray(parrots[:192, :256])
    ticks: list[int] = []
    metadata = {"scale": [0.5, 0.5]}

    def progress(done: int, total: int) -> None:
        assert total == UNITS
        ticks.append(done)

    result = code_plane(picture, CodingOptions(quality=30.5, device="cpu"), metadata=metadata, progress=progress)
    assert result.data == napari_glc.encode(picture, quality=30.5, metadata=metadata, device="cpu")
    np.testing.assert_array_equal(result.pixels, napari_glc.decode(result.data))
    assert ticks == sorted(ticks)
    assert (ticks[0], ticks[-1]) == (0, UNITS)
    assert result.size == len(result.data)
    assert result.bpp == 8 * len(result.data) / (192 * 256)
    assert result.ratio == 192 * 256 * 3 / len(result.data)
    fidelity = compare(picture, result.pixels)
    assert (result.psnr, result.ms_ssim) == (fidelity.psnr, fidelity.ms_ssim)
    assert (result.codec, result.model, result.device, result.options) == ("glc", "glc-small", "cpu", {})
    assert result.facts()["bytes"] == result.size
    assert result.encode_seconds > 0 < result.decode_seconds


def test_a_wanted_rate_counts_the_whole_file(parrots):
    picture = np.ascontiguousarray(parrots[:64, :128])
    result = code_plane(picture, CodingOptions(bpp=0.06, device="cpu"))
    assert result.data == napari_glc.encode(picture, quality=result.quality)
    assert abs(result.bpp - 0.06) < 0.01


def test_index_maps_keep_grey_and_their_options(vqgan, embryo):
    picture = np.ascontiguousarray(embryo[:128, :192])
    options = CodingOptions(codec="vqgan", quality=0, options={"index_coder": "zip", "packets": 3}, device="cpu")
    result = code_plane(picture, options)
    assert result.pixels.shape == (128, 192)
    assert result.options == {"index_coder": "zip", "packets": 3}
    assert napari_glc.GlcFile(result.data).options.facts() == result.options
    assert result.raw_bytes == 128 * 192
    assert np.isnan(result.ms_ssim)


@pytest.mark.parametrize("options", [CodingOptions(device="cpu"), CodingOptions(bpp=0.03, device="cpu")])
def test_every_part_of_the_work_can_be_stopped(parrots, options):
    picture = np.ascontiguousarray(parrots[200:264, 300:428])
    for last in (0, 50, 600):

        def stop(done: int, total: int, last: int = last) -> None:
            if done >= last:
                raise Cancelled("enough")

        with pytest.raises(Cancelled):
            code_plane(picture, options, progress=stop)


def test_a_missing_model_is_named(parrots):
    with pytest.raises(MissingModelError, match="nonsense"):
        code_plane(parrots, CodingOptions(model="nonsense"))


def test_the_example_runs():
    found = doctest.testmod(coding)
    assert found.attempted > 0
    assert found.failed == 0
