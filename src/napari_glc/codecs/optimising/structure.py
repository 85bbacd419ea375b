"""One minus MS-SSIM (Wang et al. 2003) against a fixed reference, weighted over the picture and differentiable.

What depends on the reference alone is computed once. The finest scale is left out: its exponent is 0.04, and it takes
three quarters of the time. Scales for whose window a small picture has no room are left out as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Structure"]

_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2
_SKIPPED = 1


@dataclass(frozen=True)
class _Scale:
    exponent: float
    picture: Tensor
    mean: Tensor
    variance: Tensor
    weights: Tensor


class Structure:
    """Structural difference to one picture.

    Parameters
    ----------
    picture
        The reference ``(1, 3, H, W)`` in [-1, 1].
    weights
        Weight of each pixel, ``(1, 1, H, W)``.
    """

    def __init__(self, picture: Tensor, weights: Tensor) -> None:
        offsets = torch.arange(_WINDOW, dtype=torch.float32, device=picture.device) - _WINDOW // 2
        taps = torch.exp(-offsets.square() / (2 * _SIGMA**2))
        self.taps = (taps / taps.sum()).view(1, 1, _WINDOW, 1)
        self.scales: list[_Scale | None] = []
        x = _in_unit_range(picture)
        for level, exponent in enumerate(_EXPONENTS):
            x, weights = (x, weights) if level == 0 else (_halved(x), _halved(weights))
            if min(x.shape[2:]) < _WINDOW:
                break
            border = _WINDOW // 2
            inner = weights[..., border : weights.shape[2] - border, border : weights.shape[3] - border]
            total = float(inner.sum())
            if level < _SKIPPED or total == 0:
                self.scales.append(None)
                continue
            mean = self._blurred(x)
            self.scales.append(_Scale(exponent, x, mean, self._blurred(x * x) - mean * mean, inner / total))
        whole = sum(scale.exponent for scale in self.scales if scale is not None)
        self.missing = 1 / whole if whole else 0.0

    def __call__(self, picture: Tensor) -> Tensor:
        """Difference ``()`` of a picture like the reference: 0 is identical."""
        x = _in_unit_range(picture)
        logarithm = x.new_zeros(x.shape[:2])
        for level, scale in enumerate(self.scales):
            x = x if level == 0 else _halved(x)
            if scale is None:
                continue
            mean, square, product = self._blurred(torch.cat((x, x * x, x * scale.picture), 1)).chunk(3, 1)
            variance, covariance = square - mean * mean, product - mean * scale.mean
            similarity = (2 * covariance + _CONTRAST) / (variance + scale.variance + _CONTRAST)
            if level + 1 == len(_EXPONENTS):
                luminance = (2 * mean * scale.mean + _LUMINANCE) / (mean * mean + scale.mean**2 + _LUMINANCE)
                similarity = similarity * luminance
            values = (similarity * scale.weights).sum((2, 3))
            logarithm = logarithm + scale.exponent * torch.log(F.relu(values) + 1e-6)
        return (1 - torch.exp(logarithm * self.missing)).mean()

    def _blurred(self, x: Tensor) -> Tensor:
        taps = self.taps.expand(x.shape[1], -1, -1, -1)
        down = F.conv2d(x, taps, groups=x.shape[1])
        return F.conv2d(down, taps.transpose(2, 3), groups=x.shape[1])


def _in_unit_range(picture: Tensor) -> Tensor:
    return picture.float().add(1).mul(0.5).contiguous()


def _halved(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2, padding=(x.shape[2] % 2, x.shape[3] % 2))
