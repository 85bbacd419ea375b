"""Writing: the head and the tiles, from memory or from a spool that outgrows it."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import LimitError
from .bytesio import check16, varint
from .header import Header
from .limits import get_limits

__all__ = ["Spool", "pack", "pack_metadata"]


def pack_metadata(metadata: dict[str, Any] | None) -> bytes:
    """Metadata as raw-deflated compact JSON; empty for ``None`` or an empty dictionary.

    Raises
    ------
    TypeError
        If a value has no JSON form.
    LimitError
        If the block is too long.
    """
    if not metadata:
        return b""
    text = json.dumps(metadata, separators=(",", ":"), allow_nan=False).encode()
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = squeeze.compress(text) + squeeze.flush()
    if len(text) > get_limits().metadata or len(packed) > get_limits().metadata_packed:
        raise LimitError(f"metadata of {len(text)} bytes is too long for a .glc file; store it beside the image")
    return packed


def pack(header: Header, chunks: Sequence[bytes], metadata: dict[str, Any] | None = None) -> bytes:
    """A whole file.

    Parameters
    ----------
    header
        Its ``metadata_size`` is set here.
    chunks
        Payloads: the packets of the first tile of the grid, of the second, and so on.
    metadata
        JSON-serialisable dictionary, or ``None``.
    """
    _check_length(max(map(len, chunks)))
    parts = [_head(header, [len(chunk) for chunk in chunks], metadata)]
    for chunk in chunks:
        parts += [chunk, check16(chunk)]
    return b"".join(parts)


def _head(header: Header, lengths: Sequence[int], metadata: dict[str, Any] | None) -> bytes:
    """Header, index and metadata block with their checksums."""
    packed = pack_metadata(metadata)
    header = dataclasses.replace(header, metadata_size=len(packed))
    head = header.pack() + b"".join(map(varint, lengths))
    return head + check16(head) + (packed + check16(packed) if packed else b"")


def _check_length(length: int) -> None:
    if length > get_limits().chunk_bytes:
        raise LimitError(f"a tile of {length} bytes is too long; use smaller tiles")


class Spool:
    """Payloads on their way into a file, in whatever order they come.

    The index precedes the payloads, so a file cannot be written before its last payload is known. They wait in memory
    while they are few, then in a nameless temporary file that vanishes with the spool, however the program ends.

    Parameters
    ----------
    count
        Chunks there will be.
    """

    MEMORY = 1 << 25
    """Bytes kept in memory."""

    def __init__(self, count: int) -> None:
        self._places: list[tuple[int, int]] = [(0, -1)] * count
        self._store = tempfile.SpooledTemporaryFile(max_size=self.MEMORY)  # noqa: SIM115
        self._end = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *error: object) -> None:
        self._store.close()

    def put(self, chunk: int, payload: bytes) -> None:
        """Keep the payload of one chunk."""
        _check_length(len(payload))
        self._store.seek(self._end)
        self._store.write(payload)
        self._places[chunk] = (self._end, len(payload))
        self._end += len(payload)

    def parts(self, header: Header, metadata: dict[str, Any] | None = None) -> Iterator[bytes]:
        """The file, part by part; see :func:`pack`."""
        yield _head(header, [length for _, length in self._places], metadata)
        for start, length in self._places:
            self._store.seek(start)
            payload = self._store.read(length)
            yield payload + check16(payload)
