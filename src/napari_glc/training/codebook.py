"""Codebook learning by exponential moving averages, with dead codewords brought back to life."""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks.vector_quantizer import VectorQuantizer

__all__ = ["COMMITMENT", "CodebookAverager", "flat_positions"]

COMMITMENT = 0.25
"""Weight of the distance from latents to their codewords in a loss: beta of VQ-VAE (van den Oord et al. 2017,
section 3.2), which VQGAN and GLC keep. The codewords follow by running means, so nothing else of that loss is left."""


def flat_positions(latent: Tensor) -> Tensor:
    """Latents ``(B, C, H, W)`` as a list ``(B * H * W, C)`` on the CPU, without gradient."""
    return latent.detach().permute(0, 2, 3, 1).reshape(-1, latent.shape[1]).cpu()


class CodebookAverager:
    """Moves every codeword to the running mean of the latents assigned to it.

    Parameters
    ----------
    quantizer
        The codebook to move.
    decay
        Of the running counts and sums.
    reset_below
        A codeword whose running share of the positions falls under this fraction of a uniform share is
        replaced by a latent of the current batch.
    """

    def __init__(self, quantizer: VectorQuantizer, decay: float = 0.99, reset_below: float = 0.05) -> None:
        self.quantizer, self.decay, self.reset_below = quantizer, decay, reset_below
        weight = quantizer.embedding.weight
        self.counts = torch.ones(weight.shape[0])
        self.sums = weight.detach().clone().float()
        self.ready = False

    def initialise(self, latents: Tensor, generator: torch.Generator) -> None:
        """Start from random latents ``(n, C)``."""
        pick = torch.randint(len(latents), (self.quantizer.size,), generator=generator)
        self.sums = latents[pick].clone()
        self.counts = torch.ones(self.quantizer.size)
        self._write()
        self.ready = True

    def update(self, latents: Tensor, indices: Tensor, generator: torch.Generator) -> None:
        """Absorb latents ``(n, C)`` and their indices ``(n,)``."""
        size = self.quantizer.size
        counts = torch.bincount(indices, minlength=size).float()
        sums = torch.zeros_like(self.sums).index_add_(0, indices, latents)
        self.counts.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        dead = self.counts < self.reset_below * float(self.counts.mean())
        revived = int(dead.sum())
        if revived:
            pick = torch.randint(len(latents), (revived,), generator=generator)
            self.counts[dead] = float(self.counts.mean())
            self.sums[dead] = latents[pick] * self.counts[dead].unsqueeze(1)
        self._write()

    def _write(self) -> None:
        with torch.no_grad():
            self.quantizer.embedding.weight.copy_(self.sums / self.counts.clamp_min(1e-6).unsqueeze(1))

    def perplexity(self) -> float:
        """Effective number of codewords in use."""
        share = self.counts / self.counts.sum()
        return float(torch.exp(-(share * (share + 1e-12).log()).sum()))

    def state_dict(self) -> dict[str, Tensor | bool]:
        """Everything a resumed training needs."""
        return {"counts": self.counts, "sums": self.sums, "ready": self.ready}

    def load_state_dict(self, state: dict[str, Tensor | bool]) -> None:
        """Restore :meth:`state_dict`."""
        self.counts, self.sums = torch.as_tensor(state["counts"]), torch.as_tensor(state["sums"])
        self.ready = bool(state["ready"])
