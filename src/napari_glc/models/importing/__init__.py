"""Published checkpoints become models of this package.

::

    file --reading--> nested dictionaries --unwrapping--> state dicts --kinds--> configuration, our names
         --checking--> every tensor there, none left over, shapes as configured --storing--> NAME.safetensors

Nothing in a checkpoint is executed (:mod:`.reading`). What is written depends on the weights alone, not on the name or
the packaging, so whoever imports the same checkpoint gets a model of the same hash and can read the others' files.
No torch at import.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .provenance import Provenance, provenance_of, remove_model

if TYPE_CHECKING:
    from ..file import ModelFile

__all__ = ["Provenance", "import_checkpoint", "provenance_of", "remove_model"]


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
        or its second stage, CodeFormer or its autoencoder.
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
    OSError
        If the file cannot be read or the model folder not be written.
    """
    from .conversion import converted
    from .storing import checked_name, store

    path = Path(path)
    if name is not None:
        checked_name(name, replace=replace)
    found = converted(path, attach_to=attach_to, heads=heads)
    chosen = checked_name(name or found.name, replace=replace)
    return store(found, chosen, Provenance.of_file(path, licence=found.licence, url=url or found.page))
