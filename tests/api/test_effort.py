"""Effort through every door: the library, Zarr, imageio, folders."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_glc
from napari_glc.batch import encode_item
from napari_glc.errors import Cancelled, OptionError
from napari_glc.interop.imageio_plugin import GlcPlugin  # noqa: F401 (registers itself)
from napari_glc.interop.zarr_codec import GlcZarrCodec


@pytest.fixture(scope="module")
def picture(motocross: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(motocross[190:254, 380:444])


@pytest.fixture(scope="module")
def worked(picture) -> bytes:
    return napari_glc.encode(picture, quality=30, effort=2)


def test_more_effort_is_another_file_that_says_nothing_of_it(picture, worked):
    plain = napari_glc.encode(picture, quality=30)
    assert napari_glc.encode(picture, quality=30, effort=0) == plain
    assert worked != plain
    assert worked[:8] == plain[:8]
    assert napari_glc.decode(worked).shape == picture.shape


def test_every_door_leads_to_the_same_file(picture, worked, tmp_path: Path):
    napari_glc.imwrite(tmp_path / "a.glc", picture, quality=30, effort=2)
    assert (tmp_path / "a.glc").read_bytes() == worked
    assert iio.imwrite("<bytes>", picture, extension=".glc", quality=30, effort=2) == worked
    codec = GlcZarrCodec(rgb=True, quality=30, effort=2)
    assert codec.to_dict()["configuration"]["effort"] == 2
    assert codec.options.encode(picture) == worked


def test_what_a_batch_makes_of_a_picture(picture, worked, tmp_path: Path):
    """What its processes do, in this one."""
    iio.imwrite(tmp_path / "a.png", picture)
    assert encode_item(str(tmp_path / "a.png"), str(tmp_path / "a.glc"), {"quality": 30, "effort": 2}) is None
    assert (tmp_path / "a.glc").read_bytes() == worked


def test_work_stops_when_progress_raises(picture):
    told = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        if done > total // 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        napari_glc.encode(picture, effort=3, progress=progress)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_progress_of_several_tiles_ends_where_it_should(picture):
    told = []
    wide = np.concatenate((picture, picture), axis=1)
    napari_glc.encode(wide, effort=2, tile=64, progress=lambda done, total: told.append((done, total)))
    shares = [done / total for done, total in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) > 4


def test_a_stack_of_16_bits_with_tiles_and_weights_for_each_plane(picture):
    stack = np.stack([picture[..., 0], picture[::-1, :, 1]]).astype(np.uint16) * 100
    stack = np.concatenate((stack, stack[..., ::-1]), axis=-1)
    weights = np.ones(stack.shape, np.float32)
    weights[0, :, :64], weights[1, :, 64:] = 9, 9
    sizes = []
    for importance in (weights, weights[::-1]):
        data = napari_glc.encode(stack, axes="ZYX", quality=30, tile=64, effort=1, importance=importance)
        file = napari_glc.GlcFile(data)
        assert file.read().dtype == np.uint16
        sizes.append([len(file.chunk(number)) for number in range(4)])
    assert sizes[0][0] >= sizes[1][0]
    assert sizes[0] != sizes[1]


def test_whoever_is_content_gets_what_there_is_for_all_planes(picture):
    stack = np.stack([picture[..., 0], picture[..., 1]])
    told = []

    def watch(standing) -> bool:
        told.append(standing.best_bytes)
        return True

    kept = napari_glc.encode(stack, axes="ZYX", effort=9, watch=watch)
    assert kept == napari_glc.encode(stack, axes="ZYX")
    assert len(told) == 1


@pytest.mark.parametrize("effort", [-1, 10, 2.5, True, "3"])
def test_efforts_that_do_not_exist_are_refused(picture, effort):
    with pytest.raises(OptionError, match="effort must"):
        napari_glc.encode(picture, effort=effort)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.full((64, 64), np.nan), "NaN"),
        (np.full((64, 64), -1.0), "negative"),
        (np.ones((64, 63)), "64 x 64 pixels; this is 64 x 63"),
        (np.zeros((64, 64)), "zero all over"),
        (np.ones((64, 64), complex), "real numbers"),
        (3.0, "a single number"),
    ],
)
def test_weights_that_make_no_sense_are_refused(picture, weights, words):
    with pytest.raises(OptionError, match=words):
        napari_glc.encode(picture, effort=2, importance=weights)


def test_weights_need_an_encoder_that_can_weigh(picture):
    mask = np.ones((64, 64), bool)
    with pytest.raises(OptionError, match="effort of at least 1"):
        napari_glc.encode(picture, codec="vqgan", importance=mask)
    with pytest.raises(OptionError, match="cannot weigh pixels; importance is for"):
        napari_glc.encode(picture, codec="perco", importance=mask)


def test_codewords_are_chosen_by_what_the_generator_makes_of_them(picture):
    told = []
    options = {"codec": "vqgan", "index_coder": "transformer"}
    data = napari_glc.encode(picture, effort=4, watch=lambda standing: told.append(standing), **options)
    first, last = told[0], told[-1]
    assert first.best_bytes == len(napari_glc.GlcFile(napari_glc.encode(picture, **options)).chunk(0))
    assert last.best_distance < first.best_distance
    np.testing.assert_array_equal(napari_glc.decode(data), last.picture())


def test_codewords_in_packets_and_tiles_with_weights(picture):
    wide = np.concatenate((picture, picture[:, ::-1]), axis=1)
    weights = np.ones(wide.shape[:2])
    weights[:, 64:] = 9
    options = {"codec": "vqgan", "effort": 3, "tile": 64, "packets": 2}
    data = napari_glc.encode(wide, importance=weights, **options)
    assert data != napari_glc.encode(wide, **options)
    assert napari_glc.decode(data).shape == wide.shape
