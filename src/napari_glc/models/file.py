"""A model file: safetensors with its codec, its configuration and its story in the header.

The header's ``__metadata__`` holds ``name``, ``codec``, ``config`` (JSON of the network configuration) and
``description``. Imported models leave ``name`` out and are called what their file is called. The model's identity is
the SHA-256 of the whole file.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from .._base.atomic import write_parts_atomically
from .._base.config import Config
from ..errors import ModelError
from .hashes import check_named_hash
from .int8 import unpack_rows
from .streaming import safetensors_parts

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ModelFile", "read_model", "write_model"]

_MAX_HEADER = 1 << 22


C = TypeVar("C", bound=Config)


@dataclass(frozen=True)
class ModelFile:
    """A model on disk.

    Attributes
    ----------
    name
        Short name, as in ``glc-small``.
    codec
        Codec it belongs to.
    path
        The safetensors file.
    sha256
        Hexadecimal digest of the file.
    description
        One line for people.
    config
        JSON of the network configuration.
    """

    name: str
    codec: str
    path: Path
    sha256: str
    description: str
    config: str

    @property
    def tag(self) -> bytes:
        """The three bytes by which a ``.glc`` file names the model."""
        return bytes.fromhex(self.sha256[:6])

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def network_config(self, kind: type[C]) -> C:
        """The configuration as an instance of `kind`.

        Raises
        ------
        ModelError
            If the file's configuration is not one of `kind`, or of a size no network has.
        """
        try:
            return kind.from_json(self.config)
        except ValueError as error:
            raise ModelError(f"{self.path}: the network configuration cannot be read: {error}") from error

    def load(self) -> dict[str, Tensor]:
        """All tensors, as float32.

        Raises
        ------
        ModelError
            If the file is damaged, or is no longer the one that was hashed.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            with open(self.path, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest != self.sha256:
                raise ModelError(f"{self.path} has changed: its hash is {digest[:12]} and was {self.sha256[:12]}")
            return unpack_rows(load_file(self.path))
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{self.path}: the weights cannot be read: {error}") from error


def read_model(path: Path, sha256: str | None = None) -> ModelFile:
    """Read the head of a model file and hash it.

    Parameters
    ----------
    path
        The file.
    sha256
        Its hash, if it is known already.

    Raises
    ------
    ModelError
        If it is not a safetensors file with the metadata described above, or its name promises another hash: what
        ends a name like ``glc-small-1a2b3c4d.safetensors`` must begin the SHA-256.
    """
    try:
        with open(path, "rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > _MAX_HEADER:
                raise ModelError(f"{path}: a header of {length} bytes is beyond the limit of {_MAX_HEADER}")
            metadata = {str(k): str(v) for k, v in json.loads(stream.read(length))["__metadata__"].items()}
            stream.seek(0)
            digest = sha256 or hashlib.file_digest(stream, "sha256").hexdigest()
        check_named_hash(path, digest)
        return ModelFile(
            name=metadata.get("name", path.name.removesuffix(".safetensors")),
            codec=metadata["codec"],
            path=path,
            sha256=digest,
            description=metadata.get("description", ""),
            config=metadata["config"],
        )
    except (OSError, struct.error, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is not a model of napari-glc: {error!r}") from error


def write_model(
    path: Path, tensors: dict[str, Tensor], *, name: str | None, codec: str, config: str, description: str
) -> None:
    """Write a model file, atomically.

    Parameters
    ----------
    path
        Where; replaced as a whole if it exists.
    tensors
        Stored in the types they have.
    name
        ``None`` leaves it to the name of the file.
    codec, config, description
        See :class:`ModelFile`.
    """
    metadata = {"codec": codec, "config": config, "description": description}
    if name is not None:
        metadata["name"] = name
    write_parts_atomically(path, safetensors_parts(tensors, metadata))
