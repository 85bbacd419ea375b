"""Which models are installed: the embedded ones and those in the user's folder."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from ..errors import MissingModelError, ModelError
from .file import ModelFile, read_model
from .hashes import remember_hash, remembered_hash

__all__ = ["FOLDER_VARIABLE", "embedded_models", "find_model", "find_model_by_hash", "installed_models", "model_folder"]

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
        remember_hash(path, modified, size, model.sha256)
    return model


def _models_in(folder: Path) -> list[ModelFile]:
    models = []
    for path in sorted(folder.glob("*.safetensors")):
        status = path.stat()
        try:
            models.append(_read_cached(path, status.st_mtime_ns, status.st_size))
        except ModelError:
            continue  # a file that is no model must not hide the others; asking for it by path says why
    return models


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


def _missing(wanted: str, models: list[ModelFile]) -> MissingModelError:
    names = ", ".join(f"{m.name} ({m.sha256[:6]})" for m in models) or "none"
    return MissingModelError(
        f"model {wanted!r} is not installed. Installed: {names}. Put its .safetensors file into {model_folder()} "
        f"or point the environment variable {FOLDER_VARIABLE} at its folder"
    )
