"""The vqgan codec on real pictures with the embedded model."""

from __future__ import annotations

import numpy as np
import pytest

import napari_glc
from napari_glc import GlcFile
from napari_glc.codecs.vqgan.options import INDEX_CODERS
from napari_glc.codecs.vqgan.packets import packet_map
from napari_glc.container import parse
from napari_glc.entropy.adaptive import read_adaptive, write_adaptive
from napari_glc.entropy.deflated import read_deflated, write_deflated
from napari_glc.errors import DamagedFileError, GlcError, LimitError, OptionError, TruncatedFileError
from napari_glc.files.damaging import DAMAGES, damage
from napari_glc.metrics import psnr

QUALITIES = [100 * level / 8 for level in range(9)]


def _nothing() -> None:
    """Ignore progress."""


@pytest.fixture(scope="module")
def packets_file(motocross: np.ndarray) -> bytes:
    """Six packets a tile, six tiles."""
    return napari_glc.encode(motocross[128:256, 200:384], codec="vqgan", quality=75, packets=6, tile=64)


@pytest.mark.parametrize("name", ["parrots", "motocross", "embryo"])
def test_bytes_rise_with_the_codebook(name, request):
    picture = request.getfixturevalue(name)[:256, :384]
    files = [napari_glc.encode(picture, codec="vqgan", quality=q, index_coder="adaptive") for q in QUALITIES]
    sizes = [len(file) for file in files]
    assert sizes == sorted(set(sizes))
    fidelity = [psnr(picture, napari_glc.decode(files[i])) for i in (0, 4, 8)]
    assert fidelity == sorted(fidelity)


def test_the_smallest_index_coder_is_taken(parrots):
    picture = parrots[128:384, 128:512]
    sizes = {
        name: len(napari_glc.encode(picture, codec="vqgan", quality=87.5, index_coder=name)) for name in INDEX_CODERS
    }
    chosen = napari_glc.encode(picture, codec="vqgan", quality=87.5)
    assert len(chosen) == min(sizes.values())
    assert GlcFile(chosen).options.facts() == {"index_coder": min(sizes, key=sizes.__getitem__), "packets": 1}
    # 384 indices of ten bits, 20 bytes around them
    assert sizes["fixed"] == 480 + 20
    assert sizes["transformer"] < 0.85 * sizes["fixed"]


@pytest.mark.parametrize("index_coder", INDEX_CODERS)
@pytest.mark.parametrize("packets", [1, 5])
@pytest.mark.parametrize("shape", [(1, 1), (7, 150, 3), (101, 129), (270, 65, 3)])
def test_the_index_map_comes_back_exactly(vqgan, motocross, index_coder, packets, shape):
    picture = motocross if len(shape) == 3 else motocross[..., 1]
    picture = np.pad(picture, [(0, 18)] * 2 + [(0, 0)] * (picture.ndim - 2), mode="edge")[: shape[0], : shape[1]]
    data = napari_glc.encode(picture, codec="vqgan", quality=60, index_coder=index_coder, packets=packets, tile=128)
    file = GlcFile(data)
    plane = np.repeat(picture[..., None], 3, -1) if picture.ndim == 2 else picture
    found = vqgan.read_map(file.chunk, file.coding(), file.container.grid.plane, print, strict=True)
    np.testing.assert_array_equal(found.indices, vqgan.index_map(plane, 60, lambda done, total: None))
    decoded = file.read()
    assert decoded.shape == picture.shape
    assert sum(file.streams().values()) == len(data)


def test_the_same_input_gives_the_same_bytes(motocross, packets_file):
    picture = np.asfortranarray(motocross[128:256, 200:384])
    assert napari_glc.encode(picture, codec="vqgan", quality=75, packets=6, tile=64) == packets_file


def test_everything_but_payload_is_20_bytes_for_one_picture(parrots):
    streams = GlcFile(napari_glc.encode(parrots[:128, :192], codec="vqgan", quality=50)).streams()
    assert streams["header"] + streams["checks"] <= 20


def test_a_region_equals_the_same_part_of_the_whole(packets_file):
    whole = GlcFile(packets_file).read()
    for region in [(slice(50, 85), slice(30, 90)), (slice(0, 1), slice(183, 184))]:
        part = GlcFile(packets_file).read(region)
        assert np.abs(part.astype(int) - whole[region]).max() <= 1


def test_packets_of_a_position_are_scattered():
    for packets in range(2, 65):
        spread = packet_map(40, 40, packets)
        assert set(np.unique(spread)) == set(range(packets))
        # no two neighbours share a packet, so a lost packet leaves every neighbour of a lost index known
        assert (spread[1:] != spread[:-1]).all()
        assert (spread[:, 1:] != spread[:, :-1]).all()
        if packets >= 5:
            assert (spread[1:, 1:] != spread[:-1, :-1]).all()
            assert (spread[1:, :-1] != spread[:-1, 1:]).all()


@pytest.mark.parametrize("size", [2, 8, 1000])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_simple_coders_restore_any_indices(size, share):
    rng = np.random.default_rng(int(size + 10 * share))
    indices = rng.integers(0, size, (20, 31)) // rng.integers(1, 4, (20, 31))
    where = rng.random(indices.shape) < share
    found = read_adaptive(write_adaptive(indices, where, size, _nothing), where, size, _nothing)
    np.testing.assert_array_equal(found, np.where(where, indices, -1))
    listed = indices[where]
    np.testing.assert_array_equal(read_deflated(write_deflated(listed, size), len(listed), size), listed)


def test_adaptive_coding_learns():
    regular = np.tile(np.arange(6), (32, 8))
    assert len(write_adaptive(regular, np.ones_like(regular, bool), 64, _nothing)) < 0.25 * regular.size * 6 / 8


def test_options_that_do_not_fit_are_refused(parrots):
    for options in ({"packets": 0}, {"packets": 65}, {"index_coder": "morse"}):
        with pytest.raises(OptionError):
            napari_glc.encode(parrots, codec="vqgan", **options)
    with pytest.raises(OptionError, match="codec 'glc' has no option 'packets'"):
        napari_glc.encode(parrots, packets=4)
    with pytest.raises(OptionError, match="have no packets to recover"):
        GlcFile(napari_glc.encode(parrots[:64, :64])).recover()


# -- damage ---------------------------------------------------------------------------------------------


def test_every_single_lost_packet_is_found_and_recovered(packets_file):
    intact, container = GlcFile(packets_file).read(), parse(packets_file)
    for chunk in range(container.chunks):
        damaged = bytearray(packets_file)
        start, end = container.offsets[chunk : chunk + 2]
        damaged[start:end] = bytes(end - start)
        file = GlcFile(bytes(damaged))
        assert file.lost_packets() == [chunk]
        with pytest.raises(DamagedFileError, match=f"packet {chunk % 6} of 6 of tile {chunk // 6}"):
            file.read()
        found = file.recover("nearest")
        assert found.lost_packets == 1
        if chunk < 6:
            np.testing.assert_array_equal(found.lost[:64:16, :64:16], packet_map(4, 4, 6) == chunk)
        assert psnr(intact, found.pixels) > 20


def test_cutting_the_file_at_every_packet_border(packets_file):
    container = parse(packets_file)
    for chunk, offset in enumerate(container.offsets[:-1]):
        file = GlcFile(packets_file[:offset])
        assert file.lost_packets() == list(range(chunk, container.chunks))
        assert file.size == offset
        with pytest.raises(TruncatedFileError):
            file.read()
        if chunk > 0:
            assert file.recover("nearest").lost_packets == container.chunks - chunk
        else:
            with pytest.raises(DamagedFileError, match="no packet is intact"):
                file.recover()
    with pytest.raises(TruncatedFileError):
        GlcFile(packets_file[: container.offsets[0] - 1])


@pytest.mark.parametrize("pattern", DAMAGES)
@pytest.mark.parametrize("seed", range(4))
def test_damage_never_crashes_and_never_passes_unnoticed(packets_file, pattern, seed):
    damaged = damage(packets_file, 0.005 if pattern == "bits" else 0.3, pattern, seed=seed)
    assert damaged != packets_file
    file = GlcFile(damaged)
    assert file.lost_packets()
    with pytest.raises(GlcError):
        file.read()
    found = file.recover("nearest")
    assert found.pixels.shape == (128, 184, 3)
    assert 0 < found.lost.mean() < 1


def test_flipped_bits_anywhere_are_noticed(packets_file):
    rng = np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(packets_file)
        damaged[rng.integers(len(damaged))] ^= 1 << int(rng.integers(8))
        with pytest.raises(GlcError):
            GlcFile(bytes(damaged)).read()


def test_damage_is_reproducible_and_checked(packets_file):
    assert damage(packets_file, 0.5, seed=3) == damage(packets_file, 0.5, seed=3)
    assert damage(packets_file, 0.0) == packets_file
    with pytest.raises(OptionError):
        damage(packets_file, 1.5)
    with pytest.raises(OptionError):
        damage(packets_file, 0.5, "moths")


def test_a_short_file_cannot_claim_a_huge_map(parrots):
    """The bytes of a packet bound the number of its indices, before anything is allocated."""
    from dataclasses import replace

    from napari_glc.container import pack

    for index_coder in INDEX_CODERS:
        data = napari_glc.encode(parrots[:64, :64], codec="vqgan", index_coder=index_coder)
        header = replace(parse(data).header, height=20_000, width=20_000, tile=0)
        with pytest.raises(DamagedFileError, match="too short for"):
            GlcFile(pack(header, [bytes(30)])).read()
        with pytest.raises(LimitError):
            GlcFile(pack(replace(header, width=40_000), [bytes(30)])).read()
