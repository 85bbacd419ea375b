"""The autoencoder of latent diffusion as published: Stable Diffusion, its inpainting variant, SDXL.

Rombach et al. 2022, section 4.1 and appendix G (``AutoencoderKL``, f = 8, four channels). The blocks are those of
:mod:`.vqgan` in the same order, but attention is in the middle only, over the whole latent::

    3 x H x W -> conv -> [res res down] x levels -> res attention res -> norm -> conv -> 1x1 -> mean, log variance
    C x h x w -> 1x1 -> conv -> res attention res -> [res res res up] x levels -> norm -> conv -> 3 x 8 h x 8 w

Both published ways to name its tensors lead here; see :mod:`napari_glc.networks.kl_checkpoints`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .attention import PatchAttention
from .kl_config import KlConfig
from .vqgan import Downsample, ResBlock, Upsample, group_norm

__all__ = ["PublishedKlAutoencoder"]

_LOG_VARIANCE = (-30.0, 20.0)


def _middle(width: int) -> list[nn.Module]:
    return [ResBlock(width, width), PatchAttention(width, 0), ResBlock(width, width)]


class _Ends(nn.Module):
    """Blocks one after the other; the activation after the last normalisation has no tensors and no number."""

    blocks: nn.ModuleList

    def forward(self, x: Tensor) -> Tensor:
        *blocks, norm, last = self.blocks
        for block in blocks:
            x = block(x)
        out: Tensor = last(F.silu(norm(x)))
        return out


class _Encoder(_Ends):
    """Picture ``(B, 3, H, W)`` to moments ``(B, 2 C, H/f, W/f)``."""

    def __init__(self, config: KlConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in config.multipliers]
        current = config.channels
        blocks: list[nn.Module] = [nn.Conv2d(3, current, 3, padding=1)]
        for level, width in enumerate(widths):
            for _ in range(config.blocks):
                blocks.append(ResBlock(current, width))
                current = width
            if level < len(widths) - 1:
                blocks.append(Downsample(current))
        blocks += [*_middle(current), group_norm(current), nn.Conv2d(current, 2 * config.latent_channels, 3, padding=1)]
        self.blocks = nn.ModuleList(blocks)


class _Generator(_Ends):
    """Latent ``(B, C, h, w)`` to picture ``(B, 3, f h, f w)``."""

    def __init__(self, config: KlConfig) -> None:
        super().__init__()
        widths = [config.channels * m for m in config.multipliers]
        current = widths[-1]
        blocks: list[nn.Module] = [nn.Conv2d(config.latent_channels, current, 3, padding=1), *_middle(current)]
        for level in reversed(range(len(widths))):
            for _ in range(config.blocks + 1):
                blocks.append(ResBlock(current, widths[level]))
                current = widths[level]
            if level > 0:
                blocks.append(Upsample(current))
        blocks += [group_norm(current), nn.Conv2d(current, 3, 3, padding=1)]
        self.blocks = nn.ModuleList(blocks)


class PublishedKlAutoencoder(nn.Module):
    """Encoder and generator with the same verbs as :class:`~napari_glc.networks.kl.KlAutoencoder`.

    Parameters
    ----------
    config
        Of kind ``published``.
    """

    def __init__(self, config: KlConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _Encoder(config)
        self.generator = _Generator(config)
        latent = config.latent_channels
        self.quant_conv = nn.Conv2d(2 * latent, 2 * latent, 1) if config.quant_conv else None
        self.post_quant_conv = nn.Conv2d(latent, latent, 1) if config.quant_conv else None

    def moments(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the posterior, before scaling: ``(B, C, H/f, W/f)`` each.

        Parameters
        ----------
        picture
            ``(B, 3, H, W)`` in [-1, 1], sides multiples of f.
        """
        out: Tensor = self.encoder(picture)
        if self.quant_conv is not None:
            out = self.quant_conv(out)
        mean, log_variance = out.chunk(2, 1)
        return mean, log_variance.clamp(*_LOG_VARIANCE)

    def analyse(self, picture: Tensor) -> Tensor:
        """Latent of a picture: the scaled mean of the posterior, ``(B, C, H/f, W/f)``."""
        return self.moments(picture)[0] * self.config.scaling

    def generate(self, latent: Tensor) -> Tensor:
        """Picture ``(B, 3, f h, f w)``, nominally in [-1, 1], of a scaled latent ``(B, C, h, w)``."""
        raw = latent / self.config.scaling
        out: Tensor = self.generator(raw if self.post_quant_conv is None else self.post_quant_conv(raw))
        return out
