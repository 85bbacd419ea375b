"""Convolutional networks in bands of rows side by side.

A band is computed with as many rows around it as influence it, so bands change nothing. Layers are taken together as
long as that costs little: the more layers, the more rows are computed twice, the fewer, the more often threads wait
for each other. See :mod:`napari_glc._base.threads`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .._base.threads import side_by_side, threads

__all__ = ["BandLayer", "in_bands"]

_LEAST_ROWS = 8
"""Bands are at least so high where a stage is lowest."""
_EXTRA = 0.3
"""A stage ends when a band in the middle would see more rows beyond itself than this share of its own."""


@dataclass(frozen=True)
class BandLayer:
    """A layer of a network that is computed in bands.

    Attributes
    ----------
    run
        From ``(1, C, h, w)`` to ``(1, C', factor h, factor w)``, zeros around what it is given.
    reach
        Rows of its input on each side that influence a row of its output.
    factor
        How much higher its output is; below 1 if it is lower.
    """

    run: Callable[[Tensor], Tensor]
    reach: int = 0
    factor: float = 1

    @classmethod
    def of(cls, module: nn.Module) -> BandLayer:
        """What a module is: one of torch's that are known here, or one that has its `reach` as an attribute."""
        own = getattr(module, "reach", None)
        if isinstance(own, int):
            return cls(module, reach=own)
        if isinstance(module, nn.Conv2d):
            return cls(module, reach=module.kernel_size[0] // 2)
        if isinstance(module, nn.PixelShuffle):
            return cls(module, factor=module.upscale_factor)
        if isinstance(module, nn.PixelUnshuffle):
            return cls(module, factor=1 / module.downscale_factor)
        raise TypeError(f"nothing is known of the reach of {type(module).__name__}")


def in_bands(layers: Sequence[BandLayer], x: Tensor) -> Tensor:
    """Send ``(B, C, H, W)`` through layers: on the CPU, and without gradients, in bands side by side."""
    if x.device.type != "cpu" or torch.is_grad_enabled() or threads() == 1:
        for layer in layers:
            x = layer.run(x)
        return x
    left = list(layers)
    while left:
        stage = [left.pop(0)]
        while left and _extra([*stage, left[0]], x.shape[2]) <= _EXTRA:
            stage.append(left.pop(0))
        x = _in_bands(stage, x)
    return x


def _heights(stage: Sequence[BandLayer], height: int) -> list[int]:
    """Of what each layer sees, and of what the last one puts out."""
    found = [height]
    for layer in stage:
        found.append(round(found[-1] * layer.factor))
    return found


def _count(heights: Sequence[int]) -> int:
    return max(1, min(threads(), min(heights) // _LEAST_ROWS))


def _rows(stage: Sequence[BandLayer], heights: Sequence[int], top: int, bottom: int) -> list[tuple[int, int]]:
    """Which rows of its input each layer needs for some rows of the last one's output; those rows at the end."""
    needed = [(top, bottom)]
    for layer, height in zip(stage[::-1], heights[-2::-1], strict=True):
        # upwards and downwards sampling, exact in binary
        top, bottom = math.floor(top / layer.factor), math.ceil(bottom / layer.factor)
        top, bottom = max(0, top - layer.reach), min(height, bottom + layer.reach)
        needed.append((top, bottom))
    return needed[::-1]


def _extra(stage: Sequence[BandLayer], height: int) -> float:
    """Rows a band in the middle sees beyond itself, as a share of its own."""
    heights = _heights(stage, height)
    own = height / _count(heights)
    reach, scale = 0.0, 1.0
    for layer in stage:
        reach += layer.reach / scale
        scale *= layer.factor
    return 2 * reach / own


def _in_bands(stage: Sequence[BandLayer], x: Tensor) -> Tensor:
    heights = _heights(stage, x.shape[2])
    count = _count(heights)
    borders = [heights[-1] * number // count for number in range(count + 1)]

    def band(number: int) -> Tensor:
        rows = _rows(stage, heights, borders[number], borders[number + 1])
        first, last = rows[0]
        part = x[:, :, first:last]
        for layer, (top, bottom) in zip(stage, rows[1:], strict=True):
            part = layer.run(part)
            first = round(first * layer.factor)
            # what lies beyond was computed with zeros for its neighbours
            part, first = part[:, :, top - first : bottom - first], top
        return part

    parts = side_by_side(band, range(count))
    if count == 1:
        return parts[0]
    return torch.cat([part.permute(0, 2, 3, 1) for part in parts], dim=1).permute(0, 3, 1, 2)
