"""Perceptual distances in the feature space of two small ImageNet networks.

Both compare unit-normalised feature vectors layer by layer, as LPIPS does, but without learned weights per
channel: these are not the networks LPIPS or DISTS were fitted to, so the distances bear their own names.

``squeezenet``
    SqueezeNet 1.1 after conv1, fire3, fire5 and fire7. Used in training (there with fire9 as well) and by the encoder's
    effort. Its weights come with the package.
``darknet``
    The first five convolutions of the Darknet reference network. Never used in training, so it tells
    whether a gain in the other one is real.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import Tensor, nn

from .._base.interruption import watch
from .fidelity import check_shapes

__all__ = [
    "DarknetFeatures",
    "FeatureDistance",
    "SqueezeNetFeatures",
    "distance_of_arrays",
    "picture_tensor",
    "sum_of_layers",
    "unit",
]

_FILES = {"squeezenet": "squeezenet_v1.1.npz", "darknet": "darknet_reference_conv1-5.npz"}
_EMBEDDED = Path(__file__).parent / "weights" / "squeezenet_v1.1.safetensors"
_MEANS = (104.0, 117.0, 123.0)
"""Of blue, green and red, in the pictures SqueezeNet was trained with."""
_TAPS = {"squeezenet": 4, "darknet": 5}
_REMEMBERED = 1 << 19
"""Pixels of the largest picture of which features are kept: some 60 MB."""


class SqueezeNetFeatures(nn.Module):
    """Five feature maps of SqueezeNet 1.1, at 1/2, 1/4, 1/8, 1/16 and 1/16 of the resolution.

    Parameters
    ----------
    path
        ``squeezenet_v1.1.npz`` or ``.safetensors``: ``conv1.weight``, ``fire2.squeeze1x1.weight`` ... in OIHW order.
    """

    conv1_weight: Tensor
    conv1_bias: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        arrays = load_file(path) if path.suffix == ".safetensors" else np.load(path, allow_pickle=False)
        self.names = [n.rsplit(".", 1)[0] for n in arrays if n.endswith(".weight") and n != "conv10.weight"]
        for name in self.names:
            for leaf in ("weight", "bias"):
                value = torch.from_numpy(np.array(arrays[f"{name}.{leaf}"], np.float32))
                if value.ndim == 4:
                    value = value.contiguous(memory_format=torch.channels_last)
                self.register_buffer(self._key(name, leaf), value, persistent=False)
        self._take_pictures()

    def _take_pictures(self) -> None:
        """Let the first layer take RGB in [-1, 1] where it was made for BGR in 0 to 255 less a mean."""
        weight, bias = self.conv1_weight, self.conv1_bias
        grey = 127.5 - torch.tensor(_MEANS).view(1, 3, 1, 1)
        bias += (weight * grey).sum((1, 2, 3))
        weight.copy_((weight * 127.5).flip(1))

    @staticmethod
    def _key(name: str, leaf: str) -> str:
        return f"{name}_{leaf}".replace(".", "_")

    def _conv(self, x: Tensor, name: str, **options: int) -> Tensor:
        weight, bias = getattr(self, self._key(name, "weight")), getattr(self, self._key(name, "bias"))
        return F.relu_(F.conv2d(x, weight, bias, **options))

    def _fire(self, x: Tensor, name: str) -> Tensor:
        squeezed = self._conv(x, f"{name}.squeeze1x1")
        wide = self._conv(squeezed, f"{name}.expand1x1"), self._conv(squeezed, f"{name}.expand3x3", padding=1)
        return torch.cat(wide, dim=1)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Feature maps of ``(B, 3, H, W)`` RGB pictures in [-1, 1]."""
        features = [self._conv(picture, "conv1", stride=2)]
        for fire, pooled in ((2, True), (4, True), (6, True), (8, False)):
            x = F.max_pool2d(features[-1], 3, 2, ceil_mode=True) if pooled else features[-1]
            features.append(self._fire(self._fire(x, f"fire{fire}"), f"fire{fire + 1}"))
        return features


class DarknetFeatures(nn.Module):
    """Five feature maps of the Darknet reference network, at 1/1 to 1/16 of the resolution.

    Parameters
    ----------
    path
        ``darknet_reference_conv1-5.npz``: HWIO kernels and batch-normalisation statistics.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        arrays = np.load(path, allow_pickle=False)
        self.layers = 5
        for layer in range(1, self.layers + 1):
            part = f"batch_normalization_{layer}"
            gain = arrays[f"{part}.gamma"] / np.sqrt(arrays[f"{part}.moving_variance"] + 1e-3)
            kernel = arrays[f"conv2d_{layer}.kernel"].transpose(3, 2, 0, 1) * gain[:, None, None, None]
            bias = arrays[f"{part}.beta"] - arrays[f"{part}.moving_mean"] * gain
            self.register_buffer(f"kernel{layer}", torch.from_numpy(kernel.astype(np.float32)), persistent=False)
            self.register_buffer(f"bias{layer}", torch.from_numpy(bias.astype(np.float32)), persistent=False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Feature maps of ``(B, 3, H, W)`` RGB pictures in [-1, 1]."""
        x = picture.add(1).mul(0.5)
        features: list[Tensor] = []
        for layer in range(1, self.layers + 1):
            if features:
                x = F.max_pool2d(features[-1], 2)
            x = F.conv2d(x, getattr(self, f"kernel{layer}"), getattr(self, f"bias{layer}"), padding=1)
            features.append(F.leaky_relu(x, 0.1))
        return features


def unit(features: Tensor) -> Tensor:
    """Features ``(B, C, H, W)``, at each position of length one over the channels."""
    features = features.float()
    return features * torch.rsqrt(features.square().sum(1, keepdim=True) + 1e-8)


class FeatureDistance(nn.Module):
    """Squared difference of unit-normalised features, averaged over positions, summed over layers.

    Parameters
    ----------
    name
        ``"squeezenet"`` or ``"darknet"``.
    folder
        Folder with the feature file of that network; ``None`` for the weights that come with the package, which are
        those of ``squeezenet``.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        super().__init__()
        path = _EMBEDDED if folder is None and name == "squeezenet" else Path(folder or "") / _FILES[name]
        self.features = SqueezeNetFeatures(path) if name == "squeezenet" else DarknetFeatures(path)
        self.taps = _TAPS[name]
        self.requires_grad_(False).eval()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance of each pair of pictures ``(B, 3, H, W)`` in [-1, 1]: shape ``(B,)``; 0 is identical."""
        return self.between(self.look(a), self.look(b))

    def look(self, picture: Tensor) -> list[Tensor]:
        """What :meth:`between` compares of pictures ``(B, 3, H, W)`` in [-1, 1]."""
        return [unit(layer) for layer in self.features(picture)[: self.taps]]

    @staticmethod
    def between(first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Distance ``(B,)`` of what :meth:`look` saw of two batches."""
        return torch.stack([(f - g).square().sum(1).mean((1, 2)) for f, g in zip(first, second, strict=True)]).sum(0)


def sum_of_layers(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """Distance ``(B,)`` of two lists of feature maps."""
    return FeatureDistance.between([unit(f) for f in first], [unit(g) for g in second])


def distance_of_arrays(
    distance: nn.Module, device: str = "cpu"
) -> Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]:
    """A distance as a function of two uint8 arrays ``(Y, X)`` or ``(Y, X, 3)``.

    Parameters
    ----------
    distance
        From two batches of pictures ``(B, 3, H, W)`` in [-1, 1] to numbers ``(B,)``: :class:`FeatureDistance`, or one
        of :mod:`.learned`. Of pictures below its ``smallest_side``, if it has one, the function gives NaN. Of a
        :class:`FeatureDistance` the function remembers what it saw of the last first picture, if that is no large
        one: an original is compared with many.
    device
        Where it is computed.

    Raises
    ------
    UnsupportedArrayError
        By that function, if the shapes differ.
    """
    smallest: int = getattr(distance, "smallest_side", 1)
    watch(distance.to(device))
    # one entry, replaced as a whole: several threads may ask
    last: list[tuple[NDArray[np.uint8], list[Tensor]]] = []

    def seen(distance: FeatureDistance, a: NDArray[np.uint8]) -> list[Tensor]:
        for picture, features in last[:]:
            if np.array_equal(picture, a):
                return features
        features = distance.look(picture_tensor(a).to(device))
        last[:] = [(a.copy(), features)] if a.shape[0] * a.shape[1] <= _REMEMBERED else []
        return features

    @torch.inference_mode()
    def of_pair(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
        check_shapes(a, b)
        if min(a.shape[:2]) < smallest:
            return math.nan
        decoded = picture_tensor(b).to(device)
        if isinstance(distance, FeatureDistance):
            return float(distance.between(seen(distance, a), distance.look(decoded)))
        return float(distance(picture_tensor(a).to(device), decoded))

    return of_pair


def picture_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """A picture ``(Y, X)`` or ``(Y, X, 3)`` as ``(1, 3, Y, X)`` in [-1, 1]."""
    rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=-1)
    return torch.from_numpy(rgb.astype(np.float32) / 127.5 - 1).permute(2, 0, 1).unsqueeze(0)
