"""Models: where they are, what they hold, whether they are what they claim to be. No torch at import."""

from .file import ModelFile, read_model, write_model
from .registry import embedded_models, find_model, find_model_by_hash, installed_models, model_folder

__all__ = [
    "ModelFile",
    "embedded_models",
    "find_model",
    "find_model_by_hash",
    "installed_models",
    "model_folder",
    "read_model",
    "write_model",
]
