"""The byte format: small, exact, and unforgiving towards damage."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_glc.container import ArrayKind, Extension, Header, TileGrid, pack, parse, read_chunk
from napari_glc.container.bytesio import check16, varint
from napari_glc.container.header import FIELDS
from napari_glc.errors import (
    DamagedFileError,
    EmptyFileError,
    GlcError,
    LimitError,
    NotAGlcFileError,
    TruncatedFileError,
    UnsupportedVersionError,
)

HEADER = Header(codec=0, kind=ArrayKind.RGB8, model=b"\x12\x34\x56", quality=37.5, height=512, width=768)
FORMAT_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "format.md"


def test_a_file_gives_back_what_was_packed():
    payload = bytes(range(200))
    container = parse(pack(HEADER, [payload], {"name": "nuclei", "scale": [0.5, 0.5]}))
    assert container.header.codec == 0
    assert container.header.quality == 37.5
    assert (container.header.height, container.header.width, container.header.tile) == (512, 768, 512)
    assert container.metadata == {"name": "nuclei", "scale": [0.5, 0.5]}


def test_header_index_and_checksums_of_one_picture_take_19_bytes():
    # the codec adds its own checksum of the symbols, 1 byte; together 20
    payload = bytes(2000)
    assert len(pack(HEADER, [payload])) - len(payload) == 19


def test_tiles_are_read_one_by_one():
    header = Header(codec=0, kind=ArrayKind.GREY8, model=bytes(3), quality=0, height=1024, width=1100, tile=512)
    tiles = [bytes([i]) * (10 + i) for i in range(4)]
    data = pack(header, tiles)
    container = parse(data)
    assert len(container.grid) == 4
    assert [read_chunk(io.BytesIO(data), container, i) for i in (2, 0, 3, 1)] == [tiles[i] for i in (2, 0, 3, 1)]


@pytest.mark.parametrize(
    ("height", "width", "tile", "boxes"),
    [
        (512, 768, 512, [(0, 0, 512, 768)]),
        (512, 769, 512, [(0, 0, 512, 512), (0, 512, 512, 769)]),
        (1, 1, 512, [(0, 0, 1, 1)]),
        (300, 2000, 0, [(0, 0, 300, 2000)]),
        (128, 100, 64, [(0, 0, 64, 64), (0, 64, 64, 100), (64, 0, 128, 64), (64, 64, 128, 100)]),
    ],
)
def test_tiles_cover_the_plane_and_small_rests_join_their_neighbour(height, width, tile, boxes):
    grid = TileGrid(height, width, tile)
    assert [(b.top, b.left, b.bottom, b.right) for b in grid] == boxes


def test_every_flipped_bit_is_noticed():
    data = pack(HEADER, [bytes(range(60))], {"name": "x"})
    for position in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            with pytest.raises(GlcError):
                read_chunk(io.BytesIO(damaged), parse(bytes(damaged)), 0)


def test_every_truncation_is_called_a_truncation():
    data = pack(HEADER, [bytes(range(60))], {"name": "x"})
    for length in range(3, len(data)):
        with pytest.raises(TruncatedFileError):
            parse(data[:length])


def test_each_kind_of_bad_file_has_its_own_error():
    good = pack(HEADER, [bytes(60)])
    with pytest.raises(EmptyFileError, match="empty"):
        parse(b"")
    with pytest.raises(NotAGlcFileError, match="not a GLC file"):
        parse(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(UnsupportedVersionError, match="update napari-glc"):
        parse(good[:3] + bytes([good[3] & ~3 | 2]) + good[4:])
    with pytest.raises(DamagedFileError, match="follow the end"):
        parse(good + b"x")


def test_a_huge_picture_is_refused_before_anything_is_allocated():
    head = b"GLC" + bytes([1 | 1 << 2]) + b"\0" + bytes(3) + b"\x64"
    with pytest.raises(LimitError):
        parse(head + varint(1 << 30) + varint(1 << 30) + bytes(100))
    with pytest.raises(LimitError):
        parse(head + varint(1 << 20) + varint(1 << 20) + bytes(100))
    with pytest.raises(TruncatedFileError):
        parse(head + varint(1 << 16) + varint(1 << 16) + bytes(100))


def test_a_metadata_bomb_is_refused():
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = squeeze.compress(b" " * (1 << 26)) + squeeze.flush()
    head = dataclasses.replace(HEADER, metadata_size=len(bomb)).pack() + varint(1)
    data = head + check16(head) + bomb + check16(bomb) + b"x" + check16(b"x")
    with pytest.raises(LimitError, match="expands"):
        parse(data)


@given(st.binary(max_size=120))
def test_random_bytes_after_the_magic_end_in_an_error_of_ours(data):
    with pytest.raises(GlcError):
        parse(b"GLC" + data)


@given(st.data())
def test_mutations_with_a_repaired_checksum_do_not_escape(data):
    """What a fuzzer that knows the checksum would try."""
    tiles = [bytes(20), bytes(30)]
    header = Header(codec=0, kind=ArrayKind.GREY8, model=bytes(3), quality=9, height=600, width=90, tile=384)
    head_size = len(header.pack()) + len(tiles)
    mutated = bytearray(pack(header, tiles))
    for position in data.draw(st.lists(st.integers(3, head_size - 1), min_size=1, max_size=6)):
        mutated[position] = data.draw(st.integers(0, 255))
    mutated[head_size : head_size + 2] = check16(bytes(mutated[:head_size]))
    with contextlib.suppress(GlcError):
        container = parse(bytes(mutated))
        assert container.size == len(mutated)
        for index in range(len(container.grid)):
            read_chunk(io.BytesIO(mutated), container, index)


def test_metadata_that_is_no_json_is_damage():
    for text in (b"[1, 2]", b"{", b"\xff\xfe", b'{"a": ' + b"1" * 5000 + b"}", b"[" * 100_000):
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        block = squeeze.compress(text) + squeeze.flush()
        head = dataclasses.replace(HEADER, metadata_size=len(block)).pack() + varint(1)
        with pytest.raises(DamagedFileError, match="metadata"):
            parse(head + check16(head) + block + check16(block) + b"x" + check16(b"x"))


LARGE = dataclasses.replace(
    HEADER,
    codec=1000,
    options=bytes(range(40)),
    packets=3,
    file_stream=True,
    plane_streams=True,
    extensions=(Extension("note", b"for people"), Extension("film-grain", b"", needed=True)),
)


def test_codec_numbers_options_and_extensions_have_room_to_grow():
    chunks = [b"file", b"plane", b"a", b"b", b"c"]
    data = pack(LARGE, chunks)
    container = parse(data)
    assert dataclasses.replace(container.header, metadata_size=0) == LARGE
    places = [container.place(index) for index in range(container.chunks)]
    assert [(p.kind, p.packet) for p in places] == [("file", 0), ("plane", 0), ("tile", 0), ("tile", 1), ("tile", 2)]
    assert container.first_chunk(0) == 2
    assert [read_chunk(io.BytesIO(data), container, i) for i in range(5)] == chunks
    for name, index in (("the stream of the file", 0), ("the stream of the plane", 1), ("packet 2 of 3", 4)):
        damaged = bytearray(data)
        damaged[container.offsets[index]] ^= 1
        with pytest.raises(DamagedFileError, match=name):
            read_chunk(io.BytesIO(damaged), container, index)


def test_streams_of_planes_and_levels_are_found():
    header = dataclasses.replace(
        LARGE, kind=ArrayKind.RGB_PLANES, planes=2, levels=2, width=1100, packets=1, extensions=()
    )
    grids = TileGrid(512, 1100, 512), TileGrid(256, 550, 512)
    per_plane = sum(1 + len(grid) for grid in grids)
    metadata = {"array": {}}
    container = parse(pack(header, [bytes([i]) for i in range(1 + 2 * per_plane)], metadata))
    for plane in range(2):
        for level in range(2):
            first = container.first_chunk(plane, level)
            before = container.place(first - 1)
            assert (before.kind, before.plane, before.level) == ("plane", plane, level)
            for tile in range(len(grids[level])):
                place = container.place(first + tile)
                assert (place.kind, place.plane, place.level, place.tile) == ("tile", plane, level, tile)


def test_a_flag_of_tomorrow_is_refused_by_its_name_and_not_called_damage():
    data = pack(HEADER, [bytes(60)])
    flags = HEADER.flags() | 1 << 10
    with pytest.raises(UnsupportedVersionError, match=r"fields \(0x400\).*update napari-glc"):
        parse(data[:3] + varint(flags) + data[4:])


def test_numbers_have_one_encoding_only():
    data = b"GLC" + bytes([1 | 1 << 2]) + b"\0" + bytes(3) + b"\x64" + b"\x81\x00" + bytes(100)
    with pytest.raises(DamagedFileError, match="not encoded"):
        parse(data)


def test_the_documented_header_is_the_declared_one():
    table = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", FORMAT_PAGE.read_text(), re.MULTILINE)
    declared = [(field.name, field.size, field.meaning) for field in FIELDS]
    assert table[: len(declared)] == declared
