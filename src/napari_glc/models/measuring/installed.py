"""Networks of measures in the folder of models: safetensors whose header says ``measure``. No torch at import."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import MissingModelError, ModelError
from ..head import read_head
from ..registry import model_folder
from .kinds import NETWORKS, NetworkKind, network_kind

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "MeasuringNetwork",
    "find_network",
    "installed_networks",
    "load_network",
    "metadata_of",
    "network_path",
    "remove_network",
]


@dataclass(frozen=True)
class MeasuringNetwork:
    """A network on disk.

    Attributes
    ----------
    kind
        Which one.
    path
        The safetensors file.
    sha256
        Of the file it was imported from.
    """

    kind: NetworkKind
    path: Path
    sha256: str

    @property
    def name(self) -> str:
        """Its kind's."""
        return self.kind.name

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size


def network_path(kind: NetworkKind) -> Path:
    """Where a network is looked for."""
    return model_folder() / f"{kind.name}.safetensors"


def installed_networks() -> list[MeasuringNetwork]:
    """All networks at hand."""
    found = (_at(kind) for kind in NETWORKS)
    return [network for network in found if network is not None]


def _at(kind: NetworkKind) -> MeasuringNetwork | None:
    """What lies in its place, unless it is something else: models have names of their users' choice."""
    path = network_path(kind)
    try:
        with open(path, "rb") as stream:
            metadata = read_head(stream).metadata
    except (ModelError, OSError, struct.error, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    if metadata.get("measure") != kind.name:
        return None
    return MeasuringNetwork(kind, path, metadata.get("source", ""))


def find_network(name: str) -> MeasuringNetwork:
    """A network by name.

    Raises
    ------
    MissingModelError
        If it is not there, with the file to fetch, from where, and what to do with it.
    OptionError
        If there is no network of that name.
    """
    kind = network_kind(name)
    found = _at(kind)
    if found is None:
        raise MissingModelError(
            f"{kind.title} ({kind.name}) is not installed: glc models pull {kind.name} fetches it, or {kind.by_hand}"
        )
    return found


def load_network(name: str) -> dict[str, Tensor]:
    """The tensors of a network, as float32.

    Raises
    ------
    MissingModelError, OptionError
        As for :func:`find_network`.
    ModelError
        If the file is damaged, or holds the weights of another network.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = find_network(name)
    try:
        tensors = {key: tensor.float() for key, tensor in load_file(network.path).items()}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{network.path}: the weights cannot be read: {error}") from error
    shapes = network.kind.shapes()
    if {key: tuple(tensor.shape) for key, tensor in tensors.items()} != shapes:
        raise ModelError(f"{network.path} holds the weights of another network than {network.kind.title}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ModelError(f"{network.path} holds numbers that are not finite")
    return tensors


def remove_network(network: MeasuringNetwork) -> None:
    """Delete a network from the folder of models.

    Raises
    ------
    OSError
        If it cannot be deleted.
    """
    network.path.unlink()
    network.path.with_name(f"{network.name}.source.json").unlink(missing_ok=True)


def metadata_of(kind: NetworkKind, sha256: str) -> dict[str, str]:
    """What the header of a network's file says."""
    return {"measure": kind.name, "description": kind.title, "source": sha256}
