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

    Local means and deviations are those of squares of 1, 2, 4 ... positions; a sigma between two sizes is interpolated
    from both. Where the squares begin is drawn anew each time, so that none of their borders can be learned.

    Parameters
    ----------
    got, wanted
        Feature maps ``(B, C, H / s, W / s)``, the finest first; the first may be the pictures themselves.
    sigma
        Pixels, ``(B,)``: pixels of the first map. Half the side of a square.

    Returns
    -------
    Tensor
        ``(B,)``.
    """
    finest = wanted[0].shape[-1]
    layers = []
    for mine, its in zip(got, wanted, strict=True):
        stride = round(finest / its.shape[-1])
        layers.append(_of_layer(mine, its, (2 * sigma / stride).clamp_min(1).log2()))
    return torch.stack(layers).mean(0)


def _of_layer(got: Tensor, wanted: Tensor, level: Tensor) -> Tensor:
    """The distance of one layer; `level` is the base-2 logarithm of the side of a square in its positions."""
    most = int(level.max().ceil())
    least = min(wanted.shape[-2:])
    while most and least < 2 << most:  # two squares at least
        most -= 1
    top, left = (int(torch.randint(1 << most, ())) if most else 0 for _ in range(2))
    got, wanted = got[..., top:, left:].float(), wanted[..., top:, left:].float()
    moments = [torch.cat([x, x.square()], 1) for x in (got, wanted)]
    mean, square = moments[1].mean((0, 2, 3)).chunk(2)
    scale = (square - mean.square()).mean().add(1e-8).rsqrt()
    found = torch.zeros_like(level)
    level = level.clamp_max(most)
    for number in range(most + 1):
        if number:
            moments = [F.avg_pool2d(m, 2) for m in moments]
        share = (1 - (level - number).abs()).clamp_min(0)
        counted = share > 0
        if bool(counted.any()):
            got, wanted = (m[counted] for m in moments)
            found = found.index_put((counted,), share[counted] * _of_level(got, wanted, scale), accumulate=True)
    return found


def _of_level(got: Tensor, wanted: Tensor, scale: Tensor) -> Tensor:
    mine, its = got.chunk(2, 1), wanted.chunk(2, 1)
    least = (_LEAST_DEVIATION / scale).square()
    deviations = [(square - mean.square()).clamp_min(0).add(least).sqrt() for mean, square in (mine, its)]
    error = (mine[0] - its[0]).square() + (deviations[0] - deviations[1]).square()
    return error.mean((1, 2, 3)) * scale.square()
