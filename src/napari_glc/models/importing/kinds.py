"""What a codec says of the checkpoints that become models of it.

A kind is recognised by a few keys under any prefix. Its configuration is read off keys and shapes, so checkpoints of
other widths and codebooks, trained with the authors' code, are taken as well. No torch at import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..file import ModelFile
from ..published import PublishedModel

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Checkpoints", "Kind", "Names", "Shapes", "Told", "any_of", "same_names"]

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of a checkpoint's tensors by key."""

Names = Callable[[str], str]
"""From a key of our network to the checkpoint's."""


@dataclass(frozen=True)
class Told:
    """What no tensor tells, so whoever imports does.

    Attributes
    ----------
    first_stage
        For a second stage: the model it belongs to.
    heads
        Attention heads of a transformer; ``None`` for the number its authors use.
    beside
        What ``config.json`` in the checkpoint's folder says, as diffusers writes it; of any content.
    """

    first_stage: ModelFile | None = None
    heads: int | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)


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
    configure
        From the shapes of all tensors, those set aside as well, to the configuration of the codec's model
        (:class:`~napari_glc._base.config.Config`).
    build
        From that configuration to its networks.
    names
        From that configuration to how our keys are called there.
    default_name
        What such a model is called if nobody calls it otherwise.
    lasting
        Options of the configuration a model file holds: those of each part by the part's name, the others under an
        empty name. The hash of a model covers them, so an option that some later version adds must stay out, or files
        made with the same checkpoint would ask for different models.
    prepare
        From the checkpoint's tensors to the same in our shapes.
    second_stage
        For a checkpoint that holds only a part of the networks: what the keys of this part begin with in ours. The
        other tensors are those of the model it is attached to.
    has_heads
        Whether :attr:`Told.heads` makes sense.
    """

    title: str
    licence: str
    page: str
    signature: tuple[str, ...]
    aside: re.Pattern[str]
    configure: Callable[[Shapes, Told], Any]
    build: Callable[[Any], nn.Module]
    names: Callable[[Any], Names]
    default_name: Callable[[Any, Told], str]
    lasting: Mapping[str, frozenset[str]]
    prepare: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict
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
