"""LPIPS and DISTS: distances of features that were weighed by what people see.

Both are small and their networks other people's, so that only the weighing is written here; torchmetrics, piq and
lpips have it too, but need torchvision, which must fit PyTorch to the minor version. Parity with them is tested.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..networks.backbones import BACKBONES, L2Pool, vgg16

__all__ = ["DISTS_WIDTHS", "Dists", "Lpips"]

SMALLEST_SIDE = 32
"""Below it some of the networks have no pixel left."""
DISTS_WIDTHS = (3, 64, 128, 256, 512, 512)
"""Channels that DISTS weighs: the picture's and those of five layers of VGG."""


class Lpips(nn.Module):
    """Learned perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018).

    Parameters
    ----------
    net
        ``"alex"``, ``"vgg"`` or ``"squeeze"``.
    backbone
        Weights of that network, by the keys of :mod:`napari_glc.networks.backbones`.
    heads
        ``lin0``, ``lin1`` ...: how much each channel counts, ``(1, C, 1, 1)``.
    """

    smallest_side = SMALLEST_SIDE
    shift: Tensor
    scale: Tensor

    def __init__(self, net: str, backbone: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.net = BACKBONES[net]()
        self.net.load_state_dict(backbone)
        self.heads = nn.ParameterList([heads[f"lin{layer}"] for layer in range(len(self.net.taps))])
        # ImageNet's mean and deviation, for pictures in [-1, 1]
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance of each pair of pictures ``(B, 3, H, W)`` in [-1, 1]: shape ``(B,)``; 0 is identical."""
        first, second = (self.net((picture - self.shift) / self.scale) for picture in (a, b))
        layers = [
            ((_unit(f) - _unit(g)).square() * head).sum(1).mean((1, 2))
            for f, g, head in zip(first, second, self.heads, strict=True)
        ]
        return torch.stack(layers).sum(0)


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


class Dists(nn.Module):
    """Deep image structure and texture similarity (Ding et al., TPAMI 2020).

    Parameters
    ----------
    backbone
        Weights of VGG with 16 layers, by the keys of :mod:`napari_glc.networks.backbones`.
    weights
        ``alpha`` and ``beta``: how much the texture and the structure of each channel count, ``(1, 1475, 1, 1)``.
    """

    smallest_side = SMALLEST_SIDE
    mean: Tensor
    deviation: Tensor

    def __init__(self, backbone: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.net = vgg16(pool=L2Pool)
        self.net.load_state_dict(backbone)
        total = weights["alpha"].sum() + weights["beta"].sum()
        self.alpha, self.beta = (
            nn.ParameterList((weights[name] / total).flatten().split(DISTS_WIDTHS)) for name in ("alpha", "beta")
        )
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance of each pair of pictures ``(B, 3, H, W)`` in [-1, 1]: shape ``(B,)``; 0 is identical."""
        first, second = (self._features(picture.add(1).div(2)) for picture in (a, b))
        likeness = torch.zeros(len(a), device=a.device)
        for f, g, alpha, beta in zip(first, second, self.alpha, self.beta, strict=True):
            # centred first: differences of large squares would cost digits
            mean_f, mean_g = (each.mean((2, 3), keepdim=True) for each in (f, g))
            apart_f, apart_g = f - mean_f, g - mean_g
            variances = apart_f.square().mean((2, 3)) + apart_g.square().mean((2, 3))
            structure = (2 * (apart_f * apart_g).mean((2, 3)) + 1e-6) / (variances + 1e-6)
            mean_f, mean_g = mean_f.flatten(1), mean_g.flatten(1)
            texture = (2 * mean_f * mean_g + 1e-6) / (mean_f.square() + mean_g.square() + 1e-6)
            likeness = likeness + (alpha * texture + beta * structure).sum(1)
        return 1 - likeness

    def _features(self, x: Tensor) -> list[Tensor]:
        return [x, *self.net((x - self.mean) / self.deviation)]
