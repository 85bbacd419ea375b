"""How far a decoded picture is from its original, as the training of the embedded model weighed it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ....metrics.feature_distance import SqueezeNetFeatures
from .features import Reference, layer_distance
from .structure import Structure

__all__ = ["Distortion", "fast_precision"]

_ABSOLUTE, _FEATURE, _STRUCTURE = 2.0, 1.0, 4.0
"""Weights of the mean absolute error, of the mean feature distance of a layer, and of one minus MS-SSIM."""
_LOOKED_AT = 4
"""Layers whose distances make up the distance ``squeezenet`` that is reported everywhere else."""


def fast_precision(device: torch.device) -> torch.autocast:
    """Bfloat16 where the machine computes with it, single precision elsewhere."""
    if device.type == "cuda":
        return torch.autocast("cuda", torch.bfloat16)
    native = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return torch.autocast("cpu", torch.bfloat16, enabled=native)


class Distortion:
    """Distance of pictures to one original.

    Parameters
    ----------
    original
        ``(1, 3, H, W)`` in [-1, 1].
    weights
        Weight of each pixel, ``(1, 1, H, W)``. A weight of 1 everywhere gives the mean; the distance is a sum over
        the picture divided by `pixels`, so where nothing weighs, nothing counts.
    pixels
        How many pixels the distance is the mean of.
    network
        The feature network.
    """

    def __init__(self, original: Tensor, weights: Tensor, pixels: int, network: SqueezeNetFeatures) -> None:
        self.original, self.network = original, network
        self.weights = weights / pixels
        self.structure = Structure(original, weights)
        self.structure_weight = _STRUCTURE * float(self.weights.sum())
        with torch.no_grad():
            maps = self._features(original)
        self.references = [Reference.of(features) for features in maps]
        height, width = original.shape[2:]
        self.layer_weights = []
        for features in maps:
            # as many pixels as there are, seen by as many positions as the layer has
            pooled = F.adaptive_avg_pool2d(self.weights, (features.shape[2], features.shape[3]))
            scale = height * width / (features.shape[2] * features.shape[3])
            self.layer_weights.append((pooled * scale).view(-1, 1))

    def _features(self, picture: Tensor) -> list[Tensor]:
        with fast_precision(picture.device):
            return self.network(picture)  # type: ignore[no-any-return]

    def __call__(self, restored: Tensor) -> tuple[Tensor, float]:
        """Distortion ``()`` of a picture ``(1, 3, H, W)`` in [-1, 1], and the distance of features in it."""
        restored = restored.float()
        absolute = ((restored - self.original).abs() * self.weights).sum() / 3
        layers = torch.stack(
            [
                layer_distance(features, reference, weights)
                for features, reference, weights in zip(
                    self._features(restored), self.references, self.layer_weights, strict=True
                )
            ]
        )
        distance = _ABSOLUTE * absolute + _FEATURE / len(layers) * layers.sum()
        look = float(layers[:_LOOKED_AT].detach().sum())
        return distance + self.structure_weight * self.structure(restored), look
