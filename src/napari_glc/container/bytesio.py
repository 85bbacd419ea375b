"""The few primitives the format is made of: variable-length integers and checksums."""

from __future__ import annotations

import binascii
import zlib
from typing import BinaryIO

from ..errors import DamagedFileError, TruncatedFileError

__all__ = ["HeadReader", "check8", "check16", "varint"]

_VARINT_BYTES = 5


def varint(value: int) -> bytes:
    """Little-endian base-128 integer, high bit set on all bytes but the last."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def check16(data: bytes) -> bytes:
    """CRC-16/IBM-3740 of `data` (polynomial 0x1021, start 0xFFFF), two bytes little-endian.

    Notices every burst of up to 16 bits, so every damaged byte, and zeros where data should be.
    """
    return binascii.crc_hqx(data, 0xFFFF).to_bytes(2, "little")


def check8(data: bytes) -> bytes:
    """Lowest byte of the CRC-32 of `data`."""
    return bytes([zlib.crc32(data) & 0xFF])


class HeadReader:
    """Reads the head of a file from a stream and remembers what it read for the checksum.

    Parameters
    ----------
    stream
        Binary stream at the start of the file.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seen = bytearray()

    def take(self, count: int) -> bytes:
        """Read exactly `count` bytes.

        Raises
        ------
        TruncatedFileError
            If the stream ends before.
        """
        data = self._stream.read(count)
        self.seen += data
        if len(data) < count:
            raise TruncatedFileError(f"the file ends after {len(self.seen)} bytes, inside its header")
        return data

    def byte(self) -> int:
        """Read one byte."""
        return self.take(1)[0]

    def varint(self) -> int:
        """Read a variable-length integer of at most 35 bits.

        Raises
        ------
        DamagedFileError
            If it is longer, or longer than it need be.
        """
        value = 0
        for position in range(_VARINT_BYTES):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                if byte == 0 and position > 0:
                    break
                return value
        raise DamagedFileError("a number in the header is not encoded as the format demands")
