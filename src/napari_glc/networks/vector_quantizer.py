"""Nearest-codeword quantisation of a latent."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["VectorQuantizer", "cluster_codebook"]


class VectorQuantizer(nn.Module):
    """A codebook and its two lookups.

    The nearest codeword is the encoder's choice alone: the index is what a stream carries, so ties and
    the last bits of the distance never matter to a decoder.

    Parameters
    ----------
    size
        Number of codewords.
    channels
        Length of a codeword.
    """

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, channels)
        nn.init.uniform_(self.embedding.weight, -1.0 / size, 1.0 / size)

    @property
    def size(self) -> int:
        """Number of codewords."""
        return int(self.embedding.weight.shape[0])

    def indices(self, latent: Tensor) -> Tensor:
        """Index of the nearest codeword (L2) at every position.

        Parameters
        ----------
        latent
            Float tensor ``(B, C, H, W)``.

        Returns
        -------
        Tensor
            Int64 tensor ``(B, H, W)``.
        """
        batch, channels, height, width = latent.shape
        codebook = self.embedding.weight.float()
        flat = latent.detach().float().permute(0, 2, 3, 1).reshape(-1, channels)
        # |x|^2 is the same for all codewords, so the expanded distance leaves it out
        distance = torch.addmm(codebook.square().sum(1), flat, codebook.t(), alpha=-2.0)
        return distance.argmin(1).reshape(batch, height, width)

    def lookup(self, indices: Tensor) -> Tensor:
        """Codewords ``(B, C, H, W)`` of an index map ``(B, H, W)``."""
        codewords: Tensor = self.embedding(indices)
        return codewords.permute(0, 3, 1, 2)


def cluster_codebook(codewords: Tensor, size: int, *, seed: int = 0) -> Tensor:
    """A smaller codebook by K-means of a larger one (Mao et al., section 3.2).

    Plain Euclidean K-means of the codewords, first centroids drawn from them; each new codeword is the mean of a
    cluster. The codewords are ordered along their first principal axis, so close indices are similar codewords.

    Parameters
    ----------
    codewords
        Float tensor ``(M, C)``.
    size
        Number of centroids. If there are no more different codewords than that, the codewords themselves, repeated.
    seed
        Of the first centroids.

    Returns
    -------
    Tensor
        Float32 ``(size, C)``.
    """
    from scipy.cluster.vq import kmeans2

    points = np.unique(codewords.detach().cpu().double().numpy(), axis=0)
    if len(points) <= size:
        # a codebook that has hardly been trained holds many equal codewords
        centroids = np.resize(points, (size, points.shape[1]))
    else:
        with warnings.catch_warnings():
            # an empty cluster keeps the codeword it began with
            warnings.filterwarnings("ignore", "One of the clusters is empty")
            centroids, _ = kmeans2(points, size, iter=50, minit="points", seed=seed)
    clustered = torch.from_numpy(centroids).float()
    axis = torch.linalg.svd(clustered - clustered.mean(0), full_matrices=False).Vh[0]
    return clustered[(clustered @ axis).argsort()]
