"""Models: where they are, what they hold, whether they are what they claim to be. No torch at import."""

from .file import ModelFile, read_model, write_model
from .importing import Provenance, provenance_of, remove_model
from .part import PartFile, write_part
from .registry import (
    embedded_models,
    find_model,
    find_model_by_hash,
    find_part,
    installed_models,
    installed_parts,
    model_folder,
)

__all__ = [
    "ModelFile",
    "PartFile",
    "Provenance",
    "embedded_models",
    "find_model",
    "find_model_by_hash",
    "find_part",
    "installed_models",
    "installed_parts",
    "model_folder",
    "provenance_of",
    "read_model",
    "remove_model",
    "write_model",
    "write_part",
]
