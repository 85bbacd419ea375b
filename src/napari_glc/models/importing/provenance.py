"""Where an imported model is from: a small JSON file beside it, which the model's hash does not cover."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..._base.atomic import write_atomically
from ...errors import OptionError
from ..file import ModelFile
from ..part import PartFile
from ..registry import embedded_models, embedded_parts, model_folder

__all__ = ["Provenance", "provenance_of", "remove_model"]


@dataclass(frozen=True)
class Provenance:
    """Where an imported model is from.

    Attributes
    ----------
    file
        Name of the checkpoint.
    sha256, size
        Its hash and bytes.
    url
        Where it was fetched, or where its authors publish it.
    licence
        The authors' terms for their own checkpoint; one that others trained may have other terms.
    """

    file: str
    sha256: str
    size: int
    url: str
    licence: str

    @classmethod
    def of_file(cls, path: Path, *, licence: str, url: str) -> Provenance:
        """That of a checkpoint."""
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(path.name, digest, path.stat().st_size, url, licence)

    @classmethod
    def of_folder(cls, folder: Path, files: Iterable[Path], *, licence: str, url: str) -> Provenance:
        """That of a folder: its hash is that of the hexadecimal hashes of its weights, one after the other."""
        each = [cls.of_file(path, licence=licence, url=url) for path in files]
        digest = hashlib.sha256("".join(one.sha256 for one in each).encode()).hexdigest()
        return cls(folder.resolve().name, digest, sum(one.size for one in each), url, licence)

    def write(self, model: Path) -> None:
        """Put it beside a model file."""
        write_atomically(_beside(model), (json.dumps(asdict(self), indent=2) + "\n").encode())


def _beside(model: Path) -> Path:
    return model.with_name(model.name.removesuffix(".safetensors") + ".source.json")


def provenance_of(model: ModelFile) -> Provenance | None:
    """Where a model is from, if it was imported and the record is still there."""
    try:
        facts = json.loads(_beside(model.path).read_text(encoding="utf-8"))
        return Provenance(**facts)
    except (OSError, ValueError, TypeError):
        return None


def remove_model(model: ModelFile | PartFile) -> None:
    """Delete a model, or a part for one, from the user's folder.

    Raises
    ------
    OptionError
        If it is an embedded one, or lies elsewhere.
    OSError
        If it cannot be deleted.
    """
    embedded = {found.path for found in embedded_models()} | {part.path for part in embedded_parts()}
    if model.path in embedded:
        raise OptionError(f"{model.name!r} ships with the package and stays")
    if model.path.parent.resolve() != model_folder().resolve():
        raise OptionError(
            f"{model.path} is not in the model folder {model_folder()}; delete it yourself if you want to"
        )
    model.path.unlink()
    _beside(model.path).unlink(missing_ok=True)
