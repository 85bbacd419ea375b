"""The header of a ``.glc`` file, declared once: reader, writer and documentation come from :data:`FIELDS`."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import DamagedFileError, NotAGlcFileError, UnsupportedVersionError
from .bytesio import HeadReader, varint
from .limits import MAX_LEVELS, beyond, get_limits

__all__ = ["CODECS", "DEFAULT_TILE", "FIELDS", "INDEX_CODERS", "MAGIC", "MAX_PACKETS", "VERSION", "ArrayKind", "Header"]

MAGIC = b"GLC"
VERSION = 1
CODECS = ("glc", "vqgan", "perco", "clric")
INDEX_CODERS = ("fixed", "zip", "adaptive", "transformer")
"""How a ``vqgan`` file codes its index maps."""
MAX_PACKETS = 64
"""Most packets a tile is divided into."""
DEFAULT_TILE = 512
TILE_UNIT = 64
QUALITY_STEPS = 2


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


@dataclass(frozen=True, kw_only=True)
class Header:
    """Everything before the index.

    Attributes
    ----------
    codec
        One of :data:`CODECS`.
    kind
        Array type and layout.
    model
        First three bytes of the SHA-256 of the model file.
    quality
        0 to 100 in steps of one half.
    height, width
        Of the plane in pixels.
    tile
        Nominal side of a tile in pixels, a multiple of 64; 0 codes the plane as one tile.
    metadata_size
        Bytes of the compressed metadata block; 0 if there is none.
    index_coder, packets
        ``vqgan`` only: one of :data:`INDEX_CODERS`, and packets a tile.
    planes
        Number of planes; more than one only for described kinds.
    levels
        Levels of resolution of each plane: the plane itself and reductions to a half, a quarter ...
    """

    codec: str
    kind: ArrayKind
    model: bytes
    quality: float
    height: int
    width: int
    tile: int = DEFAULT_TILE
    metadata_size: int = 0
    index_coder: str = "fixed"
    packets: int = 1
    planes: int = 1
    levels: int = 1

    def pack(self) -> bytes:
        """Header bytes, without the checksum that follows the index."""
        return b"".join(field.write(self) for field in FIELDS if field.present(self._flags()))

    def _flags(self) -> int:
        return (
            VERSION
            | CODECS.index(self.codec) << 2
            | self.kind << 4
            | (self.tile != DEFAULT_TILE) << 6
            | (self.metadata_size > 0) << 7
        )

    @classmethod
    def parse(cls, reader: HeadReader) -> Header:
        """Read a header.

        Raises
        ------
        NotAGlcFileError, UnsupportedVersionError, TruncatedFileError, DamagedFileError, LimitError
            As their names say.
        """
        values: dict[str, int | bytes] = {"flags": 0, "tile": DEFAULT_TILE // TILE_UNIT, "metadata": 0, "indices": 0}
        values |= {"planes": 1, "levels": 1}
        for field in FIELDS:
            flags = values["flags"]
            assert isinstance(flags, int)
            if field.present(flags):
                values[field.name] = field.read(reader)
        return cls._from_values(values)

    @classmethod
    def _from_values(cls, values: dict[str, int | bytes]) -> Header:
        numbers = {k: v for k, v in values.items() if isinstance(v, int)}
        model = values["model"]
        assert isinstance(model, bytes)
        flags = numbers["flags"]
        quality = numbers["quality"] / QUALITY_STEPS
        height, width = numbers["height"], numbers["width"]
        tile = numbers["tile"] * TILE_UNIT
        if quality > 100:
            raise DamagedFileError(f"quality {quality:g} is not within 0 to 100")
        if min(height, width) == 0:
            raise DamagedFileError(f"a picture of {height} x {width} pixels has no content")
        if numbers["planes"] == 0 or not 1 <= numbers["levels"] <= MAX_LEVELS:
            raise DamagedFileError(f"{numbers['planes']} planes of {numbers['levels']} levels are no array")
        if max(height, width) > get_limits().side:
            raise beyond(f"a side of {height} x {width} pixels is", "side")
        if numbers["metadata"] > get_limits().metadata_packed:
            raise beyond(f"a metadata block of {numbers['metadata']} bytes is", "metadata_packed")
        return cls(
            codec=CODECS[flags >> 2 & 3],
            kind=ArrayKind(flags >> 4 & 3),
            model=model,
            quality=quality,
            height=height,
            width=width,
            tile=tile,
            metadata_size=numbers["metadata"],
            index_coder=INDEX_CODERS[numbers["indices"] & 3],
            packets=(numbers["indices"] >> 2) + 1,
            planes=numbers["planes"],
            levels=numbers["levels"],
        )


def _read_magic(reader: HeadReader) -> bytes:
    found = reader.take(len(MAGIC))
    if found != MAGIC:
        raise NotAGlcFileError(f"it begins with {found!r} instead of {MAGIC!r}: not a GLC file")
    return found


def _read_flags(reader: HeadReader) -> int:
    flags = reader.byte()
    if flags & 3 != VERSION:
        raise UnsupportedVersionError(
            f"it uses version {flags & 3} of the format and this program reads version {VERSION}: update napari-glc"
        )
    return flags


class Field(NamedTuple):
    """One element of the header: how it is read and written, and the words that document it."""

    name: str
    size: str
    meaning: str
    read: Callable[[HeadReader], int | bytes]
    write: Callable[[Header], bytes]
    present: Callable[[int], bool] = lambda flags: True


FIELDS = (
    Field("magic", "3", 'the bytes "GLC"', _read_magic, lambda h: MAGIC),
    Field(
        "flags",
        "1",
        "bits 0-1 version, 1; bits 2-3 codec, 0 glc, 1 vqgan, 2 perco, 3 clric; bits 4-5 array kind, 0 grey "
        "uint8 (Y, X), 1 RGB uint8 (Y, X, C), 2 grey planes, 3 RGB planes of the array the metadata block describes; "
        "bit 6 a tile field follows; bit 7 a metadata field follows",
        _read_flags,
        lambda h: bytes([h._flags()]),
    ),
    Field("model", "3", "first bytes of the SHA-256 of the model file", lambda r: r.take(3), lambda h: h.model),
    Field(
        "quality",
        "1",
        "quality in half steps, 0 to 200",
        lambda r: r.byte(),
        lambda h: bytes([round(h.quality * QUALITY_STEPS)]),
    ),
    Field("height", "varint", "rows of the plane", lambda r: r.varint(), lambda h: varint(h.height)),
    Field("width", "varint", "columns of the plane", lambda r: r.varint(), lambda h: varint(h.width)),
    Field(
        "tile",
        "varint",
        "nominal side of a tile in units of 64 pixels, 0 for one tile in all; 8 if absent",
        lambda r: r.varint(),
        lambda h: varint(h.tile // TILE_UNIT),
        lambda flags: bool(flags & 0x40),
    ),
    Field(
        "metadata",
        "varint",
        "bytes of the metadata block; 0 if absent",
        lambda r: r.varint(),
        lambda h: varint(h.metadata_size),
        lambda flags: bool(flags & 0x80),
    ),
    Field(
        "indices",
        "1",
        "codec vqgan only: bits 0-1 index coder, 0 fixed, 1 zip, 2 adaptive, 3 transformer; bits 2-7 packets a "
        "tile, less one",
        lambda r: r.byte(),
        lambda h: bytes([INDEX_CODERS.index(h.index_coder) | h.packets - 1 << 2]),
        lambda flags: CODECS[flags >> 2 & 3] == "vqgan",
    ),
    Field(
        "planes",
        "varint",
        "array kinds 2 and 3 only: number of planes",
        lambda r: r.varint(),
        lambda h: varint(h.planes),
        lambda flags: bool(flags & 0x20),
    ),
    Field(
        "levels",
        "1",
        "array kinds 2 and 3 only: levels of resolution of each plane, 1 to 16",
        lambda r: r.byte(),
        lambda h: bytes([h.levels]),
        lambda flags: bool(flags & 0x20),
    ),
)
