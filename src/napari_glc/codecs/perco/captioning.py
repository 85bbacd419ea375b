"""Captions by a model of transformers that lies in a folder of the user's: BLIP, BLIP-2, any image-to-text model.

Nothing is fetched: a folder that lacks something is an error. Weights are read from safetensors only, and no code that
lies in the folder is run.
"""

from __future__ import annotations

import importlib
import importlib.util
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..._base.interruption import watch
from ...errors import MissingDependencyError, ModelError
from ..base import Plane

__all__ = ["captioned", "check_captioner"]

_LIBRARY = "transformers"
_MOST_TOKENS = 32
"""Of a caption that a model makes, as published."""


def check_captioner(folder: str) -> None:
    """Say what is missing, as far as that is known without loading the model.

    Raises
    ------
    MissingDependencyError
        If the library is not installed.
    ModelError
        If there is no such folder, or none of a model in safetensors.
    """
    if importlib.util.find_spec(_LIBRARY) is None:
        raise MissingDependencyError(f"captioning models need {_LIBRARY}: pip install 'napari-glc[perco]'")
    path = Path(folder)
    if not (path / "config.json").is_file():
        raise ModelError(f"{folder} is not the folder of a captioning model: it holds no config.json")
    if not any(path.glob("*.safetensors")):
        raise ModelError(f"{folder} holds no weights in safetensors, and pickles are not read")


def captioned(plane: Plane, folder: str, device: torch.device) -> str:
    """What a captioning model says of a plane, on one line.

    Parameters
    ----------
    plane
        ``(H, W, 3)`` uint8.
    folder
        Of the model, as ``save_pretrained`` leaves it.
    device
        Of its networks.

    Raises
    ------
    MissingDependencyError, ModelError
        If it cannot be loaded.
    """
    check_captioner(folder)
    model, processor = _loaded(folder, device)
    inputs = processor(images=np.ascontiguousarray(plane[:, :, :]), return_tensors="pt").to(device)
    with torch.inference_mode():
        tokens = model.generate(**inputs, max_new_tokens=_MOST_TOKENS, do_sample=False)
    text = str(processor.batch_decode(tokens, skip_special_tokens=True)[0])
    legible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    return " ".join(legible.split())


@lru_cache(maxsize=1)
def _loaded(folder: str, device: torch.device) -> tuple[Any, Any]:
    transformers: Any = importlib.import_module(_LIBRARY)
    transformers.utils.logging.disable_progress_bar()
    given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        processor = transformers.AutoProcessor.from_pretrained(folder, **given)
        model = transformers.AutoModelForImageTextToText.from_pretrained(folder, use_safetensors=True, **given)
    except (OSError, ValueError, KeyError, AttributeError, ImportError, RuntimeError, TypeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{folder} is no captioning model that can be loaded: {reason}") from error
    model.eval().requires_grad_(False).to(device)
    watch(model)
    return model, processor
