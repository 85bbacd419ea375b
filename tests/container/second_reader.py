"""A second reader of the `.glc` format, written from docs/reference/format.md alone.

It imports nothing but the standard library, on purpose: what it cannot find out from the page is missing from the page.
`parse` takes a file apart; the functions below it walk payloads as far as that needs no network. Names of errors are
those of the page's table; there are no limits but the format's own.
"""

import json
import math
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

GLC, VQGAN, CLRIC, PERCO = 0, 1, 2, 3
PUBLISHED = b"\1"
FIXED, ZIP, ADAPTIVE, TRANSFORMER = 0, 1, 2, 3
INTEGERS = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767)}
INTEGERS |= {"uint32": (0, 2**32 - 1), "int32": (-(2**31), 2**31 - 1)}
TYPES = {*INTEGERS, "float16", "float32"}


class Refused(Exception):
    """A file or payload this reader does not take; `kind` is the name of the error in the page's table."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(f"{kind}: {why}")
        self.kind = kind


def damaged(why: str) -> Refused:
    return Refused("DamagedFileError", why)


def truncated(why: str) -> Refused:
    return Refused("TruncatedFileError", why)


def unsupported(why: str) -> Refused:
    return Refused("UnsupportedVersionError", why)


@dataclass
class Extension:
    name: str
    needed: bool
    value: bytes


@dataclass
class Header:
    kind: int
    codec: int
    options: bytes
    model: bytes
    quality: int
    height: int
    width: int
    tile: int
    metadata: int
    packets: int
    planes: int
    levels: int
    file_stream: bool
    plane_streams: bool
    extensions: list[Extension]
    length: int


@dataclass
class Chunk:
    """A chunk and its place: `plane`, `level`, `tile`, `packet` are None where they do not apply.

    `box` is (top, left, height, width) of its tile; `payload` is None when the chunk is lost or its checksum fails.
    """

    offset: int
    length: int
    plane: int | None
    level: int | None
    tile: int | None
    packet: int | None
    box: tuple[int, int, int, int] | None
    payload: bytes | None


@dataclass
class File:
    header: Header
    metadata: dict[str, Any]
    chunks: list[Chunk]

    @property
    def lost(self) -> list[int]:
        return [number for number, chunk in enumerate(self.chunks) if chunk.payload is None]


class Cursor:
    """Bytes taken one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise truncated(f"{count} bytes wanted at {self.at}, {len(self.data) - self.at} are there")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = 0
        for position in range(5):
            byte = self.byte()
            value |= (byte & 127) << (7 * position)
            if byte < 128:
                if position and not byte:
                    raise damaged("a varint longer than needed")
                return value
        raise damaged("a varint of more than five bytes")


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740."""
    register = 0xFFFF
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1) ^ (0x1021 if register & 0x8000 else 0)
        register &= 0xFFFF
    return register


# Header


def read_header(data: bytes) -> Header:
    if not data:
        raise Refused("EmptyFileError", "no bytes")
    cursor = Cursor(data)
    if cursor.take(3) != b"GLC":
        raise Refused("NotAGlcFileError", "another magic")
    flags = cursor.varint()
    if flags & 3 != 1:
        raise unsupported(f"version {flags & 3}")
    if flags >> 10:
        raise unsupported("a flag this page does not know")

    def flag(bit: int) -> bool:
        return bool(flags >> bit & 1)

    kind = flags >> 2 & 3
    packed = cursor.byte()
    codec, count = packed & 15, packed >> 4
    if codec == 15:
        codec += cursor.varint()
    if count == 15:
        count += cursor.varint()
    options = cursor.take(count)
    model, quality = cursor.take(3), cursor.byte()
    height, width = cursor.varint(), cursor.varint()
    tile = cursor.varint() if flag(4) else 8
    metadata = cursor.varint() if flag(5) else 0
    packets = cursor.varint() if flag(6) else 1
    planes, levels = (cursor.varint(), cursor.byte()) if kind >= 2 else (1, 1)
    extensions = read_extensions(cursor) if flag(9) else []
    if quality > 200 or not (height and width and packets and planes and 1 <= levels <= 16):
        raise damaged("an impossible value in the header")
    return Header(
        kind=kind,
        codec=codec,
        options=options,
        model=model,
        quality=quality,
        height=height,
        width=width,
        tile=64 * tile,
        metadata=metadata,
        packets=packets,
        planes=planes,
        levels=levels,
        file_stream=flag(7),
        plane_streams=flag(8),
        extensions=extensions,
        length=cursor.at,
    )


def read_extensions(cursor: Cursor) -> list[Extension]:
    extensions = []
    for _ in range(cursor.varint()):
        first = cursor.byte()
        if first >> 7 or not first >> 1:
            raise damaged("an extension without a name")
        name = cursor.take(first >> 1)
        if not all(character in b"abcdefghijklmnopqrstuvwxyz0123456789-" for character in name):
            raise damaged("a name of an extension with other characters")
        extensions.append(Extension(name.decode("ascii"), bool(first & 1), cursor.take(cursor.varint())))
    return extensions


# Places of the chunks


def cut(length: int, side: int) -> list[tuple[int, int]]:
    """(start, length) of the tiles along one axis; `side` 0 stands for one tile in all."""
    if not side or length <= side:
        return [(0, length)]
    full, rest = divmod(length, side)
    pieces = [(side * number, side) for number in range(full)]
    if 2 * rest > side:
        return [*pieces, (side * full, rest)]
    return [*pieces[:-1], (side * (full - 1), side + rest)]


def boxes(header: Header, level: int) -> list[tuple[int, int, int, int]]:
    """Tiles of a plane at a level, row-major, each as (top, left, height, width)."""
    rows = cut(-(-header.height >> level), header.tile)
    columns = cut(-(-header.width >> level), header.tile)
    return [(top, left, height, width) for top, height in rows for left, width in columns]


def pieces(length: int, side: int) -> int:
    """How many tiles `cut` makes, without making them."""
    if not side or length <= side:
        return 1
    full, rest = divmod(length, side)
    return full + (2 * rest > side)


def count_chunks(header: Header) -> int:
    a_plane = 0
    for level in range(header.levels):
        rows = pieces(-(-header.height >> level), header.tile)
        columns = pieces(-(-header.width >> level), header.tile)
        a_plane += header.plane_streams + rows * columns * header.packets
    return header.file_stream + header.planes * a_plane


def places(header: Header) -> list[dict[str, Any]]:
    """What each chunk is, in the order of the index."""
    found: list[dict[str, Any]] = []
    nothing = {"plane": None, "level": None, "tile": None, "packet": None, "box": None}
    if header.file_stream:
        found.append(nothing)
    for plane in range(header.planes):
        for level in range(header.levels):
            here = nothing | {"plane": plane, "level": level}
            if header.plane_streams:
                found.append(here)
            for tile, box in enumerate(boxes(header, level)):
                found += [here | {"tile": tile, "packet": packet, "box": box} for packet in range(header.packets)]
    return found


# The whole file


def parse(data: bytes) -> File:
    """Take a file apart.

    Chunks that are lost or damaged have no payload if the file has several packets a tile; otherwise they, like
    everything else that does not fit the page, raise `Refused`.
    """
    header = read_header(data)
    count = count_chunks(header)
    if count > len(data):
        raise truncated(f"{count} chunks in {len(data)} bytes")
    cursor = Cursor(data)
    cursor.take(header.length)
    lengths = [cursor.varint() for _ in range(count)]
    if crc16(data[: cursor.at]) != int.from_bytes(cursor.take(2), "little"):
        raise damaged("checksum of header and index")
    block = header.metadata + 2 if header.metadata else 0
    check_length(len(data), cursor.at + block, lengths, header)
    metadata: dict[str, Any] = {}
    if header.metadata:
        block = cursor.take(header.metadata)
        if crc16(block) != int.from_bytes(cursor.take(2), "little"):
            raise damaged("checksum of the metadata block")
        metadata = unpack_metadata(block)
    if header.kind >= 2:
        check_array(metadata.get("array"), header)
    return File(header, metadata, read_chunks(data, cursor.at, lengths, header))


def check_length(there: int, start: int, lengths: list[int], header: Header) -> None:
    """Whether the file has the length its index says; chunks begin at `start`."""
    end = start + sum(lengths) + 2 * len(lengths)
    if there > end:
        raise damaged("trailing bytes")
    if there < end and (header.packets == 1 or there < start):
        raise truncated(f"{there} bytes of {end}")


def read_chunks(data: bytes, start: int, lengths: list[int], header: Header) -> list[Chunk]:
    chunks = []
    for length, place in zip(lengths, places(header), strict=True):
        payload: bytes | None = data[start : start + length]
        check = data[start + length : start + length + 2]
        if len(check) < 2 or crc16(data[start : start + length]) != int.from_bytes(check, "little"):
            payload = None
            if header.packets == 1:
                raise damaged("checksum of a chunk")
        chunks.append(Chunk(start, length, payload=payload, **place))
        start += length + 2
    return chunks


def read(data: bytes) -> File:
    """Take a file apart of which nothing may be lost."""
    file = parse(data)
    for number in file.lost:
        end = file.chunks[number].offset + file.chunks[number].length + 2
        raise truncated(f"chunk {number} is lost") if end > len(data) else damaged(f"checksum of chunk {number}")
    return file


def inflate(stream: bytes, most: int) -> bytes:
    """A raw DEFLATE stream that ends with the bytes given and holds at most `most`."""
    inflater = zlib.decompressobj(-15)
    try:
        content = inflater.decompress(stream, most + 1)
    except zlib.error as error:
        raise damaged("no DEFLATE stream") from error
    if len(content) > most:
        raise damaged(f"more than {most} bytes after DEFLATE")
    if not inflater.eof or inflater.unused_data:
        raise damaged("a DEFLATE stream that ends too early or too late")
    return content


def unpack_metadata(block: bytes) -> dict[str, Any]:
    if len(block) > 1 << 20:
        raise damaged("a metadata block beyond 1 MiB")
    try:
        found = json.loads(inflate(block, 1 << 20).decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise damaged("no JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise damaged("no JSON object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


# Arrays


def check_array(array: Any, header: Header) -> None:
    """The description of the array: it must agree with itself and with the header."""

    def need(true: bool, why: str) -> None:
        if not true:
            raise damaged(f"description of the array: {why}")

    need(isinstance(array, dict), "missing")
    axes, shape, packed = array.get("axes"), array.get("shape"), array.get("packed", False)
    need(isinstance(axes, str) and axes.isascii() and axes.isalpha() and axes.isupper(), "axes")
    need(len(set(axes)) == len(axes) <= 16 and {"Y", "X"} <= set(axes), "axes")
    need(isinstance(shape, list) and len(shape) == len(axes), "shape")
    need(all(type(length) is int and length > 0 for length in shape), "shape")
    lengths = dict(zip(axes, shape, strict=True))
    need((lengths["Y"], lengths["X"]) == (header.height, header.width), "another plane than the header's")
    need(lengths.get("S", 3) in (3, 4), "samples")
    need(array.get("dtype") in TYPES, "type")
    need(isinstance(packed, bool), "packed")
    need(not packed or ("C" in lengths and "S" not in lengths), "packed without channels")
    need(header.kind == (3 if packed or "S" in lengths else 2), "another kind than the header's")
    leading = {axis: length for axis, length in lengths.items() if axis not in "YXS"}
    planes = math.prod(-(-length // 3) if packed and axis == "C" else length for axis, length in leading.items())
    need(planes == header.planes, "another number of planes than the header's")
    need(type(array.get("clipped", 0)) is int, "clipped")
    need(type(array.get("not_numbers", 0)) is int, "not_numbers")
    ranges = array.get("ranges", [])
    need(isinstance(ranges, list), "ranges")
    need(bool(ranges) or array["dtype"] == "uint8", "no ranges")
    need(len(ranges) in (0, 1, leading.get("C", 1), math.prod(leading.values())), "number of ranges")
    for pair in ranges:
        need(isinstance(pair, list) and len(pair) == 2, "ranges")
        need(all(type(end) in (int, float) and abs(end) <= 10**39 for end in pair), "ranges")


def restored(low: float, high: float, dtype: str) -> list[float]:
    """What the coded samples 0 to 255 stand for; of floating types before they are rounded to the type."""
    values = [low + sample * ((high - low) / 255) for sample in range(256)]
    if dtype not in INTEGERS:
        return values
    least, most = INTEGERS[dtype]
    return [min(max(round(value), least), most) for value in values]


# Payloads


def why_no_pixels(header: Header) -> str | None:
    """Why a reader that knows version 1 must not decode pixels, or None."""
    for extension in header.extensions:
        if extension.needed:
            return f"extension {extension.name} is needed"
    if header.codec not in (GLC, VQGAN, CLRIC, PERCO):
        return f"codec {header.codec}"
    if len(header.options) > {GLC: 0, PERCO: 4}.get(header.codec, 1):
        return "more option bytes than this page knows"
    if header.packets > (64 if header.codec == VQGAN else 1):
        return "more packets than this page knows"
    if header.file_stream or (header.plane_streams and header.codec not in (CLRIC, PERCO)):
        return "streams this page does not know"
    if header.codec == VQGAN and header.options and header.options[0] > TRANSFORMER:
        return "an index coder this page does not know"
    if header.codec == CLRIC and header.options not in (b"", PUBLISHED):
        return "a mode this page does not know"
    if header.codec == PERCO and header.options.endswith(b"\0"):
        return "a seed this page would write otherwise"
    return None


def bits_of(codewords: int) -> int:
    """ceil(log2 codewords), at least 1."""
    return max(1, (codewords - 1).bit_length())


def unpack_indices(stream: bytes, count: int, codewords: int) -> list[int]:
    """`count` indices of equal width, most significant bit first, zero padded."""
    width = bits_of(codewords)
    if len(stream) != -(-count * width // 8):
        raise damaged(f"{len(stream)} bytes for {count} indices of {width} bits")
    number = int.from_bytes(stream, "big")
    number >>= 8 * len(stream) - count * width
    indices = [number >> (width * (count - 1 - place)) & ((1 << width) - 1) for place in range(count)]
    if any(index >= codewords for index in indices):
        raise damaged("an index beyond the codebook")
    return indices


@dataclass
class GlcTile:
    """The parts of a tile of codec `glc`: hyper indices (row-major), symbol stream, check byte."""

    latent: tuple[int, int]
    hyper: list[int]
    symbols: bytes
    check: int


def walk_glc(payload: bytes, box: tuple[int, int, int, int], *, codewords: int, factor: int) -> GlcTile:
    height, width = (4 * -(-side // (4 * factor)) for side in box[2:])
    positions = height // 4 * (width // 4)
    size = -(-positions * bits_of(codewords) // 8)
    if len(payload) < size + 1:
        raise damaged("a payload shorter than hyper stream and check")
    return GlcTile((height, width), unpack_indices(payload[:size], positions, codewords), payload[size:-1], payload[-1])


def codebook(header: Header, codebooks: int) -> int:
    """Number of the codebook that the quality picks, 0 for the smallest."""
    return math.floor(header.quality / 2 / 100 * (codebooks - 1) + 1 / 2)


def packet_step(packets: int) -> int:
    """The number s of the page's rule for packets.

    Two positions d columns and e rows apart share a packet when d + s e is a multiple of P. No distance exceeds P, that
    along a row; for every number of rows there are two columns to look at, one on each side.
    """

    def least(step: int) -> int:
        columns = [-step * row % packets for row in range(packets)]
        others = [row**2 + min(column, packets - column) ** 2 for row, column in enumerate(columns) if row]
        return min([packets**2, *others])

    distances = [least(step) for step in range(packets)]
    return distances.index(max(distances))


def packet_map(height: int, width: int, packets: int) -> list[list[int]]:
    step = packet_step(packets)
    return [[(column + step * row) % packets for column in range(width)] for row in range(height)]


def index_coder(header: Header) -> int:
    return header.options[0] if header.options else TRANSFORMER


Positions = list[tuple[int, int]]
"""(row, column) of the positions of a packet, in raster order."""
RangeDecoder = Callable[[list[int]], int]
"""Gives the next index, told the weights of all codewords."""


def adaptive_indices(next_index: RangeDecoder, positions: Positions, codewords: int) -> list[int]:
    """The indices of a packet of coder `adaptive`."""
    counts = [1] * codewords
    after_left: Counter[tuple[int, int]] = Counter()
    after_upper: Counter[tuple[int, int]] = Counter()
    left: dict[int, int] = {}
    upper: dict[int, int] = {}
    indices = []
    for row, column in positions:
        # a neighbour that is not there is called -1; nothing is counted for it
        beside, above = left.get(row, -1), upper.get(column, -1)
        unit = 10 * 2**20 / sum(counts)
        weights = [
            math.floor(counts[x] * unit) + 2**20 * (after_left[beside, x] + after_upper[above, x])
            for x in range(codewords)
        ]
        share = math.floor(sum(weights) / (128 * codewords)) + 1
        index = next_index([weight + share for weight in weights])
        counts[index] += 5
        after_left[beside, index] += beside >= 0
        after_upper[above, index] += above >= 0
        left[row] = upper[column] = index
        indices.append(index)
    return indices


def packet_indices(
    payload: bytes,
    coder: int,
    positions: Positions,
    codewords: int,
    range_decoder: Callable[[bytes], RangeDecoder] | None = None,
) -> list[int]:
    """The indices of a packet in raster order, for the coders that need no model; `adaptive` needs a range decoder."""
    if coder == ADAPTIVE and range_decoder:
        return adaptive_indices(range_decoder(payload), positions, codewords)
    if coder == ZIP:
        payload = inflate(payload, -(-len(positions) * bits_of(codewords) // 8))
    elif coder != FIXED:
        raise ValueError("no network and no range decoder here")
    return unpack_indices(payload, len(positions), codewords)


def walk_vqgan(
    file: File, *, sizes: list[int], factor: int, range_decoder: Callable[[bytes], RangeDecoder] | None = None
) -> dict[tuple[int, int, int], list[list[int | None]]]:
    """Index maps of every tile, by (plane, level, tile); None at positions of lost packets.

    `sizes` are the sizes of the model's codebooks from the smallest on.
    """
    header = file.header
    codewords = sizes[codebook(header, len(sizes))]
    maps: dict[tuple[int, int, int], list[list[int | None]]] = {}
    for chunk in file.chunks:
        if chunk.plane is None or chunk.level is None or chunk.tile is None or chunk.box is None:
            continue
        height, width = (-(-side // factor) for side in chunk.box[2:])
        packets = packet_map(height, width, header.packets)
        mine = [
            (row, column) for row in range(height) for column in range(width) if packets[row][column] == chunk.packet
        ]
        key = chunk.plane, chunk.level, chunk.tile
        indices = maps.setdefault(key, [[None] * width for _ in range(height)])
        if chunk.payload is not None:
            decoded = packet_indices(chunk.payload, index_coder(header), mine, codewords, range_decoder)
            for (row, column), index in zip(mine, decoded, strict=True):
                indices[row][column] = index
    return maps
