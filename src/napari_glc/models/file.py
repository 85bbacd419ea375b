"""A model file: safetensors with its codec, its configuration and its story in the header.

The header's ``__metadata__`` holds ``name``, ``codec``, ``config`` (JSON of the network configuration) and
``description``. Imported models leave ``name`` out and are called what their file is called.

A model's identity, which ``.glc`` files name, is a SHA-256: of the whole file, or, if the header names under
``encoder`` what only encoding uses, of everything decoding depends on. So such a model may get a better encoder and
still reads all its files.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from .._base.atomic import write_parts_atomically
from .._base.config import Config
from .._base.file_kinds import kind_in_words
from ..errors import ModelError
from .hashes import check_named_hash
from .head import checked_tensors, digest_of, digest_without, read_head
from .streaming import safetensors_parts

if TYPE_CHECKING:
    from io import BufferedReader

    from torch import Tensor

    from .part import PartFile

__all__ = ["ModelFile", "read_model", "write_model"]


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
        Its identity, hexadecimal: what decoding depends on.
    description
        One line for people.
    config
        JSON of the network configuration.
    digest
        SHA-256 of the whole file, hexadecimal; that is `sha256` unless the header names what only encoding uses.
    parts
        Parts that take the place of its own; see :meth:`with_part`.
    """

    name: str
    codec: str
    path: Path
    sha256: str
    description: str
    config: str
    digest: str
    parts: tuple[PartFile, ...] = ()

    @property
    def tag(self) -> bytes:
        """The three bytes by which a ``.glc`` file names the model."""
        return bytes.fromhex(self.sha256[:6])

    @property
    def key(self) -> str:
        """What tells it from every model that encodes or decodes otherwise."""
        return "+".join((self.digest, *(part.key for part in self.parts)))

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    @property
    def plain(self) -> ModelFile:
        """The same model with its own parts only."""
        return replace(self, parts=())

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

    def with_part(self, part: PartFile) -> ModelFile:
        """The same model with a part in the place of its own; files name the model alone.

        Raises
        ------
        ModelError
            If the part was made for another model.
        """
        part.check_fits(self)
        return replace(self, parts=(*self.parts, part))

    def load(self) -> dict[str, Tensor]:
        """All tensors, as float32.

        Raises
        ------
        ModelError
            If the file, or that of a part, is damaged or no longer the one that was hashed, or a part has tensors that
            the model has not.
        """
        tensors = checked_tensors(self.path, self.digest)
        for part in self.parts:
            tensors |= part.tensors_for(tensors)
        return tensors


def read_model(path: Path, known: tuple[str, str] | None = None) -> ModelFile:
    """Read the head of a model file and hash it.

    Parameters
    ----------
    path
        The file.
    known
        Its identity and the hash of the whole file, if they are known already.

    Raises
    ------
    ModelError
        If it is not a safetensors file with the metadata described above, or its name promises another hash: what
        ends a name like ``glc-small-1a2b3c4d.safetensors`` must begin the SHA-256.
    """
    try:
        with open(path, "rb") as stream:
            _refuse_other_kinds(stream)
            head = read_head(stream)
            metadata = head.metadata
            if "part" in metadata:
                raise ModelError(f"it is a part ({metadata['part']}) for a model")
            codec, config = metadata["codec"], metadata["config"]
            if known is None:
                digest = digest_of(stream)
                encoder = tuple(metadata.get("encoder", "").split())
                known = (digest_without(stream, head, encoder, (codec, config)) if encoder else digest), digest
        check_named_hash(path, known[0])
        return ModelFile(
            name=metadata.get("name", path.name.removesuffix(".safetensors")),
            codec=codec,
            path=path,
            sha256=known[0],
            description=metadata.get("description", ""),
            config=config,
            digest=known[1],
        )
    except ModelError as error:
        raise ModelError(f"{path} is not a model of napari-glc: {error}") from error
    except (OSError, struct.error, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ModelError(f"{path} is not a model of napari-glc: {error!r}") from error


def _refuse_other_kinds(stream: BufferedReader) -> None:
    """Say so if a file is something else that people have.

    Raises
    ------
    ModelError
        If it is.
    """
    words = kind_in_words(stream.read(512))
    stream.seek(0)
    if words and "safetensors" not in words:
        cure = "; glc models import makes models of checkpoints" if "PyTorch" in words else ""
        raise ModelError(f"it is {words}{cure}")


def write_model(
    path: Path,
    tensors: dict[str, Tensor],
    *,
    name: str | None,
    codec: str,
    config: str,
    description: str,
    encoder: tuple[str, ...] = (),
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
    encoder
        What the keys of the tensors begin with that only encoding uses: the model's identity leaves them out.
    """
    metadata = {"codec": codec, "config": config, "description": description}
    if name is not None:
        metadata["name"] = name
    if encoder:
        metadata["encoder"] = " ".join(encoder)
    write_parts_atomically(path, safetensors_parts(tensors, metadata))
