"""Differentiable rate and quantisation of symbols."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["coding_bits", "gaussian_bits", "lower_bound", "round_straight_through"]


class _LowerBound(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound  # type: ignore[attr-defined]
        return x.clamp_min(bound)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        passes = (x >= ctx.bound) | (grad < 0)  # type: ignore[attr-defined]
        return grad * passes, None


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """``max(x, bound)``, for a loss that can pull x up from below the bound as well."""
    out: Tensor = _LowerBound.apply(x, bound)  # type: ignore[no-untyped-call]
    return out


def round_straight_through(x: Tensor) -> Tensor:
    """Rounded values with the gradient of the values themselves."""
    return x + (x.round() - x).detach()


def gaussian_bits(symbol: Tensor, scale: Tensor) -> Tensor:
    """Bits of symbols under a zero-mean Gaussian discretised to unit bins.

    Computed in the logarithm, so that the gradient is right however improbable a symbol is: a scale that is
    far too small must hear of it.
    """
    magnitude = symbol.abs()
    near = torch.special.log_ndtr((0.5 - magnitude) / scale)
    far = torch.special.log_ndtr(-(0.5 + magnitude) / scale)
    nats: Tensor = -(near + torch.log1p(-torch.exp((far - near).clamp_max(-1e-6))))
    return nats / math.log(2)


def coding_bits(residual: Tensor, symbol: Tensor, scale: Tensor) -> Tensor:
    """True bits of rounded symbols with gradients fit for learning.

    The value is that of the rounded symbols. The gradient with respect to the scale is its true one. The gradient
    with respect to the residual is that of uniformly perturbed residuals: on average the difference of bits
    between neighbouring symbols, where rounding by itself has none.
    """
    noisy = gaussian_bits(residual + torch.rand_like(residual) - 0.5, scale.detach())
    return gaussian_bits(symbol.detach(), scale) + noisy - noisy.detach()
