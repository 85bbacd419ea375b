"""Generators that take the place of a model's own: mixed from both, and kept while somebody looks at one picture."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace

from cachetools import LRUCache
from torch import nn

from ..._base.interruption import watch
from ...models import ModelFile, PartFile
from ...networks.glc import GlcNetwork
from ...networks.narrow_floats import NarrowOnRequest, narrowed
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
        self._lock = threading.Lock()
        self._kept: LRUCache[str, nn.Module] = LRUCache(_KEPT)
        self._own = self._quick(net.vqgan.generator)
        device = next(net.parameters()).device.type
        published = net.config.autoencoder.kind != "compact"
        self._on_request = NarrowOnRequest(self._own, device) if published else None

    def _quick(self, generator: nn.Module) -> nn.Module:
        """For pixels alone; the network's own stays as precise as gradients need it."""
        if self._net.config.autoencoder.kind != "compact":
            return generator
        found = narrowed(generator, next(generator.parameters()).device.type)
        watch(found)
        return found

    def chosen(self, decoding: GlcDecoding | None) -> nn.Module:
        """The generator that options for decoding ask for.

        Raises
        ------
        OptionError
            If there is no such style.
        ModelError
            If it does not fit the model, or its file is damaged.
        """
        if decoding is None:
            return self._own
        if decoding.style == NONE or decoding.strength == 0:
            return self._own if self._on_request is None else self._on_request(fast=decoding.fast)
        part = fitting_part(self._model, decoding.style, "decoder", DECODER)
        part = replace(part, strength=decoding.strength)
        with self._lock:
            return self._mixed(part)

    def _mixed(self, part: PartFile) -> nn.Module:
        found = self._kept.get(part.key)
        if found is None:
            own = self._net.vqgan.generator
            found = copy.deepcopy(own)
            (prefix,) = DECODER
            weights = {prefix + name: value for name, value in own.state_dict().items()}
            weights |= part.tensors_for(weights)
            found.load_state_dict({name.removeprefix(prefix): value for name, value in weights.items()})
            self._kept[part.key] = found = self._quick(found)
        return found
