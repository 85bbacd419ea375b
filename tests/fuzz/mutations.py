"""Mutations that know the format: fields, lengths and payloads change, and checksums are put right again.

A fuzzer that does not repair checksums tests little else than them, so three mutations of four do.
"""

from __future__ import annotations

import dataclasses
import io
import random
import zlib

from napari_glc.container import ArrayKind, Extension, Header, parse, read_chunk
from napari_glc.container.bytesio import check16, varint

__all__ = ["mutate", "rebuilt"]

_NUMBERS = (0, 1, 2, 15, 63, 64, 65, 127, 128, 129, 255, 256, 1023, 1 << 14, 1 << 16, 1 << 20, (1 << 20) + 1, 1 << 34)
_BYTES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """A relative of `data`."""
    kind = rng.randrange(8)
    if kind < 2:
        return _bytes_changed(data, rng)
    try:
        container = parse(data)
        chunks = [read_chunk(io.BytesIO(data), container, index) for index in range(container.chunks)]
    except Exception:  # what cannot be read cannot be taken apart; the targets report such errors, not this one
        return _bytes_changed(data, rng)
    header, metadata = container.header, b""
    if header.metadata_size:
        start = container.offsets[0] - header.metadata_size - 2
        metadata = data[start : start + header.metadata_size]
    if kind in (2, 3):
        header = _header_changed(header, rng)
    if kind in (3, 4, 5):
        index = rng.randrange(len(chunks))
        chunks[index] = _bytes_changed(chunks[index], rng)
    if kind == 6:
        metadata = _metadata_changed(metadata, rng)
    if kind == 7:
        chunks = _chunks_changed(chunks, rng)
    return rebuilt(header, chunks, metadata)


def rebuilt(header: Header, chunks: list[bytes], metadata: bytes = b"") -> bytes:
    """A file of any header, chunks and packed metadata, its checksums right; nothing is checked."""
    header = dataclasses.replace(header, metadata_size=len(metadata))
    head = header.pack() + b"".join(varint(len(chunk)) for chunk in chunks)
    parts = [head, check16(head)]
    for part in ([metadata] if metadata else []) + chunks:
        parts += [part, check16(part)]
    return b"".join(parts)


def _bytes_changed(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        where = rng.randrange(len(changed) + 1)
        action = rng.randrange(6)
        if action == 0 and where < len(changed):
            changed[where] ^= 1 << rng.randrange(8)
        elif action == 1 and where < len(changed):
            changed[where] = rng.choice((*_BYTES, rng.randrange(256)))
        elif action == 2:
            changed[where:where] = rng.randbytes(rng.randrange(1, 9))
        elif action == 3:
            del changed[where : where + rng.randrange(1, 9)]
        elif action == 4:
            del changed[where:]
        else:
            other = rng.randrange(len(changed) + 1)
            changed[where:where] = changed[other : other + rng.randrange(1, 17)]
    return bytes(changed)


def _header_changed(header: Header, rng: random.Random) -> Header:
    def number(now: int) -> int:
        return max(
            0, rng.choice((*_NUMBERS, now - 1, now + 1, 2 * now, 16 * now, rng.randrange(1 << rng.randrange(21))))
        )

    changes = {
        "codec": lambda: rng.choice((0, 0, 1, 1, 2, 15, 16, 1 << 20)),
        "kind": lambda: rng.choice(list(ArrayKind)),
        "model": lambda: rng.randbytes(3),
        "quality": lambda: rng.randrange(256) / 2,
        "height": lambda: number(header.height),
        "width": lambda: number(header.width),
        "tile": lambda: 64 * number(header.tile // 64),
        "options": lambda: rng.randbytes(rng.choice((0, 1, 1, 2, 15, 300))),
        "packets": lambda: rng.choice((0, 1, 4, 64, 65, rng.randrange(1 << 20))),
        "planes": lambda: number(header.planes),
        "levels": lambda: rng.randrange(18),
        "file_stream": lambda: rng.random() < 0.5,
        "plane_streams": lambda: rng.random() < 0.5,
        "extensions": lambda: tuple(
            Extension(rng.choice(("alpha", "x" * 63)), rng.randbytes(rng.randrange(9)), needed=rng.random() < 0.5)
            for _ in range(rng.randrange(3))
        ),
    }
    # sizes matter most, and a file without its model or codec is soon put aside
    names = rng.choices([*changes, "height", "width", "tile", "packets", "quality"], k=rng.choice((1, 1, 2, 3)))
    return dataclasses.replace(header, **{name: changes[name]() for name in names})


def _metadata_changed(packed: bytes, rng: random.Random) -> bytes:
    if packed and rng.random() < 0.5:
        return _bytes_changed(packed, rng)
    texts = (b"[]", b"{", b'{"a":' * 2000, b"[" * 5000, b'{"scale":[1e999,-1]}', b'{"name":"' + b"x" * 9000 + b'"}')
    text = rng.choice((*texts, b" " * rng.randrange(1 << 21), b'{"a":1}' + rng.randbytes(9)))
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(text) + squeeze.flush()


def _chunks_changed(chunks: list[bytes], rng: random.Random) -> list[bytes]:
    action, changed = rng.randrange(4), list(chunks)
    if action == 0:
        rng.shuffle(changed)
    elif action == 1:
        changed[rng.randrange(len(changed))] = b""
    elif action == 2:
        changed += [rng.choice(chunks)] * rng.choice((1, 3, 63, 500))
    else:
        del changed[rng.randrange(len(changed))]
    return changed or [b""]
