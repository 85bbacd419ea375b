"""How far textures are from those of the original, wherever exactly their strokes lie.

Wasserstein distortion (Qiu et al. 2023, *Wasserstein distortion: unifying fidelity and realism*, section 3): features
near a place are taken for samples of a distribution, and the distributions of two pictures are compared by means and
deviations. How near is said by a deviation sigma in pixels: at zero it is a squared error, the larger it is, the more
freely a texture may be painted anew.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["texture_distance"]

_LEAST_DEVIATION = 1e-2
"""Of a channel, in units of its layer's: below it, deviations are as good as none."""


def texture_distance(got: list[Tensor], wanted: list[Tensor], sigma: Tensor) -> Tensor:
    """Squared Wasserstein distance of feature maps, in shares of what the wanted ones deviate; mean over the layers.

    Local means and deviations are those of the levels of a binomial pyramid; a sigma between two levels is
    interpolated from both.

    Parameters
    ----------
    got, wanted
        Feature maps ``(B, C, H / s, W / s)``, the finest first; the first may be the pictures themselves.
    sigma
        Pixels, ``(B,)``: pixels of the first map.

    Returns
    -------
    Tensor
        ``(B,)``.
    """
    finest = wanted[0].shape[-1]
    layers = []
    for mine, its in zip(got, wanted, strict=True):
        stride = round(finest / its.shape[-1])
        layers.append(_of_layer(mine.float(), its.float(), (sigma / stride).clamp_min(1).log2()))
    return torch.stack(layers).mean(0)


def _of_layer(got: Tensor, wanted: Tensor, level: Tensor) -> Tensor:
    """The distance of one layer; `level` is the base-2 logarithm of sigma in its positions."""
    scale = wanted.var((0, 2, 3)).mean().add(1e-8).rsqrt()
    got, wanted = got * scale, wanted * scale
    moments = [torch.cat([x, x.square()], 1) for x in (got, wanted)]
    found = torch.zeros_like(level)
    for number in range(int(level.max().ceil()) + 1):
        share = (1 - (level - number).abs()).clamp_min(0)
        if bool((share > 0).any()):
            found = found + share * _of_level(*moments)
        if min(moments[0].shape[-2:]) < 4:
            break
        moments = [_halved(m) for m in moments]
    return found


def _of_level(got: Tensor, wanted: Tensor) -> Tensor:
    mine, its = got.chunk(2, 1), wanted.chunk(2, 1)
    deviations = [(square - mean.square()).clamp_min(0).add(_LEAST_DEVIATION**2).sqrt() for mean, square in (mine, its)]
    error = (mine[0] - its[0]).square() + (deviations[0] - deviations[1]).square()
    return error.mean((1, 2, 3))


def _halved(x: Tensor) -> Tensor:
    """Blurred by [1 2 1] / 4 both ways, every second position."""
    x = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 2, 1)
    return F.avg_pool2d(x, 2, 1)[..., ::2, ::2]
