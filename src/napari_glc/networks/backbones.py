"""The convolutions of three ImageNet classifiers, by whose features distances between pictures are measured.

Keys are torchvision's: AlexNet ("one weird trick"), VGG with 16 layers, SqueezeNet 1.1. What follows the last layer
anybody looks at is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["BACKBONES", "Backbone", "L2Pool", "alexnet", "squeezenet", "vgg16"]


class Backbone(nn.Module):
    """Layers one after the other, of which some are looked at.

    Parameters
    ----------
    layers
        By their place in torchvision's ``features``.
    taps
        Places behind which the features are looked at.
    widths
        Channels there.
    """

    def __init__(self, layers: Mapping[int, nn.Module], taps: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        self.features = nn.ModuleDict({str(place): layer for place, layer in layers.items()})
        self.taps = tuple(taps)
        self.widths = tuple(widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Feature maps of pictures ``(B, 3, H, W)``, in the range the weights were made for."""
        found = []
        for place, layer in self.features.items():
            x = layer(x)
            if int(place) in self.taps:
                found.append(x)
        return found


class L2Pool(nn.Module):
    """Root of the mean square under a 3 x 3 Hann window, at every second pixel: DISTS' instead of the maximum."""

    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        side = torch.hann_window(5, periodic=False)[1:-1]
        window = side[:, None] * side[None, :]
        self.register_buffer("window", window / window.sum(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """From ``(B, C, H, W)`` to half the height and width, rounded up."""
        kernel = self.window.expand(x.shape[1], 1, -1, -1)
        return (F.conv2d(x.square(), kernel, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


class _Fire(nn.Module):
    """SqueezeNet's block."""

    def __init__(self, into: int, squeezed: int, wide: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(into, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, wide, 1)
        self.expand3x3 = nn.Conv2d(squeezed, wide, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.squeeze(x))
        return F.relu_(torch.cat([self.expand1x1(x), self.expand3x3(x)], 1))


def alexnet() -> Backbone:
    """AlexNet behind each of its five activations."""
    layers: dict[int, nn.Module] = {0: nn.Conv2d(3, 64, 11, 4, 2), 2: nn.MaxPool2d(3, 2)}
    layers |= {3: nn.Conv2d(64, 192, 5, padding=2), 5: nn.MaxPool2d(3, 2)}
    layers |= {6: nn.Conv2d(192, 384, 3, padding=1)}
    layers |= {8: nn.Conv2d(384, 256, 3, padding=1), 10: nn.Conv2d(256, 256, 3, padding=1)}
    activations = (1, 4, 7, 9, 11)
    layers |= {place: nn.ReLU(inplace=True) for place in activations}
    return Backbone(dict(sorted(layers.items())), activations, (64, 192, 384, 256, 256))


def vgg16(pool: Callable[[], nn.Module] | None = None) -> Backbone:
    """VGG with 16 layers behind the last activation of each of its five resolutions.

    Parameters
    ----------
    pool
        Makes what halves the resolution; ``None`` for the published maximum of 2 x 2.
    """
    layers: dict[int, nn.Module] = {}
    taps, into = [], 3
    for width, convolutions in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        if layers:
            layers[len(layers)] = nn.MaxPool2d(2) if pool is None else pool()
        for _ in range(convolutions):
            layers[len(layers)] = nn.Conv2d(into, width, 3, padding=1)
            layers[len(layers)] = nn.ReLU(inplace=True)
            into = width
        taps.append(len(layers) - 1)
    return Backbone(layers, taps, (64, 128, 256, 512, 512))


def squeezenet() -> Backbone:
    """SqueezeNet 1.1 behind seven of its layers."""
    layers: dict[int, nn.Module] = {0: nn.Conv2d(3, 64, 3, 2), 1: nn.ReLU(inplace=True)}
    layers |= {place: nn.MaxPool2d(3, 2, ceil_mode=True) for place in (2, 5, 8)}
    layers |= {3: _Fire(64, 16, 64), 4: _Fire(128, 16, 64), 6: _Fire(128, 32, 128), 7: _Fire(256, 32, 128)}
    layers |= {9: _Fire(256, 48, 192), 10: _Fire(384, 48, 192), 11: _Fire(384, 64, 256), 12: _Fire(512, 64, 256)}
    return Backbone(dict(sorted(layers.items())), (1, 4, 7, 9, 10, 11, 12), (64, 128, 256, 384, 384, 512, 512))


BACKBONES: Mapping[str, Callable[[], Backbone]] = {"alex": alexnet, "vgg": vgg16, "squeeze": squeezenet}
"""By the names LPIPS has for them."""
