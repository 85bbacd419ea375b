"""Which models and parts for them are installed: the embedded ones and those in the user's folder."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..errors import MissingModelError, ModelError, OptionError
from .file import ModelFile, read_model
from .hashes import remember_hash, remembered_hash
from .part import PartFile, read_part

__all__ = [
    "FOLDER_VARIABLE",
    "embedded_models",
    "embedded_parts",
    "find_model",
    "find_model_by_hash",
    "find_part",
    "installed_models",
    "installed_parts",
    "model_folder",
]

FOLDER_VARIABLE = "NAPARI_GLC_MODELS"
"""Environment variable that moves the user's model folder."""

_EMBEDDED = Path(__file__).parent / "embedded"


def model_folder() -> Path:
    """The user's model folder; need not exist."""
    from platformdirs import user_data_path

    moved = os.environ.get(FOLDER_VARIABLE)
    return Path(moved) if moved else user_data_path("napari-glc", appauthor=False) / "models"


_by_path: dict[str, ModelFile] = {}
"""Models this process was pointed at: it decodes what it encoded, wherever they lie."""


@cache
def _read_cached(path: Path, modified: int, size: int) -> ModelFile:
    known = remembered_hash(path, modified, size)
    model = read_model(path, known)
    if known is None:
        remember_hash(path, modified, size, (model.sha256, model.digest))
    return model


@cache
def _read_part_cached(path: Path, modified: int, size: int) -> PartFile | None:
    return read_part(path)


def _models_in(folder: Path) -> list[ModelFile]:
    models = []
    for path in sorted(folder.glob("*.safetensors")):
        status = path.stat()
        try:
            models.append(_read_cached(path, status.st_mtime_ns, status.st_size))
        except ModelError:
            continue  # a file that is no model must not hide the others; asking for it by path says why
    return models


def _parts_in(folder: Path) -> list[PartFile]:
    parts = []
    for path in sorted(folder.glob("*.safetensors")):
        status = path.stat()
        with suppress(ModelError):  # as for models
            part = _read_part_cached(path, status.st_mtime_ns, status.st_size)
            if part is not None:
                parts.append(part)
    return parts


def embedded_parts() -> list[PartFile]:
    """Parts for models that ship with the package."""
    return _parts_in(_EMBEDDED)


def installed_parts() -> list[PartFile]:
    """All parts for models at hand, the embedded ones first."""
    return embedded_parts() + _parts_in(model_folder())


def embedded_models() -> list[ModelFile]:
    """Models that ship with the package."""
    return _models_in(_EMBEDDED)


def installed_models() -> list[ModelFile]:
    """All models at hand, the embedded ones first."""
    return embedded_models() + _models_in(model_folder())


def find_model(wanted: str | Path) -> ModelFile:
    """The model of a name, a hash prefix or a path.

    Parameters
    ----------
    wanted
        A string is a name, else a prefix of at least six hexadecimal digits of a SHA-256, else the path of a model
        file.

    Raises
    ------
    MissingModelError
        If nothing fits, with what is installed and where models are looked for.
    ModelError
        If a path is given and is no model.
    """
    models = installed_models()
    text = str(wanted)
    for model in models:
        if text == model.name:
            return model
    if len(text) >= 6:
        for model in models:
            if model.sha256.startswith(text.lower()):
                return model
    if Path(wanted).is_file():
        model = read_model(Path(wanted))
        _by_path[model.sha256] = model
        return model
    raise _missing(text, models)


def find_model_by_hash(prefix: str) -> ModelFile:
    """The model whose SHA-256 begins with `prefix`, of those installed or found by path; what a ``.glc`` file asks for.

    Names and paths do not count here: a file must not be decoded by whatever is called like a hash.

    Raises
    ------
    MissingModelError
        If none is installed.
    """
    models = installed_models()
    for model in (*models, *_by_path.values()):
        if model.sha256.startswith(prefix):
            return model
    raise _missing(prefix, models)


def find_part(wanted: str | Path, model: ModelFile, kind: str) -> PartFile:
    """The part of a name, a hash prefix or a path, for a model.

    Parameters
    ----------
    wanted
        As for :func:`find_model`.
    model
        The model it has to fit.
    kind
        ``"encoder"`` or ``"decoder"``.

    Raises
    ------
    OptionError
        If nothing fits, with what there is for the model.
    ModelError
        If what is named is no part, of another kind, or for another model.
    """
    text, others = str(wanted), [part for part in installed_parts() if part.kind == kind]
    ours = [part for part in others if part.fits(model)]
    for part in (*ours, *others):
        if text == part.name or (len(text) >= 6 and part.sha256.startswith(text.lower())):
            part.check_fits(model)
            return part
    if Path(wanted).is_file():
        found = read_part(Path(wanted))
        if found is None or found.kind != kind:
            raise ModelError(f"{wanted} is not {'an encoder' if kind == 'encoder' else 'a decoder'} for a model")
        found.check_fits(model)
        return found
    names = ", ".join(part.name for part in ours) or "none"
    raise OptionError(f"there is no {kind} {text!r} for model {model.name!r}; installed: {names}")


def _missing(wanted: str, models: list[ModelFile]) -> MissingModelError:
    names = ", ".join(f"{m.name} ({m.sha256[:6]})" for m in models) or "none"
    return MissingModelError(
        f"model {wanted!r} is not installed. Installed: {names}. Put its .safetensors file into {model_folder()} "
        f"or point the environment variable {FOLDER_VARIABLE} at its folder"
    )
