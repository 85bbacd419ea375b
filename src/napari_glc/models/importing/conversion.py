"""From a checkpoint to the tensors and the configuration of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from ..._base.config import Config
from ..._base.places import found_at
from ...errors import ModelError, OptionError
from ...networks.unfilled import unfilled
from ..file import ModelFile
from .checking import checked_tensors
from .kinds import Checkpoint, Kind
from .reading import read_checkpoint, read_folder
from .unwrapping import below, state_dicts

__all__ = ["Converted", "converted"]

_MOST_KEYS = 20_000


@dataclass(frozen=True)
class Converted:
    """A checkpoint in this package's terms.

    Attributes
    ----------
    name
        What such a model is called if nobody calls it otherwise.
    title
        Its kind in words.
    codec, config
        As in a model file.
    kind
        What was recognised.
    tensors
        By our names, in the types they came in.
    """

    name: str
    title: str
    codec: str
    config: Config
    kind: Kind
    tensors: dict[str, Tensor]


def converted(
    path: Path,
    kinds: Mapping[str, Sequence[Kind]],
    *,
    first_stage: ModelFile | None = None,
    heads: int | None = None,
) -> Converted:
    """Read a checkpoint.

    Parameters
    ----------
    path
        The file, or the folder.
    kinds
        What can be imported, by codec.
    first_stage, heads
        See :class:`~napari_glc.models.importing.kinds.Checkpoint`.

    Raises
    ------
    ModelError, OptionError, OSError
        See :func:`napari_glc.codecs.importing.import_checkpoint`.
    """
    content = read_folder(path) if path.is_dir() else read_checkpoint(path)
    for state in state_dicts(content):
        recognised = _recognised(state, kinds)
        if recognised is not None:
            codec, kind, prefix = recognised
            if len(state) > _MOST_KEYS:
                raise ModelError(f"{path}: {len(state)} tensors are more than any of these networks has")
            if heads is not None and not kind.has_heads:
                raise OptionError(f"{path} is a {kind.title}; only a transformer has heads to tell")
            if first_stage is not None and not kind.second_stage:
                raise OptionError(f"{path} is a {kind.title}; only a second stage is attached to another model")
            tensors, aside = _sorted_out(kind, prefix, state)
            if kind.added is not None:
                tensors |= kind.added(path)
            shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
            about = Checkpoint(path=path, shapes=shapes, aside=aside, first_stage=first_stage, heads=heads)
            return _of_kind(codec, kind, about, tensors)
    example = next((", ".join(list(state)[:3]) for state in state_dicts(content)), "no tensors")
    titles = "; ".join(kind.title for several in kinds.values() for kind in several)
    raise ModelError(f"{path} is none of the checkpoints that can be imported ({titles}): it holds {example} ...")


def _recognised(state: Mapping[str, Tensor], kinds: Mapping[str, Sequence[Kind]]) -> tuple[str, Kind, str] | None:
    """Codec, kind and prefix. Some networks contain others: the whole has the shortest prefix."""
    fitting = [
        (codec, kind, prefix)
        for codec, several in kinds.items()
        for kind in several
        if (prefix := below(state, kind.signature)) is not None
    ]
    return min(fitting, key=lambda found: len(found[2]), default=None)


def _sorted_out(kind: Kind, prefix: str, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], frozenset[str]]:
    """The tensors that count by their keys without the prefix, and the keys of the others."""
    # what else lies beside a prefix keeps its name, and is unexpected unless it is set aside
    tensors = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    aside = frozenset(key for key in tensors if kind.aside.match(key))
    return dict(kind.prepare({key: tensor for key, tensor in tensors.items() if key not in aside})), aside


def _of_kind(codec: str, kind: Kind, checkpoint: Checkpoint, state: Mapping[str, Tensor]) -> Converted:
    path, first = checkpoint.path, checkpoint.first_stage
    # before the context: a module imported inside would lay out its own tensors on that device, too
    build = found_at(kind.network)
    looks = f"{path} looks like a {kind.title}"
    try:
        config: Config = kind.configure(checkpoint).checked()
        with unfilled():
            network = build(config)
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error
    except (LookupError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ModelError(f"{looks} but makes no network: {_reason(error)}") from error
    tensors = checked_tensors(looks, state, _shapes(network, kind.second_stage), kind.names(config))
    title = kind.title
    if first is not None:
        tensors = _attached(tensors, kind.second_stage, first.load())
        title = f"{first.description or first.name}, with its second stage"
    return Converted(kind.default_name(config, checkpoint), title, codec, config, kind, tensors)


def _reason(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) and error.args else str(error).split("\n")[0]


def _shapes(network: nn.Module, part: str) -> dict[str, tuple[int, ...]]:
    """Shapes of a network's tensors, or of a part's, by their keys in that part."""
    state = network.state_dict()
    return {key.removeprefix(part): tuple(tensor.shape) for key, tensor in state.items() if key.startswith(part)}


def _attached(tensors: Mapping[str, Tensor], part: str, first: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a second stage in the place of those its model may have had."""
    kept = {key: tensor for key, tensor in first.items() if not key.startswith(part)}
    return kept | {f"{part}{key}": tensor for key, tensor in tensors.items()}
