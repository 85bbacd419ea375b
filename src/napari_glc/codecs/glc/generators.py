"""Generators that take the place of a model's own: mixed from both, and kept while somebody looks at one picture."""

from __future__ import annotations

import copy

import torch
from cachetools import LRUCache
from torch import nn

from ..._base.interruption import watch
from ...models import ModelFile
from ...networks.glc import GlcNetwork
from ..part_names import NONE
from ..parts import fitting_part
from .options import GlcDecoding
from .parts import DECODER

__all__ = ["Generators"]

_KEPT = 2
"""Mixtures in memory, 16 MB each with the embedded model: the one that is looked at, and the one before."""


class Generators:
    """The generators of one codec.

    Parameters
    ----------
    model, net
        The model and its network, ready to decode.
    """

    def __init__(self, model: ModelFile, net: GlcNetwork) -> None:
        self._model, self._net = model, net
        self._kept: LRUCache[tuple[str, float], nn.Module] = LRUCache(_KEPT)

    def chosen(self, decoding: GlcDecoding | None) -> nn.Module:
        """The generator that options for decoding ask for.

        Between none and all of a style, weights are mixed (network interpolation, Wang et al. 2019, eq. 1): both ends
        were trained one from the other.

        Raises
        ------
        OptionError
            If there is no such style.
        ModelError
            If it does not fit the model, or its file is damaged.
        """
        own = self._net.vqgan.generator
        if decoding is None or decoding.style == NONE or decoding.strength == 0:
            return own
        part = fitting_part(self._model, decoding.style, "decoder", DECODER)
        key = part.sha256, decoding.strength
        found = self._kept.get(key)
        if found is None:
            found = copy.deepcopy(own)
            weights = own.state_dict()
            (prefix,) = DECODER
            painted = part.tensors_for({prefix + name: value for name, value in weights.items()})
            mixed = {
                name: torch.lerp(value, painted[prefix + name].to(value), decoding.strength)
                for name, value in weights.items()
                if prefix + name in painted
            }
            found.load_state_dict(weights | mixed)
            watch(found)
            self._kept[key] = found
        return found
