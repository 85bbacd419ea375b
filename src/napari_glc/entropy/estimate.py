"""Bits of symbols as a differentiable estimate: what an optimiser needs where a coder counts bytes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["gaussian_bits"]


def gaussian_bits(symbol: Tensor, scale: Tensor) -> Tensor:
    """Bits of symbols under a zero-mean Gaussian discretised to unit bins.

    Computed in the logarithm, so that the gradient is right however improbable a symbol is: a scale that is
    far too small must hear of it.

    Parameters
    ----------
    symbol
        Symbols, or what is between two of them.
    scale
        Standard deviations, of a shape that broadcasts with `symbol`.
    """
    magnitude = symbol.abs()
    near = torch.special.log_ndtr((0.5 - magnitude) / scale)
    far = torch.special.log_ndtr(-(0.5 + magnitude) / scale)
    nats: Tensor = -(near + torch.log1p(-torch.exp((far - near).clamp_max(-1e-6))))
    return nats / math.log(2)
