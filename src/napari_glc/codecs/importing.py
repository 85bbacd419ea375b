"""Checkpoints that other people published become models of the codecs. No torch at import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ..errors import OptionError
from ..models import ModelFile, Provenance, find_model
from ..models.importing.kinds import Checkpoints
from ..models.published import PublishedModel
from .registry import all_codecs

__all__ = ["find_published", "import_checkpoint", "published_models"]


def import_checkpoint(
    path: str | Path,
    name: str | None = None,
    *,
    attach_to: str | None = None,
    heads: int | None = None,
    url: str = "",
    replace: bool = False,
) -> ModelFile:
    """Turn a checkpoint as its authors publish it into an installed model.

    Parameters
    ----------
    path
        What ``torch.save`` or PyTorch Lightning wrote, or safetensors: GLC for images, a VQGAN of taming-transformers
        or its second stage, CodeFormer or its autoencoder, whatever a codec says it takes. Or a folder in the layout
        of diffusers, with its weights as safetensors: PerCo (SD).
    name
        What to call the model; ``None`` takes the name of its kind, such as ``vqgan-f16-1024``.
    attach_to
        For a second stage (a transformer without its VQGAN): the installed model whose indices it predicts. Both
        together become a new model.
    heads
        Attention heads of a second stage, which its weights do not tell; ``None`` takes one for each 64 channels,
        as all published ones have.
    url
        Where the file is from, for the record.
    replace
        Whether a model of that name, imported before, may be replaced.

    Returns
    -------
    ModelFile
        The model in the user's folder.

    Raises
    ------
    ModelError
        If the file is damaged, asks for code to be run, is of no known kind, or has missing, unexpected or misshapen
        tensors; the message names them.
    OptionError
        If the name cannot be used, or the second stage and the model to attach it to do not fit.
    MissingModelError
        If the model to attach it to is not installed.
    OSError
        If the file cannot be read or the model folder not be written.
    """
    from ..models.importing.conversion import converted
    from ..models.importing.reading import weights_of_folder
    from ..models.importing.storing import checked_name, store

    path = Path(path)
    if name is not None:
        checked_name(name, replace=replace)
    kinds = {codec: checkpoints.kinds for codec, checkpoints in _checkpoints()}
    first_stage = None if attach_to is None else find_model(attach_to)
    found = converted(path, kinds, first_stage=first_stage, heads=heads)
    chosen = checked_name(name or found.name, replace=replace)
    licence, page = found.kind.licence, url or found.kind.page
    if path.is_dir():
        origin = Provenance.of_folder(path, weights_of_folder(path).values(), licence=licence, url=page)
    else:
        origin = Provenance.of_file(path, licence=licence, url=page)
    return store(found, chosen, origin)


def published_models() -> tuple[PublishedModel, ...]:
    """Checkpoints of all codecs that their authors publish, and where."""
    return tuple(model for _, checkpoints in _checkpoints() for model in checkpoints.published)


def find_published(name: str) -> PublishedModel:
    """The published checkpoint of a name.

    Raises
    ------
    OptionError
        If there is none, with those there are.
    """
    models = published_models()
    for model in models:
        if model.name == name:
            return model
    raise OptionError(f"no published model is called {name!r}; there are {', '.join(m.name for m in models)}")


def _checkpoints() -> Iterator[tuple[str, Checkpoints]]:
    """Each codec that takes any, by name."""
    for entry in all_codecs():
        if entry.checkpoints:
            yield entry.name, cast("Checkpoints", entry.load(entry.checkpoints, libraries=False))
