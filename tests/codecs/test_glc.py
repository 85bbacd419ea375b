"""The glc codec on real pictures with the embedded model."""

from __future__ import annotations

import io

import numpy as np
import pytest
from scipy.stats import norm

import napari_glc
from napari_glc import GlcFile
from napari_glc._base import threads
from napari_glc.codecs import blocks
from napari_glc.codecs.glc.streams import hyper_size, stream_sizes
from napari_glc.container import parse, read_chunk
from napari_glc.entropy.scales import SCALES
from napari_glc.errors import GlcError
from napari_glc.metrics import psnr

QUALITIES = (0, 25, 50, 75, 100)


@pytest.fixture(scope="module")
def mosaic(parrots: np.ndarray, motocross: np.ndarray) -> np.ndarray:
    """768 x 1152 pixels: six tiles of 384, more than the networks see beyond one."""
    left, right = parrots[:384, :576], motocross[:384, :576]
    return np.vstack([np.hstack([left, right]), np.hstack([right, left])])


@pytest.fixture(scope="module")
def mosaic_file(mosaic: np.ndarray) -> bytes:
    return napari_glc.encode(mosaic, quality=40, tile=384)


@pytest.fixture(scope="module")
def mosaic_decoded(mosaic_file: bytes) -> np.ndarray:
    return napari_glc.decode(mosaic_file)


@pytest.mark.parametrize("name", ["parrots", "motocross", "embryo"])
def test_bytes_and_fidelity_rise_with_quality(name, request):
    picture = request.getfixturevalue(name)[:192, :256]
    files = [napari_glc.encode(picture, quality=q) for q in QUALITIES]
    sizes = [len(file) for file in files]
    assert sizes == sorted(set(sizes))
    fidelity = [psnr(picture, napari_glc.decode(files[i])) for i in (0, 2, 4)]
    assert fidelity == sorted(fidelity)


def test_the_picture_is_recognisable_at_few_bytes(parrots):
    data = napari_glc.encode(parrots, quality=35)
    assert 8 * len(data) / (512 * 768) < 0.05
    assert psnr(parrots, napari_glc.decode(data)) > 23


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 1, 3), (7, 300, 3), (300, 7), (63, 65, 3), (64, 64), (101, 257, 3), (128, 129, 3)]
)
def test_any_size_comes_back(motocross, shape):
    picture = motocross if len(shape) == 3 else motocross[..., 1]
    picture = np.pad(picture, [(0, 8)] * 2 + [(0, 0)] * (picture.ndim - 2), mode="edge")
    crop = picture[: shape[0], : shape[1]]
    decoded = napari_glc.decode(napari_glc.encode(crop, quality=80, tile=128))
    assert decoded.shape == crop.shape
    assert decoded.dtype == np.uint8
    if min(shape[:2]) >= 63:
        assert psnr(crop, decoded) > 17


def test_the_same_input_gives_the_same_bytes(parrots, encoded_parrots):
    assert napari_glc.encode(parrots) == encoded_parrots


def test_strides_and_read_only_arrays_do_not_matter(parrots, encoded_parrots):
    turned = np.ascontiguousarray(parrots[::-1])[::-1]
    turned.setflags(write=False)
    assert napari_glc.encode(turned) == encoded_parrots


@pytest.mark.parametrize("quality", [0, 50, 100])
def test_the_stream_is_as_long_as_the_models_cross_entropy(codec, motocross, quality):
    data = napari_glc.encode(motocross, quality=quality)
    payload = read_chunk(io.BytesIO(data), parse(data), 0)
    symbols, levels = map(np.concatenate, zip(*codec.coder.read(payload, 32, 48, 2 * quality).parts, strict=True))
    kept = levels > 0
    scale, magnitude = SCALES[levels[kept]], np.abs(symbols[kept])
    bits = -np.log2(norm.sf((magnitude - 0.5) / scale) - norm.sf((magnitude + 0.5) / scale)).sum()
    file = GlcFile(data)
    stream = stream_sizes(codec.config, payload, file.coding(), file.container.grid[0])["symbols"]
    assert abs(stream - bits / 8) <= 0.01 * bits / 8 + 16


def test_everything_but_payload_is_20_bytes_for_one_picture(encoded_parrots):
    streams = GlcFile(encoded_parrots).streams()
    assert sum(streams.values()) == len(encoded_parrots)
    assert streams["header"] + streams["checks"] <= 20
    assert streams["hyper"] == 96


def test_a_region_equals_the_same_part_of_the_whole(mosaic_file, mosaic_decoded):
    for region in [(slice(370, 400), slice(750, 850)), (slice(0, 64), slice(0, 64)), (slice(200, 700), slice(7, 8))]:
        part = GlcFile(mosaic_file).read(region)
        assert np.abs(part.astype(int) - mosaic_decoded[region]).max() <= 1


def test_a_region_reads_only_the_tiles_it_needs(mosaic_file):
    file = GlcFile(mosaic_file)
    assert len(file.container.grid) == 6
    file.read((slice(0, 30), slice(0, 30)))
    assert list(file._payloads) == [0]
    file.read((slice(564, 584), slice(1122, 1152)))
    assert sorted(file._payloads) == [0, 2, 5]


def test_blocks_leave_no_seams(mosaic, mosaic_file, mosaic_decoded, monkeypatch):
    """Small blocks, the last ones narrower, and the whole plane at once give the same picture."""
    assert max(mosaic.shape) <= blocks.BLOCK
    monkeypatch.setattr(blocks, "BLOCK", 448)
    assert np.abs(GlcFile(mosaic_file).read().astype(int) - mosaic_decoded).max() <= 1


def test_tile_borders_are_no_worse_than_the_rest(mosaic, mosaic_decoded):
    """Tiles are coded apart but synthesised together: no step appears where they meet."""
    decoded = mosaic_decoded.astype(int)
    steps = np.abs(np.diff(decoded, axis=1)).mean(axis=(0, 2)) - np.abs(np.diff(mosaic.astype(int), axis=1)).mean(
        (0, 2)
    )
    border = steps[383], steps[767]
    assert max(border) < steps.mean() + 4 * steps.std()


def test_the_preview_is_coarse_but_the_right_picture(motocross):
    data = napari_glc.encode(motocross, quality=50)
    preview, full = napari_glc.decode(data, preview=True), napari_glc.decode(data)
    assert preview.shape == full.shape
    grey = np.full_like(motocross, motocross.mean())
    assert psnr(motocross, grey) < psnr(motocross, preview) < psnr(motocross, full)


def test_no_flipped_byte_goes_unnoticed(encoded_parrots):
    rng = np.random.default_rng(0)
    for position in rng.choice(len(encoded_parrots), 60, replace=False):
        damaged = bytearray(encoded_parrots)
        damaged[position] ^= int(rng.integers(1, 256))
        with pytest.raises(GlcError):
            GlcFile(bytes(damaged)).read()


def test_damage_past_the_checksums_still_ends_in_an_error(codec, parrots):
    """A payload that only looks intact: the checksum of the symbols finds it out, nothing crashes."""
    data = napari_glc.encode(parrots[128:384, 128:384])
    payload = read_chunk(io.BytesIO(data), parse(data), 0)
    start = hyper_size(codec.config, 16, 16)
    noticed = 0
    for position in range(start, len(payload), max(1, len(payload) // 25)):
        damaged = bytearray(payload)
        damaged[position] ^= 0x10
        try:
            codec.coder.read(bytes(damaged), 16, 16, 100)
        except GlcError:
            noticed += 1
    assert noticed >= 24


def test_damage_is_located(mosaic_file):
    damaged = bytearray(mosaic_file)
    damaged[parse(mosaic_file).offsets[4] + 20] ^= 1
    file = GlcFile(bytes(damaged))
    with pytest.raises(GlcError, match=r"tile 4 of 6 \(rows 384 to 768, columns 384 to 768\) is damaged"):
        file.read()
    # what does not depend on that tile is still there
    assert file.read((slice(0, 30), slice(0, 30))).shape == (30, 30, 3)


def test_progress_counts_up_and_can_stop_the_work(mosaic, mosaic_file):
    seen: list[tuple[int, int]] = []
    napari_glc.decode(mosaic_file, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 6

    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        napari_glc.encode(mosaic, progress=stop)


def test_two_threads_make_the_same_file_and_the_same_picture(
    mosaic, mosaic_file, mosaic_decoded, two_threads, monkeypatch
):
    """Six tiles and bands of blocks, side by side."""
    monkeypatch.setattr(threads, "cores", lambda: 2)
    told = []
    with two_threads():
        data = napari_glc.encode(mosaic, quality=40, tile=384, progress=lambda done, total: told.append((done, total)))
        picture = napari_glc.decode(data)
    assert data == mosaic_file
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1]
    np.testing.assert_array_equal(picture, mosaic_decoded)
