"""Latents, symbols and hyper indices of real pictures, as a decoder would read them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_glc.codecs.base import PlaneCoding
from napari_glc.codecs.glc.streams import hyper_size
from napari_glc.codecs.glc.views import dense_parts
from napari_glc.codecs.loading import loaded_codec
from napari_glc.container import TileGrid
from napari_glc.entropy.gaussian import symbol_bits, write_gaussian
from napari_glc.errors import Cancelled
from napari_glc.inspection.latent.latents import (
    CodedLatent,
    coded_grids,
    coded_latent,
    indexed_latent,
    latent_colours,
)
from napari_glc.inspection.latent.positions import grid_position
from napari_glc.models import find_model
from napari_glc.networks.quadtree import merge_quarters, step_mask


@pytest.fixture(scope="module")
def coded(codec, parrots) -> CodedLatent:
    return coded_latent(codec, parrots, 50)


def _stream(coded: CodedLatent) -> bytes:
    """The symbols of a single tile, coded anew from the dense arrays."""
    parts = []
    for step in range(4):
        mask = step_mask(step, *coded.symbols.shape).long()
        both = (
            merge_quarters(torch.from_numpy(a.astype(np.int64)) * mask)
            for a in (coded.symbols[None], coded.levels[None])
        )
        symbols, levels = (quarter.flatten().numpy() for quarter in both)
        parts.append((symbols.astype(np.int32), levels))
    return write_gaussian(parts)


def test_the_dense_arrays_are_those_of_the_coded_file(codec, parrots, coded):
    coding = PlaneCoding(TileGrid(512, 768, 512), 50)
    (payload,) = codec.encode(parrots, coding, lambda done, total: None).chunks
    assert coded.payload_bytes == (len(payload),)
    start = hyper_size(codec.config, 32, 48)
    assert _stream(coded) == payload[start:-1]
    np.testing.assert_array_equal(coded.hyper_indices, codec.coder.read_hyper(payload, 32, 48))


def test_shapes_and_ranges(coded):
    assert coded.latent.shape == coded.y.shape == coded.symbols.shape == coded.levels.shape == (96, 32, 48)
    assert coded.latent.dtype == coded.y.dtype == np.float32
    assert coded.hyper_indices.shape == (8, 12)
    assert coded.hyper_indices.max() < coded.hyper_codewords == 256
    assert coded.hyper_bits == 8
    assert coded.scales.min() >= np.float32(0.12)
    assert not coded.symbols[coded.levels == 0].any()
    assert 0 < (coded.symbols != 0).mean() < 0.1


def test_bits_add_up_to_the_stream(coded):
    bits = symbol_bits(coded.symbols, coded.levels).sum()
    assert bits == pytest.approx(8 * len(_stream(coded)), rel=0.01)


def test_tiles_cover_the_latent_and_code_by_themselves(codec, small_plane):
    coded = coded_latent(codec, small_plane, 50, tile=64)
    assert [(t.top, t.left, t.bottom, t.right) for t in coded.tiles] == [
        (r, c, r + 4, c + 4) for r in (0, 4) for c in (0, 4, 8)
    ]
    alone = coded_latent(codec, small_plane, 50, tile=0)
    np.testing.assert_array_equal(coded.y, alone.y)
    assert (coded.symbols != alone.symbols).any()
    # every quarter of every step found its place: nothing is further from y than half a step of the coarsest channel
    assert np.corrcoef(coded.y.ravel(), coded.y_hat.ravel())[0, 1] > 0.5


def test_dense_parts_undoes_the_order_of_the_stream():
    full = torch.arange(1, 8 * 4 * 6 + 1).view(1, 8, 4, 6)
    masks = [step_mask(step, 8, 4, 6).long() for step in range(4)]
    merged = [merge_quarters(full * mask).flatten().numpy() for mask in masks]
    symbols, levels = dense_parts([(m.astype(np.int32), m % 64) for m in merged], 8, 4, 6)
    np.testing.assert_array_equal(symbols, full[0].numpy())
    np.testing.assert_array_equal(levels, full[0].numpy() % 64)


def test_work_can_be_stopped(codec, small_plane):
    def stop(done: int, total: int) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        coded_latent(codec, small_plane, 50, progress=stop)


def test_indexed_latents_hold_the_nearest_codewords(vqgan, small_plane):
    found = indexed_latent(vqgan, small_plane, 100)
    assert found.latent.shape == found.codewords.shape == (96, 8, 12)
    assert found.codebook_size == 2048
    book = vqgan.net.codebook(found.level).embedding.weight.numpy()
    distance = np.square(found.latent[:, 3, 5] - book).sum(axis=1)
    assert distance.argmin() == found.indices[3, 5]
    np.testing.assert_array_equal(found.codewords[:, 3, 5], book[found.indices[3, 5]])
    np.testing.assert_array_equal(found.indices, vqgan.index_map(small_plane, 100, lambda done, total: None))


def test_colours_explain_the_variance_and_do_not_depend_on_signs(coded):
    colours = latent_colours(coded.latent)
    assert colours.rgb.shape == (32, 48, 3)
    assert colours.rgb.dtype == np.uint8
    first, second, third = colours.explained
    assert 1 > first > second > third > 0
    singular = np.linalg.svd(coded.latent.reshape(96, -1) - coded.latent.reshape(96, -1).mean(1, keepdims=True))[1]
    assert first == pytest.approx(singular[0] ** 2 / np.square(singular).sum(), rel=1e-4)
    for channel in range(3):
        assert {0, 255} <= set(colours.rgb[..., channel].ravel().tolist())
    assert np.abs(colours.rgb.astype(int) - latent_colours(coded.latent + 3).rgb).max() <= 1


def test_colours_of_a_flat_latent_are_grey():
    colours = latent_colours(np.ones((5, 2, 3), np.float32))
    assert (colours.rgb == 128).all()
    assert colours.explained == (0, 0, 0)
    assert latent_colours(np.random.default_rng(0).normal(size=(2, 4, 4)).astype(np.float32)).explained[2] == 0


@pytest.fixture(scope="module")
def small_plane(parrots: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(parrots[200:328, 300:492])


def test_grids_their_bits_and_a_position(parrots):
    clric = loaded_codec(find_model("kl-small"), "cpu")
    coded = coded_grids(clric, parrots[200:328, 300:500], 30)
    assert [grid.shape for grid in coded.grids][:3] == [(8, 16, 25), (8, 8, 13), (8, 4, 7)]
    size, bits = sum(coded.payload_bytes), sum(each.sum() for each in coded.bits)
    assert abs(bits / 8 - size) < 0.02 * size + 8
    # what the decoder makes is near the latent
    assert np.square(coded.made - coded.latent).mean() < 0.7 * np.square(coded.latent).mean()
    positions = [grid_position(coded, row, column) for row in range(16) for column in range(25)]
    assert sum(sum(each.bits) for each in positions) == pytest.approx(bits)
    assert "Not zero, of 8 values" in positions[0].text


def test_grids_of_tiles_are_put_together(parrots):
    """1100 columns are two tiles: the second begins where the first ends in every grid."""
    clric = loaded_codec(find_model("kl-small"), "cpu")
    picture = np.concatenate([parrots[:24], parrots[64:88]], 1)[:, :1100]
    coded = coded_grids(clric, picture, 20)
    assert len(coded.payload_bytes) == 2
    assert [grid.shape[2] for grid in coded.grids] == [138, 69, 35, 18, 9, 5, 3]
    for grid, bits in zip(coded.grids, coded.bits, strict=True):
        assert grid.shape == bits.shape
        assert (bits > 0).all()
