"""The format's page suffices: a reader written from it alone finds in every file what the package finds."""

from __future__ import annotations

import ast
import hashlib
import json
import random
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import constriction
import numpy as np
import pytest
import second_reader
from second_reader import Refused

import napari_glc
from napari_glc import GlcFile
from napari_glc.codecs.vqgan.packets import packet_map
from napari_glc.container import ArrayKind, Extension, Header, pack
from napari_glc.errors import DamagedFileError, GlcError, UnsupportedVersionError

VECTORS = Path(napari_glc.__file__).parent / "conformance" / "data"
NAMES = sorted(path.stem for path in VECTORS.glob("*.glc"))
WRITTEN = ("grey-tiles", "rgb-packets", "stack16", "packed-float", "rgba-stack", "index-stack")
CODEBOOKS = [8 << n for n in range(9)]
HYPER = 256
FACTOR = 16


@cache
def vector(name: str) -> bytes:
    return (VECTORS / f"{name}.glc").read_bytes()


@pytest.fixture(scope="module")
def written(parrots: np.ndarray) -> dict[str, bytes]:
    """What the package writes: tiles, packets, metadata, planes, levels, types, ranges; small crops of a photograph."""
    green = parrots[100:300, 200:400, 1]
    wide = green.astype(np.uint16) * 200 + 77
    channels = np.stack([green[row : row + 70, :90].astype(np.float32) / (row + 3) for row in range(5)])
    options: dict[str, Any] = {"device": "cpu"}
    indexed = options | {"codec": "vqgan"}
    return {
        "grey-tiles": napari_glc.encode(green[:, :161], quality=20, tile=64, metadata={"name": "Kern"}, **options),
        "rgb-packets": napari_glc.encode(
            parrots[:200, :161], quality=37.5, tile=64, index_coder="zip", packets=5, **indexed
        ),
        "stack16": napari_glc.encode(
            np.stack([wide[:100, :130], wide[100:, 50:180]])[:, None], axes="CZYX", levels=3, tile=64, **options
        ),
        "packed-float": napari_glc.encode(channels, axes="CYX", channels="packed", range_per="plane", **options),
        "rgba-stack": napari_glc.encode(
            np.concatenate([parrots, np.full_like(parrots[..., :1], 255)], -1)[None, :80, :64],
            axes="TYXS",
            metadata={"units": ["s", "um", "um"], "scale": [1, 0.25, 0.25]},
            **options,
        ),
        "index-stack": napari_glc.encode(
            np.stack([wide[:80, :80], wide[:80, 80:160]]),
            axes="ZYX",
            levels=2,
            index_coder="fixed",
            packets=3,
            value_range=(0, 60000),
            quality=75,
            **indexed,
        ),
    }


# -- what is compared --------------------------------------------------------------------------------------------


def structure(data: bytes) -> dict[str, Any]:
    """Header, metadata and chunks as the package finds them, in plain types."""
    file = GlcFile(data)
    container, header = file.container, file.container.header
    chunks = []
    for index in range(container.chunks):
        place = container.place(index)
        box = None
        if place.kind == "tile":
            tile = container.grids[place.level][place.tile]
            box = (tile.top, tile.left, tile.bottom - tile.top, tile.right - tile.left)
        numbers = {
            "file": (None, None, None, None),
            "plane": (place.plane, place.level, None, None),
            "tile": (place.plane, place.level, place.tile, place.packet),
        }[place.kind]
        lost = index in set(file.lost_packets())
        length = container.offsets[index + 1] - container.offsets[index] - 2
        chunks.append((container.offsets[index], length, *numbers, box, None if lost else file.chunk(index)))
    described = {} if container.array is None else {"array": container.array}
    return {
        "kind": int(header.kind),
        "codec": header.codec,
        "options": header.options,
        "model": header.model,
        "quality": 2 * header.quality,
        "sides": (header.height, header.width, header.tile),
        "metadata size": header.metadata_size,
        "packets": header.packets,
        "planes": (header.planes, header.levels),
        "streams": (header.file_stream, header.plane_streams),
        "extensions": [(e.name, e.needed, e.value) for e in header.extensions],
        "metadata": container.metadata | described,
        "chunks": chunks,
    }


def second_structure(data: bytes) -> dict[str, Any]:
    """The same as the second reader finds it."""
    file = second_reader.parse(data)
    header = file.header
    return {
        "kind": header.kind,
        "codec": header.codec,
        "options": header.options,
        "model": header.model,
        "quality": header.quality,
        "sides": (header.height, header.width, header.tile),
        "metadata size": header.metadata,
        "packets": header.packets,
        "planes": (header.planes, header.levels),
        "streams": (header.file_stream, header.plane_streams),
        "extensions": [(e.name, e.needed, e.value) for e in header.extensions],
        "metadata": file.metadata,
        "chunks": [(c.offset, c.length, c.plane, c.level, c.tile, c.packet, c.box, c.payload) for c in file.chunks],
    }


def outcome(data: bytes) -> str:
    """What the package says of all bytes of a file: the name of an error, or what it thinks of the pixels."""
    try:
        file = GlcFile(data)
        for index in range(file.container.chunks):
            file.chunk(index)
    except GlcError as error:
        return type(error).__name__
    try:
        file.check_decodable()
    except UnsupportedVersionError:
        return "pixels unsupported"
    except GlcError:
        pass  # a model that is not installed is no matter of the format
    return "intact"


def second_outcome(data: bytes) -> str:
    """The same of the second reader."""
    try:
        file = second_reader.read(data)
    except Refused as refused:
        return refused.kind
    return "pixels unsupported" if second_reader.why_no_pixels(file.header) else "intact"


# -- structure ---------------------------------------------------------------------------------------------------


def test_the_second_reader_needs_nothing_but_the_standard_library():
    tree = ast.parse(Path(second_reader.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", NAMES)
def test_conformance_vectors_have_the_structure_the_page_tells(name):
    assert second_structure(vector(name)) == structure(vector(name))
    assert second_outcome(vector(name)) == "intact"


@pytest.mark.parametrize("name", WRITTEN)
def test_written_files_have_the_structure_the_page_tells(written, name):
    data = written[name]
    assert second_structure(data) == structure(data)
    assert second_outcome(data) == "intact"


def test_the_written_files_are_of_many_kinds(written):
    """Else the comparison above would say little."""
    headers = [second_reader.parse(data).header for data in written.values()]
    assert {header.kind for header in headers} == {0, 1, 2, 3}
    assert {header.codec for header in headers} == {0, 1}
    assert max(header.planes for header in headers) == 2
    assert max(header.levels for header in headers) == 3
    assert max(header.packets for header in headers) == 5
    arrays = [second_reader.parse(data).metadata.get("array", {}) for data in written.values()]
    assert {array.get("dtype") for array in arrays} == {None, "uint8", "uint16", "float32"}
    assert {len(array.get("ranges", [])) for array in arrays} == {0, 1, 2, 5}


PLAIN = Header(codec=0, kind=ArrayKind.RGB8, model=b"\x01\x02\x03", quality=99.5, height=300, width=1100)
STACK = {"array": {"axes": "CYX", "shape": [5, 300, 1100], "dtype": "uint8", "packed": True}}
HEADERS = {
    "codec 14": replace(PLAIN, codec=14),
    "codec 15": replace(PLAIN, codec=15),
    "codec 16383": replace(PLAIN, codec=16383 + 15),
    "codec of four bytes": replace(PLAIN, codec=1 << 24, options=bytes(range(16))),
    "14 option bytes": replace(PLAIN, options=bytes(14)),
    "15 option bytes": replace(PLAIN, options=bytes(15)),
    "300 option bytes": replace(PLAIN, codec=3, options=bytes(range(100)) * 3),
    "one tile": replace(PLAIN, tile=0),
    "smallest tiles": replace(PLAIN, tile=64),
    "half a tile left, and one pixel more": replace(PLAIN, height=160, width=161, tile=64),
    "half a tile in all": replace(PLAIN, height=32, width=33, tile=64),
    "huge tiles": replace(PLAIN, tile=64 << 28),
    "file stream": replace(PLAIN, file_stream=True),
    "plane stream": replace(PLAIN, plane_streams=True, tile=256),
    "both streams, packets": replace(PLAIN, file_stream=True, plane_streams=True, packets=3, tile=320),
    "all streams of a stack": replace(
        PLAIN, kind=ArrayKind.RGB_PLANES, planes=2, levels=12, file_stream=True, plane_streams=True, packets=2
    ),
    "an extension": replace(PLAIN, extensions=(Extension("note", b"for people"),)),
    "needed extensions": replace(
        PLAIN,
        packets=7,
        extensions=(Extension("z" * 63, bytes(300)), Extension("film-grain-2", b"", needed=True), Extension("0", b"")),
    ),
    "everything": replace(
        PLAIN,
        codec=70_000,
        options=bytes(200),
        kind=ArrayKind.RGB_PLANES,
        tile=128,
        packets=2,
        planes=2,
        levels=3,
        file_stream=True,
        plane_streams=True,
        extensions=(Extension("a", b"1"), Extension("b-2", b"22", needed=True)),
    ),
}


def packed(header: Header) -> bytes:
    """A file with chunks of different lengths, the first of them empty."""
    metadata = STACK if header.kind.described else None
    count = second_reader.count_chunks(second_reader.read_header(header.pack()))
    return pack(header, [bytes([number % 251]) * (number % 140) for number in range(count)], metadata)


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_codecs_to_come_have_the_structure_the_page_tells(name):
    data = packed(HEADERS[name])
    assert second_structure(data) == structure(data)
    assert second_outcome(data) == outcome(data)


# -- faults ------------------------------------------------------------------------------------------------------


def faults(data: bytes) -> Iterator[bytes]:
    """The file cut off after every byte, with every bit flipped, and with bytes behind its end."""
    yield from (data[:length] for length in range(len(data)))
    for position in range(len(data)):
        for bit in range(8):
            yield data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]
    yield from (data + b"\0", data + data)


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_is_noticed_and_is_called_the_same(name):
    for fault in faults(vector(name)):
        said = outcome(fault)
        assert said.endswith("Error")
        # limits are the reader's own; the second has none, and finds the file too short for what it claims, or a
        # checksum that fails
        allowed = {"TruncatedFileError", "DamagedFileError"} if said == "LimitError" else {said}
        assert second_outcome(fault) in allowed


def test_faults_of_packets_lose_the_same_packets(written):
    located = 0
    for data in (vector("vqgan-transformer"), written["index-stack"]):
        start = second_reader.parse(data).chunks[0].offset
        for fault in [*(data[:length] for length in range(start, len(data))), *_spread_flips(data, start, 400)]:
            lost = second_reader.parse(fault).lost
            assert lost == GlcFile(fault).lost_packets()
            assert lost
            located += 1
    assert located > 700


def _spread_flips(data: bytes, start: int, count: int) -> Iterator[bytes]:
    for bit in range(8 * start, 8 * len(data), max(1, 8 * (len(data) - start) // count)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def test_forged_headers_meet_the_same_judgement(written):
    """Random changes whose checksums are put right, so that everything behind them is reached."""
    chance = random.Random(14)
    sources = [vector(name) for name in NAMES] + [written["stack16"], packed(HEADERS["everything"])]
    said: dict[str, int] = {}
    for _ in range(1500):
        fault = _forged(chance.choice(sources), chance)
        first, second = outcome(fault), second_outcome(fault)
        said[first] = said.get(first, 0) + 1
        # a header of chance may have several faults at once, and limits are the package's own
        if first != "LimitError":
            assert _judgement(second) == _judgement(first), fault.hex()
        if first in ("intact", "pixels unsupported"):
            assert second_structure(fault) == structure(fault)
    assert len(said) == 6, said
    assert min(said.values()) >= 10, said


def _judgement(said: str) -> str:
    return "bad bytes" if said in ("DamagedFileError", "TruncatedFileError") else said


def _forged(data: bytes, chance: random.Random) -> bytes:
    """One to three bytes of header or index changed, inserted or removed; checksum of the head right again."""
    file = second_reader.parse(data)
    block = file.header.metadata + 2 if file.header.metadata else 0
    end = file.chunks[0].offset - block - 2
    head = bytearray(data[:end])
    for _ in range(chance.randint(1, 3)):
        position = chance.randrange(3, len(head))
        value = chance.choice([chance.randrange(256), chance.randrange(4), head[position] ^ 1 << chance.randrange(8)])
        match chance.randrange(6):
            case 0:
                head.insert(position, value)
            case 1:
                del head[position]
            case _:
                head[position] = value
    return bytes(head) + second_reader.crc16(head).to_bytes(2, "little") + data[end + 2 :]


# -- what only a file written by hand holds ----------------------------------------------------------------------


def deflated(text: bytes) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(text) + squeeze.flush()


def by_hand(flags: int, fields: bytes = b"", lengths: tuple[int, ...] = (3,), block: bytes | None = None) -> bytes:
    """A file of a 64 x 64 plane from the bytes of its optional fields; checksums are right, nothing else is checked."""
    head = b"GLC" + varint(1 | flags) + b"\0abc\x10\x40\x40" + fields + bytes(lengths)
    parts = [head, checksum(head)]
    if block is not None:
        parts += [block, checksum(block)]
    for length in lengths:
        parts += [bytes(range(length)), checksum(bytes(range(length)))]
    return b"".join(parts)


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def checksum(data: bytes) -> bytes:
    return second_reader.crc16(data).to_bytes(2, "little")


def with_metadata(text: bytes, *, flags: int = 0, fields: bytes = b"", lengths: tuple[int, ...] = (3,)) -> bytes:
    block = deflated(text)
    return by_hand(1 << 5 | flags, varint(len(block)) + fields, lengths, block)


def described(kind: int = 2, planes: int = 2, levels: int = 1, **changes: Any) -> bytes:
    """A file of planes of 64 x 64 whose description differs from that of a (2, 64, 64) stack."""
    array = {"axes": "ZYX", "shape": [2, 64, 64], "dtype": "uint8"} | changes
    text = json.dumps({"array": {key: value for key, value in array.items() if value is not ...}}).encode()
    return with_metadata(
        text, flags=kind << 2, fields=varint(planes) + bytes([levels]), lengths=(3,) * (planes * levels)
    )


def extended(*extensions: bytes) -> bytes:
    return by_hand(1 << 9, bytes([len(extensions)]) + b"".join(extensions))


PAIR = [[0, 9]]
WHOLE = {
    "fields with the values they have if absent": by_hand(0x270, b"\x08\x00\x01\x00"),
    "no extensions": extended(),
    "a name twice": extended(b"\x04ab\x01x", b"\x04ab\x00"),
    "an empty object": with_metadata(b" {} "),
    "an array of no kind": with_metadata(b'{"array": 5}'),
    "a key twice": with_metadata(b'{"a": 1, "a": 2}'),
    "more levels than halves": described(levels=16),
    "columns first": described(axes="XZY", shape=[64, 2, 64]),
    "no leading axis": described(planes=1, axes="YX", shape=[64, 64]),
    "samples first": described(3, axes="SZYX", shape=[4, 2, 64, 64]),
    "one channel packed": described(3, 1, axes="CYX", shape=[1, 64, 64], packed=True),
    "not packed": described(packed=False),
    "a range": described(dtype="uint16", ranges=PAIR),
    "a range for each plane": described(dtype="uint16", ranges=PAIR * 2),
    "a range for each channel": described(
        planes=6, axes="TCYX", shape=[2, 3, 64, 64], dtype="float16", ranges=PAIR * 3
    ),
    "a range for each packed channel": described(
        3, 2, axes="CYX", shape=[5, 64, 64], packed=True, dtype="int8", ranges=PAIR * 5
    ),
    "a range of one value": described(dtype="int32", ranges=[[4, 4]]),
    "uint8 with a range": described(ranges=PAIR),
    "no ranges": described(ranges=[]),
    "clipped samples": described(clipped=3),
    "unknown keys": described(comment=None),
}
DAMAGED = {
    "no packets": by_hand(1 << 6, b"\0", ()),
    "quality above 200": by_hand(0).replace(b"abc\x10", b"abc\xc9", 1),
    "metadata of no bytes with a checksum": by_hand(1 << 5, b"\0", block=b""),
    "an extension without a name": extended(b"\0\0"),
    "bit 7 of an extension": extended(b"\x84ab\0"),
    "a capital letter in a name": extended(b"\x04aB\0"),
    "a name of other characters": extended(b"\x04a_\0"),
    "a list": with_metadata(b"[]"),
    "not a number": with_metadata(b'{"a": NaN}'),
    "infinity": with_metadata(b'{"a": -Infinity}'),
    "a byte order mark": with_metadata(b"\xef\xbb\xbf{}"),
    "UTF-16": with_metadata('{"a": 1}'.encode("utf-16")),
    "half a character": with_metadata(b'{"a": "\xed\xa0\x80"}'),
    "bytes behind the stream": by_hand(1 << 5, bytes([len(deflated(b"{}")) + 1]), block=deflated(b"{}") + b"x"),
    "a stream without end": by_hand(1 << 5, bytes([len(deflated(b"{}")) - 1]), block=deflated(b"{}")[:-1]),
    "planes without metadata": by_hand(2 << 2, b"\x02\x01", (3, 3)),
    "planes without a description": with_metadata(b"{}", flags=2 << 2, fields=b"\x02\x01", lengths=(3, 3)),
    "no levels": with_metadata(b"{}", flags=2 << 2, fields=b"\x02\x00", lengths=(3, 3)),
    "17 levels": described(levels=17),
    "more planes": described(planes=3),
    "fewer planes": described(planes=1),
    "grey planes of kind 3": described(3),
    "colour planes of kind 2": described(axes="ZYXS", shape=[2, 64, 64, 3]),
    "another height": described(shape=[2, 65, 64]),
    "small letters": described(axes="zyx"),
    "a letter twice": described(axes="YYX"),
    "no columns": described(axes="ZYC"),
    "a letter beyond Z": described(axes="ÄYX"),
    "a list of axes": described(axes=["Z", "Y", "X"]),
    "17 axes": described(axes="ABCDEFGHIJKLMNOYX", shape=[2] + [1] * 14 + [64, 64]),
    "a shape of two": described(shape=[64, 64]),
    "a shape of fractions": described(shape=[2.0, 64, 64]),
    "a shape of truths": described(planes=1, shape=[True, 64, 64]),
    "two samples": described(3, axes="ZYXS", shape=[2, 64, 64, 2]),
    "one sample": described(axes="ZYXS", shape=[2, 64, 64, 1]),
    "packed without channels": described(3, packed=True),
    "packed samples": described(3, 1, axes="CYXS", shape=[2, 64, 64, 3], packed=True),
    "packed is 1": described(3, axes="CYX", shape=[5, 64, 64], packed=1),
    "packed is null": described(packed=None),
    "a type of eight bytes": described(dtype="float64", ranges=PAIR),
    "no type": described(dtype=...),
    "uint16 without ranges": described(dtype="uint16"),
    "three ranges for two planes": described(dtype="uint16", ranges=PAIR * 3),
    "ranges for another axis than C": described(
        planes=6, axes="TCYX", shape=[2, 3, 64, 64], dtype="int16", ranges=PAIR * 2
    ),
    "a range for each packed plane": described(
        3, axes="CYX", shape=[5, 64, 64], packed=True, dtype="int8", ranges=PAIR * 2
    ),
    "null for ranges": described(ranges=None),
    "three ends of a range": described(ranges=[[0, 1, 2]]),
    "words for ends of a range": described(ranges=[["0", "1"]]),
    "truths for ends of a range": described(ranges=[[False, True]]),
    "an end beyond 10^39": described(ranges=[[0, 10**40]]),
    "words for clipped": described(clipped="many"),
    "half a clipped sample": described(clipped=0.5),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_the_page_allows_both_take(name):
    assert second_structure(WHOLE[name]) == structure(WHOLE[name])
    assert second_outcome(WHOLE[name]) == outcome(WHOLE[name])


@pytest.mark.parametrize("name", DAMAGED)
def test_what_the_page_forbids_both_refuse(name):
    assert second_outcome(DAMAGED[name]) == outcome(DAMAGED[name]) == "DamagedFileError"


@pytest.mark.parametrize("flags", [0, 2, 3, *(1 | 1 << bit for bit in range(10, 35))])
def test_other_versions_and_flags_of_tomorrow_both_refuse(flags):
    data = b"GLC" + varint(flags) + by_hand(0)[4:]
    assert second_outcome(data) == outcome(data) == "UnsupportedVersionError"


# -- payloads ----------------------------------------------------------------------------------------------------


def range_decoder(stream: bytes) -> Callable[[list[int]], int]:
    """The coder the page names, told how words are stored and what was cut off."""
    words = np.frombuffer(stream + bytes(-len(stream) % 4), ">u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(words)
    model = constriction.stream.model.Categorical(perfect=False)
    return lambda weights: int(decoder.decode(model, np.array([weights], np.float64))[0])


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("vqgan") and "transformer" not in name])
def test_published_indices_follow_from_the_page(name):
    vectors = {entry["name"]: entry for entry in json.loads((VECTORS / "vectors.json").read_text())["vectors"]}
    file = second_reader.read(vector(name))
    maps = second_reader.walk_vqgan(file, sizes=CODEBOOKS, factor=FACTOR, range_decoder=range_decoder)
    indices = [index for row in maps[0, 0, 0] for index in row]
    digest = hashlib.sha256(struct.pack(f"<{len(indices)}H", *indices)).hexdigest()
    assert digest == vectors[name]["symbols"]


@pytest.mark.parametrize("coder", ["fixed", "zip", "adaptive"])
@pytest.mark.parametrize("quality", [0, 43.5, 100])
def test_indices_in_packets_follow_from_the_page(parrots, coder, quality):
    data = napari_glc.encode(
        parrots[60:260, :400], codec="vqgan", quality=quality, index_coder=coder, packets=6, tile=192, device="cpu"
    )
    _check_index_maps(data)


def test_indices_of_a_stack_follow_from_the_page(written):
    for name in ("rgb-packets", "index-stack"):
        _check_index_maps(written[name])


def _check_index_maps(data: bytes) -> None:
    maps = second_reader.walk_vqgan(
        second_reader.read(data), sizes=CODEBOOKS, factor=FACTOR, range_decoder=range_decoder
    )
    file = GlcFile(data, device="cpu")
    tiles = [place for place in map(file.container.place, range(file.container.chunks)) if place.packet == 0]
    assert len(maps) == len(tiles)
    for place in tiles:
        (indices,) = file.symbols(place.plane, place.level, place.tile)
        assert maps[place.plane, place.level, place.tile] == indices.tolist()


def test_lost_packets_leave_the_positions_the_page_tells(written):
    data = written["rgb-packets"]
    whole = second_reader.walk_vqgan(second_reader.read(data), sizes=CODEBOOKS, factor=FACTOR)
    broken = bytearray(data)
    lost = [3, 17, len(second_reader.parse(data).chunks) - 1]
    for index in lost:
        broken[second_reader.parse(data).chunks[index].offset] ^= 4
    file = second_reader.parse(bytes(broken))
    assert file.lost == lost
    left = second_reader.walk_vqgan(file, sizes=CODEBOOKS, factor=FACTOR)
    recovered = GlcFile(bytes(broken), device="cpu").recover("nearest").lost
    for chunk in file.chunks:
        top, wide, height, width = chunk.box
        rows, columns = range(-(-height // FACTOR)), range(-(-width // FACTOR))
        indices = left[0, 0, chunk.tile]
        for row in rows:
            for column in columns:
                gone = bool(recovered[top + row * FACTOR, wide + column * FACTOR])
                assert (indices[row][column] is None) == gone
                assert gone or indices[row][column] == whole[0, 0, chunk.tile][row][column]


def test_index_streams_of_another_length_are_damage_to_both():
    whole = GlcFile(vector("vqgan-fixed"))
    indices = whole.chunk(0)
    wrong = {
        b"\0": [indices[:-1], indices + b"\0", b""],
        b"\1": [
            deflated(indices[:-1]),
            deflated(indices + b"\0"),
            deflated(indices) + b"\0",
            deflated(indices)[:-1],
            b"",
        ],
    }
    for options, payloads in wrong.items():
        for payload in payloads:
            data = pack(replace(whole.container.header, options=options), [payload])
            with pytest.raises(Refused, match="DamagedFileError"):
                second_reader.walk_vqgan(second_reader.read(data), sizes=CODEBOOKS, factor=FACTOR)
            with pytest.raises(DamagedFileError):
                napari_glc.decode(data, device="cpu")


@pytest.mark.parametrize("packets", [*range(1, 12), 16, 25, 30, 47, 64])
def test_the_rule_of_packets_is_the_packages(packets):
    assert second_reader.packet_map(13, 70, packets) == packet_map(13, 70, packets).tolist()


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("glc")])
def test_streams_of_transform_coding_are_where_the_page_says(name):
    _check_transform_coded(vector(name))


def test_streams_of_every_plane_and_level_are_where_the_page_says(written):
    for name in ("grey-tiles", "stack16", "packed-float"):
        _check_transform_coded(written[name])


def _check_transform_coded(data: bytes) -> None:
    """Hyper indices and lengths are the package's, and the check byte is that of the symbols it decodes."""
    package, sizes = GlcFile(data, device="cpu"), {"hyper": 0, "symbols": 0}
    for chunk in second_reader.read(data).chunks:
        tile = second_reader.walk_glc(chunk.payload, chunk.box, codewords=HYPER, factor=FACTOR)
        hyper, *symbols = package.symbols(chunk.plane, chunk.level, chunk.tile)
        assert tile.hyper == hyper.ravel().tolist()
        coded = np.concatenate([part.ravel() for part in symbols]).astype("<i2").tobytes()
        assert tile.check == zlib.crc32(coded) & 255
        sizes["hyper"] += len(tile.hyper)  # a byte each for 256 codewords
        sizes["symbols"] += len(tile.symbols)
    streams = package.streams()
    assert sizes == {name: streams[name] for name in sizes}


@pytest.mark.parametrize("name", ["stack16", "packed-float"])
def test_samples_are_restored_by_the_formula_of_the_page(written, name):
    array = second_reader.parse(written[name]).metadata["array"]
    decoded = napari_glc.decode(written[name], device="cpu")
    assert len(array["ranges"]) == len(decoded)
    for plane, (low, high) in zip(decoded, array["ranges"], strict=True):
        restored = np.array(second_reader.restored(low, high, array["dtype"])).astype(array["dtype"])
        assert plane.dtype == restored.dtype
        assert np.isin(plane, restored).all()
        assert np.unique(plane).size > 30
