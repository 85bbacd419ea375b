"""A latent coded as in a file, but differentiably: for training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...entropy.scales import LOG_SCALE_MAX, LOG_SCALE_MIN
from ...networks.glc import GlcNetwork
from ...networks.prior import MIN_QUANT_STEP
from ...training.codebook import COMMITMENT
from ...training.rate import coding_bits, lower_bound, round_straight_through

__all__ = ["Coded", "code_latent"]


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
    with torch.autocast(z.device.type, enabled=False):
        hyper_indices = net.z_vq.indices(z)
    codewords = net.z_vq.lookup(hyper_indices)
    # the codewords follow by running means, so only the commitment is left of the VQ loss
    hyper_loss = COMMITMENT * (codewords - z).square().mean() if quantise_hyper else z.new_zeros(())
    z_hat = z + (codewords - z).detach() if quantise_hyper else z

    prior = net.prior(z_hat, position)
    quant_step = lower_bound(prior.quant_step.float(), MIN_QUANT_STEP)
    scaled = y / quant_step
    bits: list[Tensor] = []

    def visit(step: int, mask: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
        mask, mean = mask.float(), mean.float()
        std = lower_bound(scale.float(), LOG_SCALE_MIN).clamp_max(LOG_SCALE_MAX).exp()
        residual = (scaled - mean) * mask
        symbol = round_straight_through(residual)
        bits.append((coding_bits(residual, symbol, std) * mask).sum((1, 2, 3)))
        return symbol + mean * mask

    y_hat = net.code_steps(prior, visit)
    latent_hat = net.synthesise_latent(y_hat * quant_step, position)
    preview = net.synthesise_latent(prior.mean.float() * quant_step, position)
    return Coded(latent_hat, preview, torch.stack(bits).sum(0), hyper_loss, z, hyper_indices)
