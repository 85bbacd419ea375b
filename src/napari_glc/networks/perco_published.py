"""All networks of PerCo (SD) (Careil et al., ICLR 2024, over Stable Diffusion 2.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .clip_text import ClipTextEncoder
from .kl_published import PublishedKlAutoencoder
from .perco_hyper import PublishedHyperEncoder
from .perco_published_config import PublishedPercoConfig
from .sd_unet import SdUnet

__all__ = ["PublishedPerco"]

BYTES = 256
"""Values of a byte: CLIP's tokens are these within a word, these at its end, then what two others make."""


class PublishedPerco(nn.Module):
    """Autoencoder, hyper-encoder, text encoder and denoiser.

    Attributes
    ----------
    merges
        The pairs of tokens that make a token, the most frequent first: what :mod:`napari_glc.codecs.perco.byte_pairs`
        splits captions with. ``(vocabulary - 514, 2)``, integers.
    """

    merges: Tensor

    def __init__(self, config: PublishedPercoConfig) -> None:
        super().__init__()
        self.config = config
        self.autoencoder = PublishedKlAutoencoder(config.autoencoder)
        self.hyper_encoder = PublishedHyperEncoder(config)
        self.text_encoder = ClipTextEncoder(config)
        self.unet = SdUnet(config)
        self.register_buffer("merges", torch.zeros(config.vocabulary - 2 * BYTES - 2, 2))
