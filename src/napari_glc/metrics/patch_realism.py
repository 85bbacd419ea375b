"""How much like photographs patches of decoded pictures are, whatever they show.

The Fréchet distance (Dowson and Landau 1982; Heusel et al., NIPS 2017, for generative models) between normal
distributions fitted to features of patches: zero if decoded patches as a crowd are like original ones, whether or not
each is like its original. The features are the means over 64 x 64 pixels of all channels of the Darknet network
(:mod:`.feature_distance`), which no training used. They are not Inception's, so the distance bears its own name.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from .feature_distance import DarknetFeatures

__all__ = ["PATCH", "frechet_distance", "patch_features"]

PATCH = 64
"""Pixels a side."""


@torch.inference_mode()
def patch_features(network: DarknetFeatures, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Features of all patches of a picture.

    Parameters
    ----------
    network
        The features.
    pixels
        ``(H, W, 3)`` uint8; what lies beyond whole patches is left out.

    Returns
    -------
    ndarray
        ``(patches, 496)``.
    """
    height, width = (side - side % PATCH for side in pixels.shape[:2])
    scaled = torch.from_numpy(pixels[:height, :width].astype(np.float32) / 127.5 - 1)
    means = [
        F.avg_pool2d(feature, PATCH >> layer).flatten(2)[0].T
        for layer, feature in enumerate(network(scaled.permute(2, 0, 1).unsqueeze(0)))
    ]
    found: NDArray[np.float64] = torch.cat(means, 1).double().numpy()
    return found


def frechet_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Squared Fréchet distance between normal distributions fitted to two sets of features ``(n, d)``.

    Small sets overestimate it: compare only distances of sets of equal sizes.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(1).normal(size=(500, 3))
    >>> round(frechet_distance(points, points), 6), round(frechet_distance(points, points + 2), 6)
    (0.0, 12.0)
    """
    first, second = (np.cov(features, rowvar=False) for features in (one, other))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    shift = one.mean(0) - other.mean(0)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * common)
