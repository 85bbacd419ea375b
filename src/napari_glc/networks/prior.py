"""Hyper decoder, prior fusion and spatial context: all that the probabilities of a stream depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from .blocks import ResidualBlockUpsample, depth_conv_block
from .config import GlcConfig
from .quadtree import STEPS, step_mask
from .vector_quantizer import VectorQuantizer

__all__ = ["MIN_QUANT_STEP", "Prior", "PriorParameters", "StepVisitor"]

MIN_QUANT_STEP = 0.5
"""Lower bound of the quantisation step the prior predicts; that of the published code."""


@dataclass(frozen=True)
class PriorParameters:
    """What the hyper-prior says about the symbols before any of them is known.

    Attributes
    ----------
    quant_step, scale, mean
        ``(B, N, H, W)`` each; `scale` in the form the network predicts it (see ``GlcConfig.log_scale``).
    context
        ``(B, N, H, W)`` features that accompany the symbols decoded so far into later steps.
    """

    quant_step: Tensor
    scale: Tensor
    mean: Tensor
    context: Tensor


class StepVisitor(Protocol):
    """What is done with the symbols of one coding step: estimated, written or read."""

    def __call__(self, step: int, mask: Tensor, scale: Tensor, mean: Tensor) -> Tensor:
        """Return ``(symbol + mean) * mask`` in the units of `mean`."""
        ...


class Prior(nn.Module):
    """The decoder-side probability model, base of :class:`~napari_glc.networks.glc.GlcNetwork`.

    Made of leaf modules and additions only, so that
    :func:`~napari_glc.networks.fixed_point.to_fixed_point` can evaluate it exactly.
    """

    def __init__(self, config: GlcConfig) -> None:
        super().__init__()
        self.config = config
        n, expansion = config.channels, config.expansion
        if config.rate_conditioned_prior:
            self.q_prior = nn.Parameter(torch.ones(config.rate_points, n, 1, 1))
        self.z_vq = VectorQuantizer(config.hyper_codewords, n)
        self.hyper_dec = nn.Sequential(
            ResidualBlockUpsample(n, n), ResidualBlockUpsample(n, n), depth_conv_block(n, n, expansion)
        )
        self.y_prior_fusion = nn.Sequential(
            depth_conv_block(n, 2 * n, expansion), depth_conv_block(2 * n, 3 * n, expansion)
        )
        self.y_spatial_prior_reduction = nn.Conv2d(3 * n, n, 1)
        self.y_spatial_prior_adaptor_1 = depth_conv_block(2 * n, 2 * n, expansion)
        self.y_spatial_prior_adaptor_2 = depth_conv_block(2 * n, 2 * n, expansion)
        self.y_spatial_prior_adaptor_3 = depth_conv_block(2 * n, 2 * n, expansion)
        self.y_spatial_prior = nn.Sequential(
            *(depth_conv_block(2 * n, 2 * n, expansion) for _ in range(config.prior_blocks))
        )

    def parameters_from_features(self, features: Tensor) -> PriorParameters:
        """Fusion and reduction of the hyper decoder's features."""
        fused = self.y_prior_fusion(features)
        quant_step, scale, mean = fused.chunk(3, dim=1)
        return PriorParameters(quant_step, scale, mean, self.y_spatial_prior_reduction(fused))

    def code_steps(self, parameters: PriorParameters, visit: StepVisitor) -> Tensor:
        """Run the four coding steps; returns y_hat ``(B, N, H, W)`` before the quantisation step.

        The same loop serves training, encoding and decoding: `visit` estimates, writes or reads.
        """
        scale, mean = parameters.scale, parameters.mean
        y_hat = torch.zeros_like(mean)
        adaptors = (self.y_spatial_prior_adaptor_1, self.y_spatial_prior_adaptor_2, self.y_spatial_prior_adaptor_3)
        for step in range(STEPS):
            if step > 0:
                seen = torch.cat((y_hat, parameters.context), dim=1)
                scale, mean = self.y_spatial_prior(adaptors[step - 1](seen)).chunk(2, dim=1)
            mask = step_mask(step, *mean.shape[1:]).to(mean.device, mean.dtype)
            y_hat = y_hat + visit(step, mask, scale, mean)
        return y_hat
