"""Writing: the head and the tiles as one byte string."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Sequence
from typing import Any

from ..errors import LimitError
from .bytesio import check16, varint
from .header import Header
from .limits import get_limits

__all__ = ["pack", "pack_metadata"]


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
    if max(map(len, chunks)) > get_limits().chunk_bytes:
        raise LimitError(f"a tile of {max(map(len, chunks))} bytes is too long; use smaller tiles")
    packed = pack_metadata(metadata)
    header = dataclasses.replace(header, metadata_size=len(packed))
    head = header.pack() + b"".join(varint(len(chunk)) for chunk in chunks)
    parts = [head, check16(head)]
    if packed:
        parts += [packed, check16(packed)]
    for chunk in chunks:
        parts += [chunk, check16(chunk)]
    return b"".join(parts)
