"""The header of a ``.glc`` file, declared once: reader, writer and documentation come from :data:`FIELDS`.

The container knows numbers of codecs, not their names, and carries their option bytes without reading them.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._base.file_kinds import kind_in_words
from .._base.quality import MAX_STEPS, from_steps, steps
from ..errors import DamagedFileError, NotAGlcFileError, UnsupportedVersionError
from .bytesio import HeadReader, varint
from .limits import MAX_LEVELS, beyond, get_limits

__all__ = ["DEFAULT_TILE", "FIELDS", "MAGIC", "TILE_UNIT", "VERSION", "ArrayKind", "Extension", "Header"]

MAGIC = b"GLC"
VERSION = 1
DEFAULT_TILE = 512
TILE_UNIT = 64
"""Sides of tiles are multiples of this many pixels."""
_ESCAPE = 15
"""A half byte of this value says that the number, less 15, follows as a varint."""


class ArrayKind(enum.IntEnum):
    """What array the file restores: one uint8 plane, or an array that its metadata block describes."""

    GREY8 = 0
    RGB8 = 1
    GREY_PLANES = 2
    RGB_PLANES = 3

    @property
    def channels(self) -> int:
        """Samples per pixel of a plane."""
        return 3 if self in (ArrayKind.RGB8, ArrayKind.RGB_PLANES) else 1

    @property
    def described(self) -> bool:
        """Whether the metadata block says what array the planes make up."""
        return self >= ArrayKind.GREY_PLANES


class Flag(enum.IntFlag):
    """What else the header holds. Bits 0 and 1 of the flags are the version, bits 2 and 3 the array kind."""

    TILE = 1 << 4
    METADATA = 1 << 5
    PACKETS = 1 << 6
    FILE_STREAM = 1 << 7
    PLANE_STREAMS = 1 << 8
    EXTENSIONS = 1 << 9


_KNOWN_FLAGS = 0xF | sum(Flag)


@dataclass(frozen=True)
class Extension:
    """A field that came later than version 1, under its name.

    Attributes
    ----------
    name
        1 to 63 small letters, digits and hyphens.
    value
        Its bytes.
    needed
        Whether a reader that does not know it must not decode pixels.
    """

    name: str
    value: bytes
    needed: bool = False


@dataclass(frozen=True, kw_only=True)
class Header:
    """Everything before the index.

    Attributes
    ----------
    codec
        Number of the codec.
    kind
        Array type and layout.
    model
        First three bytes of the SHA-256 of the model file.
    quality
        0 to 100 in steps of one half.
    height, width
        Of the plane in pixels.
    options
        Bytes that belong to the codec.
    tile
        Nominal side of a tile in pixels, a multiple of 64; 0 codes the plane as one tile.
    metadata_size
        Bytes of the compressed metadata block; 0 if there is none.
    packets
        Chunks a tile.
    planes
        Number of planes; more than one only for described kinds.
    levels
        Levels of resolution of each plane: the plane itself and reductions to a half, a quarter ...
    file_stream, plane_streams
        Whether there is a chunk all tiles share, or one for each level of each plane.
    extensions
        Later fields.
    """

    codec: int
    kind: ArrayKind
    model: bytes
    quality: float
    height: int
    width: int
    options: bytes = b""
    tile: int = DEFAULT_TILE
    metadata_size: int = 0
    packets: int = 1
    planes: int = 1
    levels: int = 1
    file_stream: bool = False
    plane_streams: bool = False
    extensions: tuple[Extension, ...] = ()

    def pack(self) -> bytes:
        """Header bytes, without the checksum that follows the index."""
        flags = self.flags()
        return b"".join(field.write(self) for field in FIELDS if field.present(flags))

    def flags(self) -> int:
        """Version, array kind and :class:`Flag`."""
        present = {
            Flag.TILE: self.tile != DEFAULT_TILE,
            Flag.METADATA: self.metadata_size > 0,
            Flag.PACKETS: self.packets != 1,
            Flag.FILE_STREAM: self.file_stream,
            Flag.PLANE_STREAMS: self.plane_streams,
            Flag.EXTENSIONS: bool(self.extensions),
        }
        return VERSION | self.kind << 2 | sum(flag for flag, there in present.items() if there)

    @classmethod
    def parse(cls, reader: HeadReader) -> Header:
        """Read a header.

        Raises
        ------
        NotAGlcFileError, UnsupportedVersionError, TruncatedFileError, DamagedFileError, LimitError
            As their names say.
        """
        values: dict[str, Any] = {
            "flags": 0,
            "tile": DEFAULT_TILE // TILE_UNIT,
            "metadata": 0,
            "packets": 1,
            "planes": 1,
            "levels": 1,
            "extensions": (),
        }
        for field in FIELDS:
            if field.present(values["flags"]):
                values[field.name] = field.read(reader)
        return cls._from_values(values)

    @classmethod
    def _from_values(cls, values: dict[str, Any]) -> Header:
        flags, height, width = values["flags"], values["height"], values["width"]
        codec, options = values["codec"]
        if values["quality"] > MAX_STEPS:
            raise DamagedFileError(f"quality {from_steps(values['quality']):g} is not within 0 to 100")
        if min(height, width) == 0:
            raise DamagedFileError(f"a picture of {height} x {width} pixels has no content")
        if min(values["planes"], values["packets"]) == 0 or not 1 <= values["levels"] <= MAX_LEVELS:
            counts = f"{values['planes']} planes of {values['levels']} levels in {values['packets']} packets"
            raise DamagedFileError(f"{counts} are no array")
        if max(height, width) > get_limits().side:
            raise beyond(f"a side of {height} x {width} pixels is", "side")
        if values["metadata"] > get_limits().metadata_packed:
            raise beyond(f"a metadata block of {values['metadata']} bytes is", "metadata_packed")
        return cls(
            codec=codec,
            kind=ArrayKind(flags >> 2 & 3),
            model=values["model"],
            quality=from_steps(values["quality"]),
            height=height,
            width=width,
            options=options,
            tile=values["tile"] * TILE_UNIT,
            metadata_size=values["metadata"],
            packets=values["packets"],
            planes=values["planes"],
            levels=values["levels"],
            file_stream=bool(flags & Flag.FILE_STREAM),
            plane_streams=bool(flags & Flag.PLANE_STREAMS),
            extensions=values["extensions"],
        )


def _read_magic(reader: HeadReader) -> bytes:
    found = reader.take(len(MAGIC))
    if found != MAGIC:
        words = kind_in_words(found)
        about = f"it is {words}" if words else f"it begins with {found!r} instead of {MAGIC!r}"
        raise NotAGlcFileError(f"{about}: not a GLC file")
    return found


def _read_flags(reader: HeadReader) -> int:
    flags = reader.varint()
    if flags & 3 != VERSION:
        raise UnsupportedVersionError(
            f"it uses version {flags & 3} of the format and this program reads version {VERSION}: update napari-glc"
        )
    if flags & ~_KNOWN_FLAGS:
        raise UnsupportedVersionError(
            f"its header has fields ({flags & ~_KNOWN_FLAGS:#x}) that this version does not know: update napari-glc"
        )
    return flags


def _read_codec(reader: HeadReader) -> tuple[int, bytes]:
    both = reader.byte()
    codec, length = both & 15, both >> 4
    if codec == _ESCAPE:
        codec += reader.varint()
    if length == _ESCAPE:
        length += reader.varint()
    if length > get_limits().header_field:
        raise beyond(f"options of {length} bytes are", "header_field")
    return codec, reader.take(length)


def _write_codec(header: Header) -> bytes:
    numbers = (header.codec, len(header.options))
    first = bytes([min(numbers[0], _ESCAPE) | min(numbers[1], _ESCAPE) << 4])
    escaped = b"".join(varint(number - _ESCAPE) for number in numbers if number >= _ESCAPE)
    return first + escaped + header.options


_NAME = re.compile(rb"[a-z0-9-]{1,63}")


def _read_extensions(reader: HeadReader) -> tuple[Extension, ...]:
    found = []
    count = reader.varint()
    if count > get_limits().header_field:
        raise beyond(f"{count} extensions are", "header_field")
    for _ in range(count):
        key = reader.byte()
        name = reader.take(key >> 1 & 63)
        length = reader.varint()
        if length > get_limits().header_field:
            raise beyond(f"an extension of {length} bytes is", "header_field")
        if key & 0x80 or not _NAME.fullmatch(name):
            raise DamagedFileError(f"{name!r} is no name of an extension")
        found.append(Extension(name.decode(), reader.take(length), needed=bool(key & 1)))
    return tuple(found)


def _write_extensions(header: Header) -> bytes:
    parts = [varint(len(header.extensions))]
    for extension in header.extensions:
        name = extension.name.encode()
        parts += [bytes([len(name) << 1 | extension.needed]), name, varint(len(extension.value)), extension.value]
    return b"".join(parts)


class Field(NamedTuple):
    """One element of the header: how it is read and written, and the words that document it."""

    name: str
    size: str
    meaning: str
    read: Callable[[HeadReader], Any]
    write: Callable[[Header], bytes]
    present: Callable[[int], bool] = lambda flags: True


def _given(flag: Flag) -> Callable[[int], bool]:
    return lambda flags: bool(flags & flag)


def _described(flags: int) -> bool:
    return bool(flags >> 2 & 2)


FIELDS = (
    Field("magic", "3", 'the bytes "GLC"', _read_magic, lambda h: MAGIC),
    Field(
        "flags",
        "varint",
        "bits 0-1 version, 1; bits 2-3 array kind, 0 grey uint8 (Y, X), 1 RGB uint8 (Y, X, C), 2 grey planes, 3 RGB "
        "planes of the array the metadata block describes; bit 4 a tile field follows; bit 5 a metadata field; bit 6 a "
        "packets field; bit 7 the file has a stream; bit 8 planes have streams; bit 9 extensions follow; others 0",
        _read_flags,
        lambda h: varint(h.flags()),
    ),
    Field(
        "codec",
        "1 and more",
        "bits 0-3 number of the codec, bits 4-7 number of option bytes; of either, 15 means that the number less 15 "
        "follows as a varint, the codec's first; then the option bytes, which are the codec's own",
        _read_codec,
        _write_codec,
    ),
    Field("model", "3", "first bytes of the SHA-256 of the model file", lambda r: r.take(3), lambda h: h.model),
    Field(
        "quality",
        "1",
        "quality in half steps, 0 to 200",
        lambda r: r.byte(),
        lambda h: bytes([steps(h.quality)]),
    ),
    Field("height", "varint", "rows of the plane", lambda r: r.varint(), lambda h: varint(h.height)),
    Field("width", "varint", "columns of the plane", lambda r: r.varint(), lambda h: varint(h.width)),
    Field(
        "tile",
        "varint",
        "nominal side of a tile in units of 64 pixels, 0 for one tile in all; 8 if absent",
        lambda r: r.varint(),
        lambda h: varint(h.tile // TILE_UNIT),
        _given(Flag.TILE),
    ),
    Field(
        "metadata",
        "varint",
        "bytes of the metadata block; 0 if absent",
        lambda r: r.varint(),
        lambda h: varint(h.metadata_size),
        _given(Flag.METADATA),
    ),
    Field(
        "packets",
        "varint",
        "chunks each tile is divided into; 1 if absent",
        lambda r: r.varint(),
        lambda h: varint(h.packets),
        _given(Flag.PACKETS),
    ),
    Field(
        "planes",
        "varint",
        "array kinds 2 and 3 only: number of planes",
        lambda r: r.varint(),
        lambda h: varint(h.planes),
        _described,
    ),
    Field(
        "levels",
        "1",
        "array kinds 2 and 3 only: levels of resolution of each plane, 1 to 16",
        lambda r: r.byte(),
        lambda h: bytes([h.levels]),
        _described,
    ),
    Field(
        "extensions",
        "varint and more",
        "their number; for each a byte (bit 0: a reader that does not know it must not decode pixels; bits 1-6: "
        "length of its name, at least 1; bit 7: 0), its name (small letters, digits, hyphens), a varint with the "
        "length of its value, its value",
        _read_extensions,
        _write_extensions,
        _given(Flag.EXTENSIONS),
    ),
)
