"""The head of a safetensors file without its tensors, and the tensors once they are known to be the right ones."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .int8 import unpack_rows

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Head", "checked_tensors", "digest_of", "digest_without", "read_head"]

_MAX_HEADER = 1 << 22
_PIECE = 1 << 20


@dataclass(frozen=True)
class Head:
    """What a safetensors file says before its tensors.

    Attributes
    ----------
    metadata
        Text by name.
    tensors
        What it says of each tensor, by key, unchecked.
    start
        Where the tensors' bytes begin.
    """

    metadata: Mapping[str, str]
    tensors: Mapping[str, Any]
    start: int


def read_head(stream: BufferedReader) -> Head:
    """Read the head of a file from its beginning.

    Raises
    ------
    ModelError
        If it is longer than any model's.
    struct.error, ValueError, KeyError, AttributeError, TypeError, RecursionError
        If it is not that of a safetensors file with metadata.
    """
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > _MAX_HEADER:
        raise ModelError(f"a header of {length} bytes is beyond the limit of {_MAX_HEADER}")
    head = json.loads(stream.read(length))
    metadata = {str(key): str(value) for key, value in head.pop("__metadata__").items()}
    return Head(metadata, head, 8 + length)


def digest_of(stream: BufferedReader) -> str:
    """SHA-256 of a file, hexadecimal."""
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_without(stream: BufferedReader, head: Head, left_out: tuple[str, ...], told: tuple[str, ...]) -> str:
    """SHA-256 of the tensors of a file but some, in the order of their keys, with their keys, types and shapes.

    Parameters
    ----------
    stream, head
        The file and its head.
    left_out
        What the keys begin with that do not count. It counts itself: two files are equal only if they leave out alike.
    told
        Further text that counts.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the head does not say where a tensor lies, or the file ends before it.
    """
    digest = hashlib.sha256(json.dumps([*told, *left_out]).encode())
    for key in sorted(key for key in head.tensors if not key.startswith(left_out)):
        said = head.tensors[key]
        digest.update(json.dumps([key, said["dtype"], said["shape"]]).encode())
        begin, end = (int(place) for place in said["data_offsets"])
        if not 0 <= begin <= end:
            raise ValueError(f"tensor {key!r} lies nowhere")
        stream.seek(head.start + begin)
        while begin < end:
            piece = stream.read(min(_PIECE, end - begin))
            if not piece:
                raise ValueError(f"the file ends before tensor {key!r} does")
            digest.update(piece)
            begin += len(piece)
    return digest.hexdigest()


def checked_tensors(path: Path, digest: str) -> dict[str, Tensor]:
    """All tensors of a file as float32, if it is still the one that was hashed.

    Raises
    ------
    ModelError
        If the file is damaged or another one by now.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with open(path, "rb") as stream:
            found = digest_of(stream)
        if found != digest:
            raise ModelError(f"{path} has changed: its hash is {found[:12]} and was {digest[:12]}")
        return unpack_rows(load_file(path))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: the weights cannot be read: {error}") from error
