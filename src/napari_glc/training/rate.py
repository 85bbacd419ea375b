"""Differentiable rate and quantisation of the symbols."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..entropy.scales import LOG_SCALE_MAX, LOG_SCALE_MIN
from ..networks.glc import GlcNetwork
from ..networks.prior import MIN_QUANT_STEP
from .codebook import COMMITMENT

__all__ = ["Coded", "code_latent", "coding_bits", "gaussian_bits"]


class _LowerBound(torch.autograd.Function):
    """``max(x, bound)`` whose gradient still pulls x up from below the bound."""

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


def _round_straight_through(x: Tensor) -> Tensor:
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


@dataclass(frozen=True)
class Coded:
    """One differentiable pass through transform, quantisation and prior.

    Attributes
    ----------
    latent_hat
        Decoded latent ``(B, N, H, W)``.
    preview
        Latent decoded from the hyper-prior's first means. (A decoder's preview also runs the context model, as if all
        symbols were zero; the first means are what it starts from, at a fifth of the cost.)
    bits
        Estimated bits of the symbols of each picture, ``(B,)``.
    hyper_loss
        Vector-quantisation loss of the hyper-latent.
    hyper_latent, hyper_indices
        The hyper-latent before quantisation and its index map.
    """

    latent_hat: Tensor
    preview: Tensor
    bits: Tensor
    hyper_loss: Tensor
    hyper_latent: Tensor
    hyper_indices: Tensor


def code_latent(net: GlcNetwork, latent: Tensor, position: Tensor, quantise_hyper: bool = True) -> Coded:
    """Code a latent as the bitstream would, differentiably.

    Parameters
    ----------
    net
        The network, configured with ``log_scale``.
    latent
        ``(B, N, H, W)``.
    position
        Rate position of each picture, ``(B,)``.
    quantise_hyper
        Send the hyper-latent through its codebook; off only before the codebook is initialised.
    """
    y = net.transform(latent, position).float()
    z = net.hyper_analyse(y).float()
    hyper_indices = net.z_vq.indices(z)
    words = net.z_vq.lookup(hyper_indices)
    hyper_loss = COMMITMENT * (words - z).square().mean() if quantise_hyper else z.new_zeros(())
    z_hat = z + (words - z).detach() if quantise_hyper else z

    prior = net.prior(z_hat, position)
    quant_step: Tensor = _LowerBound.apply(prior.quant_step.float(), MIN_QUANT_STEP)  # type: ignore[no-untyped-call]
    scaled = y / quant_step
    bits: list[Tensor] = []

    def visit(step: int, mask: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
        mask, mean = mask.float(), mean.float()
        bounded: Tensor = _LowerBound.apply(scale.float(), LOG_SCALE_MIN)  # type: ignore[no-untyped-call]
        std = bounded.clamp_max(LOG_SCALE_MAX).exp()
        residual = (scaled - mean) * mask
        symbol = _round_straight_through(residual)
        bits.append((coding_bits(residual, symbol, std) * mask).sum((1, 2, 3)))
        return symbol + mean * mask

    y_hat = net.code_steps(prior, visit)
    latent_hat = net.synthesise_latent(y_hat * quant_step, position)
    preview = net.synthesise_latent(prior.mean.float() * quant_step, position)
    return Coded(latent_hat, preview, torch.stack(bits).sum(0), hyper_loss, z, hyper_indices)
