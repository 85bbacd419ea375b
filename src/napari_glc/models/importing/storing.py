"""Writing an imported model, and the name it gets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ...errors import ModelError, OptionError
from ..file import ModelFile, read_model, write_model
from ..registry import embedded_models, model_folder
from .conversion import Converted
from .provenance import Provenance

__all__ = ["checked_name", "lasting_config", "store"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


_LASTING: dict[str, Any] = {
    "autoencoder": {
        *("channels", "codewords", "decoder_blocks", "encoder_blocks", "final_swish", "kind", "latent_channels"),
        *("multipliers", "quant_conv", "window"),
    },
    "transformer": {"block", "heads", "layers", "reaches", "tied", "width"},
    "": {
        *("codebooks", "conditioned", "expansion", "hyper_codewords", "log_scale", "prior_blocks"),
        *("rate_conditioned_prior", "rate_points"),
    },
}


def lasting_config(text: str) -> str:
    """A configuration without what other kinds of networks need.

    The hash of a model covers its configuration. An option that some later version adds must not change it, or files
    made with the same checkpoint would ask for different models. So the list above stays as it is.
    """
    options = json.loads(text)
    kept: dict[str, Any] = {key: value for key, value in options.items() if key in _LASTING[""]}
    for part in ("autoencoder", "transformer"):
        inner = options.get(part)
        if part in options:
            kept[part] = inner and {key: value for key, value in inner.items() if key in _LASTING[part]}
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
    config = lasting_config(found.config.to_json())
    write_model(path, found.tensors, name=None, codec=found.codec, config=config, description=found.title)
    try:
        model = read_model(path)
    except ModelError:
        path.unlink()
        raise
    provenance.write(path)
    return model
