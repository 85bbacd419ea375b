"""Index maps, their numbers and the order of codewords, on real pictures with the embedded model."""

from __future__ import annotations

import numpy as np
import pytest

import napari_glc
from napari_glc import GlcFile
from napari_glc.container import Box, TileGrid, parse
from napari_glc.errors import Cancelled, OptionError
from napari_glc.inspection.index_map.codewords import codeword_patches, order_codewords
from napari_glc.inspection.index_map.maps import (
    IndexMap,
    file_map,
    map_of_latent,
    picture_map,
    plane_latent,
    position_bits,
)


def _quietly(done: int, total: int) -> None:
    """Ignore progress."""


@pytest.fixture(scope="module")
def part(parrots):
    """160 x 240 RGB."""
    return np.ascontiguousarray(parrots[200:360, 300:540])


def _words(vqgan, level):
    return vqgan.net.codebook(level).embedding.weight.double().numpy()


@pytest.mark.parametrize("name", ["parrots", "embryo"])
def test_one_latent_gives_the_maps_of_all_codebooks(name, request, vqgan):
    picture = request.getfixturevalue(name)[:200, :250]
    plane = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1)
    latent = plane_latent(vqgan, picture, _quietly)
    for level in (0, 4, 8):
        found = map_of_latent(vqgan, latent, level, picture.shape[:2], _quietly)
        np.testing.assert_array_equal(found.indices, vqgan.index_map(plane, 100 * level / 8, _quietly))
        assert found.counts.sum() == found.indices.size
        assert found.size == len(found.counts) == 8 << level
    with pytest.raises(OptionError, match="0 to 8"):
        map_of_latent(vqgan, latent, 9, picture.shape[:2], _quietly)


def test_numbers_of_a_known_map():
    quarters = IndexMap(np.array([[0, 1, -1], [2, 3, -1]]), 0, 8, 16, (32, 48))
    assert quarters.used == 4
    assert quarters.entropy == pytest.approx(2)
    assert quarters.perplexity == pytest.approx(4)
    assert quarters.counts.tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert quarters.lost.sum() == 2
    uneven = IndexMap(np.array([[5, 5, 5, 7]]), 0, 8, 16, (16, 64))
    assert uneven.entropy == pytest.approx(-0.75 * np.log2(0.75) + 0.5)
    alone = IndexMap(np.full((2, 2), 3), 0, 8, 16, (32, 32))
    assert (alone.entropy, alone.perplexity) == (0, 1)


@pytest.mark.parametrize(("coder", "packets", "tile"), [("transformer", 1, 512), ("transformer", 3, 64)])
def test_bits_add_up_to_the_bytes_of_a_file(part, vqgan, coder, packets, tile):
    options = {"codec": "vqgan", "quality": 75, "index_coder": coder, "packets": packets, "tile": tile}
    file = GlcFile(napari_glc.encode(part, **options))
    codec, found = file_map(file, _quietly)
    assert codec.config == vqgan.config
    assert (found.packets, found.tile) == (packets, tile)
    np.testing.assert_array_equal(found.indices, vqgan.index_map(part, 75, _quietly))
    bits = position_bits(vqgan, found, _quietly)
    assert bits.coder == coder
    assert bits.bits.shape == found.indices.shape
    assert (bits.bits > 0).all()
    streams = file.streams()["indices"]
    # a range coder ends on a byte; it may spend a few more on ending
    assert -1 <= streams - bits.total / 8 <= 3 * packets * len(found.grid)


def test_without_a_transformer_the_adaptive_coder_is_asked(part, vqgan, monkeypatch):
    monkeypatch.setattr(vqgan, "transformer", None)
    monkeypatch.setattr(vqgan, "_coders", {k: v for k, v in vqgan._coders.items() if k != "transformer"})
    file = GlcFile(napari_glc.encode(part, codec="vqgan", quality=75, index_coder="adaptive"))
    bits = position_bits(vqgan, picture_map(vqgan, part, 6, _quietly), _quietly)
    assert bits.coder == "adaptive"
    assert -1 <= file.streams()["indices"] - bits.total / 8 <= 5


def test_the_map_of_a_damaged_file_says_where_it_is_lost(part, vqgan):
    data = bytearray(napari_glc.encode(part, codec="vqgan", quality=75, packets=4))
    start, end = parse(bytes(data)).offsets[1:3]
    data[start:end] = bytes(end - start)
    _, found = file_map(GlcFile(bytes(data)), _quietly)
    assert 0.2 < found.lost.mean() < 0.3
    intact = vqgan.index_map(part, 75, _quietly)
    np.testing.assert_array_equal(found.indices[~found.lost], intact[~found.lost])
    bits = position_bits(vqgan, found, _quietly)
    np.testing.assert_array_equal(np.isnan(bits.bits), found.lost)


def test_files_without_index_map_are_refused(part):
    with pytest.raises(OptionError, match="'glc'"):
        file_map(GlcFile(napari_glc.encode(part)), _quietly)


def test_close_codewords_get_close_ranks(vqgan):
    for level in (0, 4, 8):
        words = _words(vqgan, level)
        order = order_codewords(words)
        np.testing.assert_array_equal(np.sort(order), np.arange(len(words)))
        np.testing.assert_array_equal(order_codewords(words), order)

        def roughness(ranked, words=words):
            return np.linalg.norm(np.diff(words[ranked], axis=0), axis=1).mean()

        assert roughness(order) < 0.9 * roughness(np.random.default_rng(0).permutation(len(words)))
    distance = np.linalg.norm(words[:, None] - words[None, ::8], axis=-1)
    distance[np.arange(0, len(words), 8), np.arange(len(words) // 8)] = np.inf
    rank = np.argsort(order)
    gap = np.abs(rank[distance.argmin(0)] - rank[::8]).mean() / len(words)
    assert gap < 0.1  # 1/3 for a random order


def test_a_line_of_words_keeps_its_order():
    rng = np.random.default_rng(3)
    along = np.arange(40.0)
    shuffled = rng.permutation(40)
    words = np.outer(along, [3, 1, 2])[shuffled]
    np.testing.assert_array_equal(shuffled[order_codewords(words)], along)
    assert order_codewords(words[:1]).tolist() == [0]
    assert set(order_codewords(words[:2]).tolist()) == {0, 1}


def test_a_patch_is_the_codeword_amid_itself(vqgan):
    level, wanted = 4, [0, 17, 119]
    patches = codeword_patches(vqgan, level, wanted, _quietly)
    assert patches.shape == (3, 16, 16, 3)
    grid = TileGrid(112, 112, 0)
    for index, patch in zip(wanted, patches, strict=True):
        from napari_glc.codecs.index_mapped import DamagedMap

        constant = DamagedMap(Box(0, 0, 7, 7), np.full((7, 7), index), 1, ())
        picture = vqgan.render(constant, 50, grid.plane, grid, _quietly)
        assert np.abs(picture[48:64, 48:64].astype(int) - patch).max() <= 1
    means = patches.reshape(3, -1, 3).mean(1)
    assert np.abs(means[0] - means[2]).max() > 5


def test_progress_can_stop_everything(part, vqgan):
    def stop(done, total):
        raise Cancelled("enough")

    found = picture_map(vqgan, part, 4, _quietly)
    for work in (
        lambda: plane_latent(vqgan, part, stop),
        lambda: position_bits(vqgan, found, stop),
        lambda: codeword_patches(vqgan, 4, range(40), stop),
    ):
        with pytest.raises(Cancelled):
            work()
