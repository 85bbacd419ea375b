"""From a checkpoint to the tensors and the configuration of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import ModelError, OptionError
from ...networks.config import GlcConfig, TransformerConfig, VqganConfig
from ...networks.glc import GlcNetwork
from ...networks.index_map import IndexMapNetwork
from ...networks.index_transformer import IndexTransformer, Vocabulary
from ..file import ModelFile
from ..registry import find_model
from .checking import checked_tensors
from .kinds import KINDS, Kind
from .reading import read_checkpoint
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
    licence, page
        The authors' terms, and where they publish it.
    tensors
        By our names, in the types they came in.
    """

    name: str
    title: str
    codec: str
    config: GlcConfig | VqganConfig
    licence: str
    page: str
    tensors: dict[str, Tensor]


def converted(path: Path, *, attach_to: str | None = None, heads: int | None = None) -> Converted:
    """Read a checkpoint; see :func:`napari_glc.models.import_checkpoint`."""
    content = read_checkpoint(path)
    for state in state_dicts(content):
        for kind in KINDS.values():
            prefix = below(state, kind.signature)
            if prefix is not None:
                # what else lies beside a prefix keeps its name, and is unexpected unless it is set aside
                tensors = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
                return _of_kind(path, kind, tensors, attach_to, heads)
    example = next((", ".join(list(state)[:3]) for state in state_dicts(content)), "no tensors")
    raise ModelError(
        f"{path} is none of the checkpoints that can be imported ({'; '.join(k.title for k in KINDS.values())}): "
        f"it holds {example} ..."
    )


def _of_kind(path: Path, kind: Kind, state: dict[str, Tensor], attach_to: str | None, heads: int | None) -> Converted:
    if len(state) > _MOST_KEYS:
        raise ModelError(f"{path}: {len(state)} tensors are more than any of these networks has")
    state = {key: tensor for key, tensor in state.items() if not kind.aside.match(key)}
    try:
        config = kind.configure({key: tuple(tensor.shape) for key, tensor in state.items()})
        if heads is not None:
            config = _with_heads(config, heads)
        if kind.second_stage:
            return _attached(path, kind, state, config, attach_to)
        if attach_to is not None:
            raise OptionError(f"{path} is a {kind.title}; only a second stage is attached to another model")
        config.checked()
        with torch.device("meta"):
            network: nn.Module = GlcNetwork(config) if isinstance(config, GlcConfig) else IndexMapNetwork(config)
    except (LookupError, ValueError, ArithmeticError, RuntimeError) as error:
        raise ModelError(f"{path} looks like a {kind.title} but makes no network: {_reason(error)}") from error
    tensors = checked_tensors(f"{path} looks like a {kind.title}", state, _shapes(network), kind.names(config))
    return Converted(
        name=_default_name(config, kind),
        title=kind.title,
        codec="glc" if isinstance(config, GlcConfig) else "vqgan",
        config=config,
        licence=kind.licence,
        page=kind.page,
        tensors=tensors,
    )


def _reason(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) and error.args else str(error).split("\n")[0]


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def _with_heads(config: Any, heads: int) -> Any:
    inner = config.transformer if isinstance(config, VqganConfig) else config
    if not isinstance(inner, TransformerConfig):
        raise OptionError("only a transformer has heads to tell")
    if heads < 1 or inner.width % heads:
        raise OptionError(f"{inner.width} channels cannot be shared by {heads} heads")
    inner = inner.replaced(heads=heads)
    return config.replaced(transformer=inner) if isinstance(config, VqganConfig) else inner


def _attached(
    path: Path, kind: Kind, state: Mapping[str, Tensor], config: TransformerConfig, attach_to: str | None
) -> Converted:
    """A second stage and the model whose indices it predicts."""
    tokens = int(state["tok_emb.weight"].shape[0])
    if attach_to is None:
        raise OptionError(
            f"{path} is a second stage: it predicts indices of a VQGAN with {tokens} codes. Name that model with --for"
        )
    first: ModelFile = find_model(attach_to)
    if first.codec != "vqgan":
        raise OptionError(f"model {first.name!r} of codec {first.codec!r} has no indices to predict")
    whole: VqganConfig = first.network_config(VqganConfig)
    if whole.codebooks != (tokens,):
        books = ", ".join(map(str, whole.codebooks))
        raise OptionError(f"{path} predicts {tokens} codes and model {first.name!r} has {books}")
    whole = whole.replaced(transformer=config)
    whole.checked()
    with torch.device("meta"):
        network = IndexTransformer(config, Vocabulary(whole.codebooks, special=False))
    tensors = checked_tensors(f"{path} looks like a {kind.title}", dict(state), _shapes(network), kind.names(config))
    kept = {key: tensor for key, tensor in first.load().items() if not key.startswith("transformer.")}
    return Converted(
        name=f"{re.sub('-gpt$', '', first.name)}-gpt",
        title=f"{first.description or first.name}, with its second stage",
        codec="vqgan",
        config=whole,
        licence=kind.licence,
        page=kind.page,
        tensors=kept | {f"transformer.{key}": tensor for key, tensor in tensors.items()},
    )


def _default_name(config: GlcConfig | VqganConfig, kind: Kind) -> str:
    if isinstance(config, GlcConfig):
        return "glc-image" if config.factor == 16 else f"glc-f{config.factor}"
    family = "codeformer" if kind is KINDS["codeformer"] else "vqgan"
    transformer = "" if config.transformer is None else "-gpt"
    return f"{family}-f{config.factor}-{config.codebooks[0]}{transformer}"
