"""How far a decoded picture is from its original, as the training of the embedded model weighed it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...container import Box
from ...imaging.planes import padded_crop
from ...metrics.feature_distance import FeatureDistance, SqueezeNetFeatures
from ...metrics.layer_distance import Reference, layer_distance, position_distances
from ...metrics.views import AS_IT_IS, View
from ...networks.narrow_floats import narrow_is_fast
from .structure import Structure

if TYPE_CHECKING:
    from ..base import Plane

__all__ = ["Distortion", "distortion_of", "fast_precision", "in_eight_bits"]

_ABSOLUTE, _FEATURE, _STRUCTURE = 2.0, 1.0, 4.0
"""Weights of the mean absolute error, of the mean feature distance of a layer, and of one minus MS-SSIM."""
_LOOKED_AT = 4
"""Layers whose distances make up the distance ``squeezenet`` that is reported everywhere else."""


def fast_precision(device: torch.device) -> torch.autocast:
    """Bfloat16 where the machine computes with it, single precision elsewhere."""
    kind = "cuda" if device.type == "cuda" else "cpu"
    return torch.autocast(kind, torch.bfloat16, enabled=narrow_is_fast(device))


def in_eight_bits(picture: Tensor) -> Tensor:
    """What a decoder shows of a picture in [-1, 1]: 256 steps of it, in [-1, 1] again."""
    return picture.add(1).mul(127.5).round().clamp(0, 255).div(127.5).sub(1)


@dataclass(frozen=True)
class _Target:
    """A feature map of the original, and the weights ``(positions, 1)`` of its positions."""

    reference: Reference
    weights: Tensor


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
        self._targets: dict[View, list[_Target]] = {}

    def _features(self, picture: Tensor) -> list[Tensor]:
        with fast_precision(picture.device):
            return self.network(picture)  # type: ignore[no-any-return]

    def _targets_in(self, view: View) -> list[_Target]:
        """What is compared with in a view, made when it is first looked at."""
        if view not in self._targets:
            weights = view.placed(self.weights)
            # what a shifted view leaves out counts as the rest does
            whole = float(self.weights.sum()) / max(float(weights.sum()), 1e-12)
            height, width = weights.shape[2:]
            found = []
            with torch.no_grad():
                for features in self._features(view(self.original)):
                    # as many pixels as there are, seen by as many positions as the layer has
                    pooled = F.adaptive_avg_pool2d(weights, (features.shape[2], features.shape[3]))
                    scale = whole * height * width / (features.shape[2] * features.shape[3])
                    found.append(_Target(Reference.of(features), (pooled * scale).reshape(-1, 1)))
            self._targets[view] = found
        return self._targets[view]

    def __call__(self, restored: Tensor, view: View = AS_IT_IS) -> tuple[Tensor, float]:
        """Distortion ``()`` of a picture ``(1, 3, H, W)`` in [-1, 1], and the distance of features in it.

        `view` is how the feature network looks at both pictures.
        """
        absolute = _absolute(restored, self.original, self.weights)
        targets = self._targets_in(view)
        layers = torch.stack(
            [
                layer_distance(features, target.reference, target.weights)
                for features, target in zip(self._features(view(restored)), targets, strict=True)
            ]
        )
        distance = _ABSOLUTE * absolute + _FEATURE / len(layers) * layers.sum()
        look = float(layers[:_LOOKED_AT].detach().sum())
        return distance + self.structure_weight * self.structure(restored), look

    @torch.no_grad()
    def cells(self, restored: Tensor, rows: int, columns: int) -> Tensor:
        """What the parts of a picture, cut into ``(rows, columns)``, add to its distortion.

        Only differences between pictures mean anything, for structure is a product over scales.
        """
        absolute = ((restored - self.original).abs() * self.weights).sum(1, keepdim=True) / 3
        total = _summed(absolute, rows, columns) * _ABSOLUTE
        for values in self.structure.maps(restored):
            total = total + _summed(values, rows, columns) * self.structure_weight
        targets = self._targets_in(AS_IT_IS)
        for features, target in zip(self._features(AS_IT_IS(restored)), targets, strict=True):
            found = position_distances(features, target.reference)
            weighted = found * target.weights.view_as(found)
            total = total + _summed(weighted[None, None], rows, columns) * _FEATURE / len(targets)
        return total


def _summed(values: Tensor, rows: int, columns: int) -> Tensor:
    """Sums of parts of a map ``(1, 1, H, W)``; positions between two parts count in both, and less in all."""
    share = values.shape[2] * values.shape[3] / (rows * columns)
    return F.adaptive_avg_pool2d(values, (rows, columns))[0, 0] * share


class _Absolute(torch.autograd.Function):
    """Weighted sum of absolute differences, a mean over colours; value and gradient in one go."""

    @staticmethod
    def forward(ctx: Any, restored: Tensor, original: Tensor, weights: Tensor) -> Tensor:
        difference = original - restored
        if ctx.needs_input_grad[0]:
            gradient = torch.sign(difference).mul_(weights / -3)
            ctx.gradient = gradient.to(restored.dtype)
        return difference.abs_().mul_(weights).sum() / 3

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.gradient * grad.to(ctx.gradient.dtype), None, None


def _absolute(restored: Tensor, original: Tensor, weights: Tensor) -> Tensor:
    total: Tensor = _Absolute.apply(restored, original, weights)  # type: ignore[no-untyped-call]
    return total


def distortion_of(
    plane: Plane,
    seen: Box,
    counted: Box,
    importance: NDArray[np.float32] | None,
    pixels: int,
    device: torch.device,
) -> Distortion:
    """The distortion of pictures of a part of a plane.

    Parameters
    ----------
    plane
        ``(H, W, 3)`` uint8.
    seen
        The part, in pixels; it may reach beyond the right and bottom border.
    counted
        What of it counts, within the plane.
    importance
        Weights of the plane's pixels, or ``None``.
    pixels
        See :class:`Distortion`.
    device
        Where it is computed.
    """
    weights = torch.zeros(1, 1, seen.height, seen.width)
    place = (..., *counted.relative_to(seen).slices)
    weights[place] = 1 if importance is None else torch.from_numpy(importance[counted.slices])
    original = torch.from_numpy(padded_crop(plane, seen).astype(np.float32)).permute(2, 0, 1).unsqueeze(0)
    original = original.div(127.5).sub(1).to(device, memory_format=torch.channels_last)
    return Distortion(original, weights.to(device), pixels, _network(str(device)))


@cache
def _network(device: str) -> SqueezeNetFeatures:
    network = FeatureDistance("squeezenet").features.to(device)
    assert isinstance(network, SqueezeNetFeatures)
    return network
