"""One minus MS-SSIM (Wang et al. 2003) against a fixed reference, weighted over the picture and differentiable.

What depends on the reference alone is computed once. The finest scale is left out: its exponent is 0.04, and it takes
three quarters of the time. Of the scale after it, windows are taken in every second row and column, a third of the
time: their weights reach 5 pixels. Scales for whose window a small picture has no room are left out as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Structure"]

_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2
_SKIPPED = 1
_SPARSE = 1
"""The scale of which every second window is taken."""


@dataclass(frozen=True)
class _Scale:
    exponent: float
    step: int
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
            step = 1 + (level == _SPARSE)
            inner = weights[..., border : weights.shape[2] - border : step, border : weights.shape[3] - border : step]
            total = float(inner.sum())
            if level < _SKIPPED or total == 0:
                self.scales.append(None)
                continue
            mean = self._blurred(x, step)
            variance = self._blurred(x * x, step) - mean * mean
            self.scales.append(_Scale(exponent, step, x, mean, variance, inner / total))
        whole = sum(scale.exponent for scale in self.scales if scale is not None)
        self.missing = 1 / whole if whole else 0.0
        self._slopes: list[Tensor] = []

    def __call__(self, picture: Tensor) -> Tensor:
        """Difference ``()`` of a picture like the reference: 0 is identical."""
        logarithm = picture.new_zeros(picture.shape[:2], dtype=torch.float32)
        for scale, values in self._similarities(picture):
            logarithm = logarithm + scale.exponent * torch.log(F.relu(values.sum((2, 3))) + 1e-6)
        return (1 - torch.exp(logarithm * self.missing)).mean()

    @torch.no_grad()
    def maps(self, picture: Tensor) -> list[Tensor]:
        """Maps ``(1, 1, h, w)``, one a scale, whose sums change as the difference does, near the first picture seen."""
        found = list(self._similarities(picture))
        sums = [values.sum((2, 3), keepdim=True).clamp_min(1e-3) for _, values in found]
        if not self._slopes:
            logarithm = sum(scale.exponent * total.log() for (scale, _), total in zip(found, sums, strict=True))
            whole = torch.exp(torch.as_tensor(logarithm) * self.missing) * self.missing
            self._slopes = [whole * scale.exponent / total for (scale, _), total in zip(found, sums, strict=True)]
        border = _WINDOW // 2
        maps = [-(values * slope).mean(1, keepdim=True) for (_, values), slope in zip(found, self._slopes, strict=True)]
        return [F.pad(values, [border // scale.step] * 4) for values, (scale, _) in zip(maps, found, strict=True)]

    def _similarities(self, picture: Tensor) -> Iterator[tuple[_Scale, Tensor]]:
        """Similarities at each scale, weighted ``(1, 3, h, w)``."""
        x = _in_unit_range(picture)
        for level, scale in enumerate(self.scales):
            x = x if level == 0 else _halved(x)
            if scale is None:
                continue
            together = torch.cat((x, x * x, x * scale.picture), 1)
            mean, square, product = self._blurred(together, scale.step).chunk(3, 1)
            variance, covariance = square - mean * mean, product - mean * scale.mean
            similarity = (2 * covariance + _CONTRAST) / (variance + scale.variance + _CONTRAST)
            if level + 1 == len(_EXPONENTS):
                luminance = (2 * mean * scale.mean + _LUMINANCE) / (mean * mean + scale.mean**2 + _LUMINANCE)
                similarity = similarity * luminance
            yield scale, similarity * scale.weights

    def _blurred(self, x: Tensor, step: int) -> Tensor:
        taps = self.taps.expand(x.shape[1], -1, -1, -1)
        down = F.conv2d(x, taps, stride=(step, 1), groups=x.shape[1])
        return F.conv2d(down, taps.transpose(2, 3), stride=(1, step), groups=x.shape[1])


def _in_unit_range(picture: Tensor) -> Tensor:
    return picture.float().add(1).mul(0.5).contiguous()


def _halved(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2, padding=(x.shape[2] % 2, x.shape[3] % 2))
