"""What a codec says of the checkpoints that become models of it.

A kind is recognised by a few keys under any prefix. Its configuration is read off keys and shapes, so checkpoints of
other widths and codebooks, trained with the authors' code, are taken as well. No torch at import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..file import ModelFile
from ..published import PublishedModel

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Checkpoint", "Checkpoints", "Kind", "Names", "Shapes", "any_of", "same_names"]

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of a checkpoint's tensors by key."""

Names = Callable[[str], str]
"""From a key of our network to the checkpoint's."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a configuration is made of.

    Attributes
    ----------
    path
        The file; some have a description beside them.
    shapes
        Of the tensors that count, by their keys without the prefix.
    aside
        Keys of those that were left out; they may tell what network the others belong to.
    first_stage
        For a second stage: the model it belongs to, if whoever imports said so.
    heads
        Attention heads of a transformer, if whoever imports said so: no tensor tells.
    """

    path: Path
    shapes: Shapes
    aside: frozenset[str]
    first_stage: ModelFile | None = None
    heads: int | None = None


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of published checkpoint.

    Attributes
    ----------
    title
        In words.
    licence, page
        The authors' terms, and where they publish it.
    signature
        Keys that tell it, under one prefix.
    aside
        What training needs and coding does not: keys that fit are left out.
    prepare
        What is done to the tensors first, if some are stored in other shapes than ours.
    added
        From the folder, of a checkpoint that is one, to tensors made of what else lies in it.
    configure
        To the configuration of the codec's model (:class:`~napari_glc._base.config.Config`).
    network
        From that configuration to the codec's networks (``torch.nn.Module``): ``"module:attribute"``.
    names
        From that configuration to how our keys are called there.
    default_name
        What such a model is called if nobody calls it otherwise.
    lasting
        Options of the configuration a model file holds: those of each part by the part's name, the others under an
        empty name. The hash of a model covers them, so an option that some later version adds must stay out, or files
        made with the same checkpoint would ask for different models.
    second_stage
        For a checkpoint that holds only a part of the networks: what the keys of this part begin with in ours. The
        other tensors are those of the model it is attached to.
    has_heads
        Whether :attr:`Checkpoint.heads` makes sense.
    """

    title: str
    licence: str
    page: str
    signature: tuple[str, ...]
    aside: re.Pattern[str]
    configure: Callable[[Checkpoint], Any]
    network: str
    names: Callable[[Any], Names]
    default_name: Callable[[Any, Checkpoint], str]
    lasting: Mapping[str, frozenset[str]]
    prepare: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict
    added: Callable[[Path], Mapping[str, Tensor]] | None = None
    second_stage: str = ""
    has_heads: bool = False


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """All a codec says of published checkpoints.

    Attributes
    ----------
    kinds
        Those that can be imported. If two are recognised under the same prefix, the first one counts.
    published
        Where some of them are.
    """

    kinds: tuple[Kind, ...]
    published: tuple[PublishedModel, ...] = ()


def same_names(config: Any) -> Names:
    """For a checkpoint whose keys are ours."""
    return lambda key: key


def any_of(*patterns: str) -> re.Pattern[str]:
    """Fits what one of the patterns fits."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
