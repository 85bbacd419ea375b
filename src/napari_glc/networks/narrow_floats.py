"""Encoders and generators in half the digits: two to eight times as fast on processors that multiply bfloat16.

Only for what ends in pixels or chooses symbols, never for what probabilities depend on. The sums are of float32; what
is stored between layers has 8 binary digits. With the embedded models no sample moves by more than one grey level, and
coefficients move by less than a hundredth of a quantisation step. Which processor encodes decides about a few symbols
in a thousand, as the order of float32 sums did before; a machine gives the same bytes for the same picture, model and
quality, however many threads or blocks divide the work, since a sum's order depends on its channels alone.
"""

from __future__ import annotations

import copy
import threading
from functools import cache

import torch
from torch import Tensor, nn

from .._base.interruption import watch

__all__ = ["NarrowOnRequest", "bfloat16_is_fast", "narrow_convolutions", "narrow_is_fast", "narrowed"]


@cache
def bfloat16_is_fast() -> bool:
    """Whether this processor has instructions for it, so that it is faster and not only smaller."""
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and bool(supported())


def narrow_is_fast(device: torch.device) -> bool:
    """Whether networks on a device are faster in half the digits."""
    return device.type == "cuda" or (device.type == "cpu" and bfloat16_is_fast())


def narrow_convolutions(*networks: nn.Module) -> None:
    """Give convolutions weights of bfloat16, in place; for autocast, which would convert them every time."""
    for network in networks:
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.to(torch.bfloat16)


class _Narrowed(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.inner = copy.deepcopy(network).to(torch.bfloat16)

    def forward(self, x: Tensor, *told: Tensor) -> Tensor:
        """See the network's own; takes and gives float32."""
        out: Tensor = self.inner(x.bfloat16(), *(t.bfloat16() for t in told))
        return out.float()


def narrowed(network: nn.Module, device: str) -> nn.Module:
    """An encoder or generator for use without gradients: a narrow copy where that is faster, else itself.

    Parameters
    ----------
    network
        Made of convolutions without normalisation.
    device
        Where it is.
    """
    return _Narrowed(network) if device == "cpu" and bfloat16_is_fast() else network


class NarrowOnRequest:
    """A network with normalisation, whose pixels move by some grey levels in half the digits: only for those who ask.

    Parameters
    ----------
    network
        A published encoder or generator.
    device
        Where it is.
    """

    def __init__(self, network: nn.Module, device: str) -> None:
        self._network, self._narrow = network, network
        self._lock = threading.Lock()
        on_gpu = device.startswith("cuda") and torch.cuda.is_bf16_supported()
        self.possible = on_gpu or (device == "cpu" and bfloat16_is_fast())

    def __call__(self, *, fast: bool) -> nn.Module:
        """The network as it is, or its narrow copy, made at the first request, where that is faster."""
        if not (fast and self.possible):
            return self._network
        with self._lock:
            if self._narrow is self._network:
                self._narrow = _Narrowed(self._network)
                watch(self._narrow)
            return self._narrow
