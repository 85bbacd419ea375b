"""From pictures to the features of their patches, by three networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .._base.interruption import checkpoint, watch
from ..networks.inception import InceptionFeatures
from .feature_distance import FeatureDistance, picture_tensor, unit
from .patches import PatchGrid

__all__ = ["PatchFeatures", "darknet_features", "inception_features", "squeezenet_features"]

PatchFeatures = Callable[[NDArray[np.uint8], PatchGrid], NDArray[np.float32]]
"""From a picture ``(Y, X)`` or ``(Y, X, 3)`` to features ``(patches, d)`` of its patches."""

_PIXELS_AT_ONCE = 1 << 19


def inception_features(weights: Mapping[str, Tensor], device: str = "cpu") -> PatchFeatures:
    """The 2048 features of Inception that FID and KID are about.

    Parameters
    ----------
    weights
        Of :class:`napari_glc.networks.inception.InceptionFeatures`.
    device
        Where it runs.
    """
    network = InceptionFeatures()
    network.load_state_dict(weights)
    return _of_cut_patches(network, lambda patches: network((patches + 1) * 127.5), device)


def squeezenet_features(device: str = "cpu") -> PatchFeatures:
    """The 832 means over a patch of the channels of the SqueezeNet that comes with the package, after four layers.

    As in the distance of pairs, each position is normalised over its channels first, here to a mean square of one:
    otherwise a few strong channels would be all that counts.
    """
    distance = FeatureDistance("squeezenet")

    def means(patches: Tensor) -> Tensor:
        features = distance.features(patches)[: distance.taps]
        return torch.cat([unit(each).mean((2, 3)) * each.shape[1] ** 0.5 for each in features], 1)

    return _of_cut_patches(distance, means, device)


def darknet_features(folder: Path, device: str = "cpu") -> PatchFeatures:
    """The 496 means over a patch of the channels of the Darknet reference network, after five layers.

    The network sees each picture as a whole, and its features are averaged over the patches.

    Parameters
    ----------
    folder
        Holds ``darknet_reference_conv1-5.npz``.
    device
        Where it runs.
    """
    network = FeatureDistance("darknet", folder).features.to(device)
    watch(network)

    @torch.inference_mode()
    def of_picture(pixels: NDArray[np.uint8], grid: PatchGrid) -> NDArray[np.float32]:
        found = []
        for offset in grid.offsets:
            whole = pixels[offset:, offset:]
            height, width = (side - side % grid.size for side in whole.shape[:2])
            if height and width:
                features = network(picture_tensor(whole[:height, :width]).to(device))
                # the resolution of each layer is half that of the one before
                pooled = [F.avg_pool2d(each, grid.size >> layer) for layer, each in enumerate(features)]
                found.append(torch.cat([each.flatten(2)[0].T for each in pooled], 1))
        return _array(found)

    return of_picture


def _of_cut_patches(network: nn.Module, look: Callable[[Tensor], Tensor], device: str) -> PatchFeatures:
    """Features of patches that are cut out and looked at for themselves, some at a time."""
    watch(network.to(device))

    @torch.inference_mode()
    def of_picture(pixels: NDArray[np.uint8], grid: PatchGrid) -> NDArray[np.float32]:
        patches = [picture_tensor(patch) for patch in grid.cut(pixels)]
        at_once = max(1, _PIXELS_AT_ONCE // grid.size**2)
        found = []
        for start in range(0, len(patches), at_once):
            checkpoint()
            found.append(look(torch.cat(patches[start : start + at_once]).to(device)))
        return _array(found)

    return of_picture


def _array(found: list[Tensor]) -> NDArray[np.float32]:
    if not found:
        return np.zeros((0, 0), np.float32)
    features: NDArray[np.float32] = torch.cat(found).float().cpu().numpy()
    return features
