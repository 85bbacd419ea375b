"""Writing an imported model, and the name it gets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._base.atomic import write_atomically
from ...errors import ModelError, OptionError
from ..file import ModelFile, read_model, write_model
from ..part import PartFile, read_part
from ..registry import embedded_models, embedded_parts, model_folder
from .conversion import Converted
from .provenance import Provenance

__all__ = ["checked_name", "lasting_config", "store", "store_part"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def lasting_config(text: str, lasting: Mapping[str, frozenset[str]]) -> str:
    """A configuration without the options that stay out of model files; see :attr:`.kinds.Kind.lasting`."""
    options = json.loads(text)
    kept: dict[str, Any] = {key: value for key, value in options.items() if key in lasting[""]}
    for part, names in lasting.items():
        if part and part in options:
            inner = options[part]
            kept[part] = inner and {key: value for key, value in inner.items() if key in names}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))


def checked_name(name: str, *, replace: bool) -> str:
    """A name that can be given.

    Raises
    ------
    OptionError
        If it is no plain file name, belongs to an embedded model, or is taken.
    """
    if not _NAME.fullmatch(name) or name.endswith(".safetensors"):
        raise OptionError(f"{name!r} is no name for a model: letters, digits, dots, dashes and underscores, at most 64")
    if name in {model.name for model in embedded_models()}:
        raise OptionError(f"{name!r} is an embedded model; choose another name with --as")
    if (model_folder() / f"{name}.safetensors").exists() and not replace:
        raise OptionError(
            f"there is a model {name!r} already: choose another name with --as, or replace it with --replace"
        )
    return name


def store_part(path: Path, *, replace: bool) -> PartFile:
    """Copy a part for a model into the user's folder, under its own name.

    Parameters
    ----------
    path
        The part, as ``glc train`` writes it.
    replace
        Whether a file of that name may go.

    Raises
    ------
    ModelError
        If it is no part.
    OptionError
        If its name cannot be given, or is taken.
    OSError
        If the folder cannot be written.
    """
    part = read_part(path)
    if part is None:
        raise ModelError(f"{path} is a model, not a part for one: put it into {model_folder()}")
    target = model_folder() / f"{checked_name(part.name, replace=replace)}.safetensors"
    if part.name in {embedded.name for embedded in embedded_parts()}:
        raise OptionError(f"{part.name!r} ships with the package; train yours under another name")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, path.read_bytes())
    stored = read_part(target)
    assert stored is not None
    return stored


def store(found: Converted, name: str, provenance: Provenance) -> ModelFile:
    """Write a model and where it is from into the user's folder.

    Raises
    ------
    ModelError
        If the name promises another hash than the model gets.
    OSError
        If the folder cannot be written.
    """
    folder = model_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path: Path = folder / f"{name}.safetensors"
    # no name and nothing of the file it came from: the hash is that of the weights, the same for everybody
    config = lasting_config(found.config.to_json(), found.kind.lasting)
    write_model(path, found.tensors, name=None, codec=found.codec, config=config, description=found.title)
    try:
        model = read_model(path)
    except ModelError:
        path.unlink()
        raise
    provenance.write(path)
    return model
