"""Index-map coding: a vector-quantised autoencoder with codebooks of several sizes, and its transformer.

Extreme Image Compression using Fine-tuned VQGANs (Mao et al., DCC 2024). Data flow of one plane::

    picture --encoder--> latent --nearest codeword--> index map --lookup--> latent_hat --generator--> picture
                                                          |
                                       transformer: p(index | indices before it)

The published system fine-tunes a whole network for every codebook size; here one encoder serves all sizes and
the generator is told the size by a learned bias.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .autoencoder import build_encoder, build_generator
from .config import VqganConfig
from .index_transformer import IndexTransformer, Vocabulary
from .vector_quantizer import VectorQuantizer

__all__ = ["IndexMapNetwork"]


class IndexMapNetwork(nn.Module):
    """All networks of one ``vqgan`` model.

    Parameters
    ----------
    config
        Sizes and variants; see :class:`~napari_glc.networks.config.VqganConfig`.
    """

    def __init__(self, config: VqganConfig) -> None:
        super().__init__()
        self.config = config
        inner = config.autoencoder
        self.encoder = build_encoder(inner)
        self.generator = build_generator(inner)
        self.codebooks = nn.ModuleList(VectorQuantizer(size, inner.latent_channels) for size in config.codebooks)
        if config.conditioned:
            shape = (len(config.codebooks), inner.decoder_depths[2], inner.widths[2])
            self.level_bias = nn.Parameter(torch.zeros(shape))
        self.transformer: IndexTransformer | None = None
        if config.transformer is not None:
            special = bool(config.transformer.reaches)
            self.transformer = IndexTransformer(config.transformer, Vocabulary(config.codebooks, special=special))

    def codebook(self, level: int) -> VectorQuantizer:
        """The codebook of a rate level, 0 the smallest."""
        codebook = self.codebooks[level]
        assert isinstance(codebook, VectorQuantizer)
        return codebook

    def analyse(self, picture: Tensor) -> Tensor:
        """Latent ``(B, C, H/f, W/f)`` of a picture ``(B, 3, H, W)`` in [-1, 1]."""
        out: Tensor = self.encoder(picture)
        return out

    def generate(self, latent: Tensor, level: Tensor | int, generator: nn.Module | None = None) -> Tensor:
        """Picture ``(B, 3, H*f, W*f)``, nominally in [-1, 1].

        Parameters
        ----------
        latent
            Codewords ``(B, C, H, W)``.
        level
            Rate level of the codebook they are from; one for all or one each.
        generator
            In the place of its own.
        """
        paint = self.generator if generator is None else generator
        if not self.config.conditioned:
            out: Tensor = paint(latent)
            return out
        levels = torch.as_tensor(level, device=latent.device).expand(len(latent))
        out = paint(latent, self.level_bias[levels])
        return out
