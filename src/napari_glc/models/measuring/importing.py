"""From files as their authors publish them to networks of measures.

A network is recognised by keys and shapes, in the layouts it is published in: torchvision's, those of lpips and
torchmetrics (``net.slice1.0.weight``, ``net.slices.0.0.weight``), of DISTS (``stage1.0.weight``), of piq
(``model.0.weight``, and a bare list of heads), with any prefix. A file may hold several: LPIPS with its network, DISTS
with VGG.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..._base.atomic import write_parts_atomically
from ...errors import ModelError, OptionError
from ..importing.checking import checked_tensors
from ..importing.provenance import Provenance
from ..importing.reading import read_checkpoint
from ..importing.unwrapping import state_dicts
from ..streaming import safetensors_parts
from .installed import MeasuringNetwork, find_network, installed_networks, metadata_of, network_path
from .kinds import NETWORKS, NetworkKind, network_kind

__all__ = ["import_networks"]

_LEAF = r"(?P<place>\d+)\.(?P<leaf>(?:squeeze\.|expand1x1\.|expand3x3\.)?(?:weight|bias))"
_CONVOLUTIONS = re.compile(rf"(?:.*\.)?(?<!lin\d\.)(?:features|slice\d|slices\.\d|stage\d|model)\.{_LEAF}")
_HEAD = re.compile(r"(?:.*\.)?(?P<layer>lin\d)\.model\.[01]\.weight")
_DISTS = re.compile(r"(?:.*\.)?(?P<name>alpha|beta)")
_INCEPTION = re.compile(r"(?:.*\.)?(?P<key>(?:Conv2d_\d\w|Mixed_\d\w)[\w.]*\.(?:weight|bias|running_mean|running_var))")
_ASIDE = re.compile(
    # what classification and training need, constants, and a second name for the heads
    r"(?:.*\.)?(?:classifier\.[\w.]+|AuxLogits\.[\w.]+|fc\.(?:weight|bias)|num_batches_tracked|lins\.\d\.model\.[01]\.weight"
    r"|scaling_layer\.(?:shift|scale)|mean|std|filter)"
)
_NAMED_HASH = re.compile(r"-([0-9a-f]{8})\.pth$")
_CLASSES = 1008
"""Of the Inception that FID is about; torchvision's knows 1000."""


def import_networks(path: str | Path, *, url: str = "", replace: bool = False) -> list[MeasuringNetwork]:
    """Put the networks of measures that a published file holds into the folder of models.

    Parameters
    ----------
    path
        A file of ``torch.save``, or safetensors.
    url
        Where it is from, for the record.
    replace
        Whether networks that are there may be replaced by others.

    Returns
    -------
    list of MeasuringNetwork
        Those it holds; none if it is a checkpoint of something else.

    Raises
    ------
    ModelError
        If the file is damaged, asks for code to be run, is not what its name promises, or looks like one of these
        networks and has missing, unexpected or misshapen tensors.
    OptionError
        If there is one already, from another file.
    OSError
        If the file cannot be read or the folder not be written.
    """
    path = Path(path)
    if path.is_dir():
        return []
    content = read_checkpoint(path)
    parts = [part for state in _states(content) for part in _parts_of(path, state)]
    if not parts:
        return []
    origin = Provenance.of_file(path, licence="", url=url)
    promised = _NAMED_HASH.search(path.name)
    if promised and not origin.sha256.startswith(promised[1]):
        raise ModelError(f"{path} is not what its name says: its hash is {origin.sha256[:8]}, not {promised[1]}")
    checked = {}
    for kind, tensors in parts:
        if kind.name not in checked:
            _check_version(path, kind, origin.sha256)
            looks = f"{path} looks like {kind.title}"
            checked[kind.name] = kind, checked_tensors(looks, tensors, kind.shapes(), lambda key: key)
    return [_stored(kind, tensors, origin, replace=replace) for kind, tensors in checked.values()]


def _states(content: Any) -> Iterator[Mapping[str, Tensor]]:
    if isinstance(content, list) and content and all(isinstance(each, Tensor) for each in content):
        # piq's heads
        yield {f"lin{layer}.model.1.weight": tensor.reshape(1, -1, 1, 1) for layer, tensor in enumerate(content)}
        return
    yield from state_dicts(content)


def _parts_of(path: Path, state: Mapping[str, Tensor]) -> Iterator[tuple[NetworkKind, dict[str, Tensor]]]:
    """Each network that a state dict holds, with its tensors under our keys."""
    kept = [key for key in state if not _ASIDE.fullmatch(key)]
    if not all(any(pattern.fullmatch(key) for pattern, _ in _SPELLINGS) for key in kept):
        # codecs bring along the networks they were trained by: those are not what such a file is imported for
        return
    _check_classes(path, state)
    for pattern, name in _SPELLINGS:
        tensors: dict[str, Tensor] = {}
        for match in filter(None, map(pattern.fullmatch, kept)):
            tensors.setdefault(match.expand(name), state[match.string])
        kinds = [kind for kind in NETWORKS if set(kind.signature) <= set(tensors)]
        for kind in sorted(kinds, key=lambda kind: -len(kind.signature)):
            shapes = kind.shapes()
            if all(tuple(tensors[key].shape) == shapes[key] for key in kind.signature):
                yield kind, tensors
                break


def _check_classes(path: Path, state: Mapping[str, Tensor]) -> None:
    labels = next((state[key] for key in state if key.endswith("fc.weight")), None)
    if labels is not None and len(labels) != _CLASSES and any(map(_INCEPTION.fullmatch, state)):
        raise ModelError(
            f"{path} is an Inception with {len(labels)} classes, whose features are others: FID is about the one with "
            f"{_CLASSES}, {network_kind('inception').published.file}"
        )


_SPELLINGS = (
    (_CONVOLUTIONS, r"features.\g<place>.\g<leaf>"),
    (_HEAD, r"\g<layer>"),
    (_DISTS, r"\g<name>"),
    (_INCEPTION, r"\g<key>"),
)


def _check_version(path: Path, kind: NetworkKind, sha256: str) -> None:
    for other, title in kind.other_versions:
        if sha256 == other:
            raise ModelError(f"{path} is {title}; take {kind.published.file} from {kind.published.page}")


def _stored(kind: NetworkKind, tensors: dict[str, Tensor], origin: Provenance, *, replace: bool) -> MeasuringNetwork:
    target = network_path(kind)
    if target.exists() and not replace:
        there = next((network for network in installed_networks() if network.name == kind.name), None)
        if there is not None and there.sha256 == origin.sha256:
            return there
        raise OptionError(f"there is another {kind.name} already: replace it with --replace")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_parts_atomically(target, safetensors_parts(tensors, metadata_of(kind, origin.sha256)))
    told = Provenance(
        origin.file, origin.sha256, origin.size, origin.url or kind.published.page, kind.published.licence
    )
    told.write(target)
    return find_network(kind.name)
