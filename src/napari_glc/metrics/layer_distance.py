"""Distance of feature maps to those of a reference, with its gradient, in a few passes over memory.

The same number as :func:`.feature_distance.sum_of_layers`. Written with plain operations, its maps at
half the resolution would be read and written in single precision thirty times: longer than the network itself takes.
Where a gradient is wanted, sums over channels are kept in the precision of the features; the number alone is computed
in single precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Reference", "layer_distance", "position_distances"]

_STRIP = 1 << 18
"""Numbers handled at once: a strip and what is computed of it stay in a core's cache."""
_FLOOR = 1e-8


@dataclass(frozen=True)
class Reference:
    """A feature map to be compared with.

    Attributes
    ----------
    unit
        Features of length 1 at every position, ``(positions, channels)``.
    squares
        Their squared lengths, ``(positions, 1)``: below 1 where there is hardly a feature.
    """

    unit: Tensor
    squares: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Reference:
        """The reference of feature maps ``(B, C, H, W)``."""
        rows = _rows(features).float()
        unit = rows * torch.rsqrt(rows.square().sum(1, keepdim=True) + _FLOOR)
        return cls(unit.to(features.dtype), unit.square().sum(1, keepdim=True))


def layer_distance(features: Tensor, reference: Reference, weights: Tensor) -> Tensor:
    """Weighted sum over positions of the squared difference of unit-normalised features.

    Parameters
    ----------
    features
        ``(B, C, H, W)``, of the dtype of the reference.
    reference
        What they are compared with.
    weights
        ``(B * H * W, 1)`` or ``(1, 1)``.
    """
    distance: Tensor = _LayerDistance.apply(features, reference, weights)  # type: ignore[no-untyped-call]
    return distance


def position_distances(features: Tensor, reference: Reference) -> Tensor:
    """Squared difference of unit-normalised features at each position ``(H, W)``, as precise as the features are."""
    rows = _rows(features)
    squares = torch.linalg.vecdot(rows, rows)[:, None].float()
    product = torch.linalg.vecdot(rows, reference.unit)[:, None].float()
    inverse = torch.rsqrt(squares + _FLOOR)
    distances: Tensor = squares * inverse.square() + reference.squares - 2 * product * inverse
    return distances.view(features.shape[2:])


class _LayerDistance(torch.autograd.Function):
    """Computes value and gradient in one go, strip by strip."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, reference: Reference, weights: Tensor) -> Tensor:
        needed = ctx.needs_input_grad[0]
        rows = _rows(features)
        gradient = torch.empty_like(rows) if needed else None
        total = torch.zeros((), device=features.device)
        step = max(1, _STRIP // rows.shape[1])
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            a, b = rows[part], reference.unit[part]
            if gradient is None:
                a, b = a.float(), b.float()
            weight = weights[part] if len(weights) > 1 else weights
            squares = torch.linalg.vecdot(a, a)[:, None].float()
            product = torch.linalg.vecdot(a, b)[:, None].float()
            inverse = torch.rsqrt(squares + _FLOOR)
            own = squares * inverse.square()
            total += ((own + reference.squares[part] - 2 * product * inverse) * weight).sum()
            if gradient is not None:
                along = 2 * (product * inverse + 1 - own) * inverse.square() * weight
                across = -2 * inverse * weight
                torch.addcmul(a * along.to(a.dtype), b, across.to(a.dtype), out=gradient[part])
        if gradient is not None:
            batch, _, height, width = features.shape
            ctx.gradient = gradient.view(batch, height, width, -1).permute(0, 3, 1, 2)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.gradient * grad.to(ctx.gradient.dtype), None, None


def _rows(features: Tensor) -> Tensor:
    """``(positions, channels)``; no copy of a map whose channels are last in memory."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
