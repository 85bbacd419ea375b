"""How far the picture of a tile's latent is from the original, as the decoder of the autoencoder paints it.

The decoder sees beyond the tile, so what lies around it is held fixed. A tile larger than a block is painted block by
block, each with its margin, and only the gradient of its latent is kept: memory is bounded whatever the tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..._base.interruption import checkpoint
from ...container import Box
from ...metrics.views import AS_IT_IS, View
from ..base import Plane
from ..blocks import BlockWalk
from ..optimising.loss import Distortion, distortion_of, in_eight_bits

__all__ = ["MARGIN", "Painter", "TilePicture"]

_LARGEST = 96
"""Longest side of a block in latent positions."""
_BLOCK = 64
"""Side of the blocks of tiles larger than that."""
MARGIN = 8
"""Latent positions around a block that are painted with it; what lies farther away changes next to nothing in it."""
_RING = 4
"""Latent positions around a tile in which its picture is still looked at."""
_KEPT = 2
"""Blocks of a tile up to which all that they are compared with is kept; of more, it is made anew every time."""


class Painter(Protocol):
    """What of the codec is needed; see :class:`~napari_glc.codecs.clric.codec.ClricCodec`."""

    walk: BlockWalk

    def paint(self, latent: Tensor) -> Tensor:
        """The picture of a latent, as a file's is painted."""
        ...

    def paint_fast(self, latent: Tensor) -> Tensor:
        """The same in half the digits where that is faster, differentiable."""
        ...


class TilePicture:
    """The picture of a tile as a function of the tile's latent. Distances are sums over pixels, not means.

    Parameters
    ----------
    painter
        The codec.
    plane
        ``(H, W, 3)`` uint8.
    area
        Of the tile, in latent positions.
    canvas
        Latent positions of what is known around it.
    surroundings
        Their latent ``(1, C, h, w)``; what it holds of the tile itself is of no effect.
    importance
        Weights of the plane's pixels, or ``None``.
    """

    def __init__(
        self,
        painter: Painter,
        plane: Plane,
        area: Box,
        canvas: Box,
        surroundings: Tensor,
        importance: NDArray[np.float32] | None,
    ) -> None:
        self._painter, self._plane, self._importance = painter, plane, importance
        self._area, self._canvas, self._surroundings = area, canvas, surroundings
        self._whole = painter.walk.synthesis_margin is None
        fits = self._whole or max(area.height, area.width) <= _LARGEST
        self._blocks = [area] if fits else area.pieces(_BLOCK)
        self._known: dict[Box, Distortion] = {}
        inside = self._pixels(area).cut(Box(0, 0, *plane.shape[:2]))
        self.pixels = inside.height * inside.width

    def __call__(self, latent: Tensor, view: View = AS_IT_IS) -> tuple[Tensor, float]:
        """Distortion ``()`` of a latent ``(1, C, h, w)`` of the tile, and the distance of features in it."""
        return _Seen.apply(latent, self, view)  # type: ignore[no-any-return, no-untyped-call]

    @torch.no_grad()
    def judged(self, latent: Tensor) -> tuple[float, float]:
        """The same numbers of the pixels a file of it decodes to."""
        total, look = 0.0, 0.0
        for seen, distortion in self._parts():
            picture = self._painter.paint(self._around(latent, seen))
            distance, features = distortion(in_eight_bits(picture))
            total, look = total + float(distance), look + features
        return total, look

    def with_gradient(self, latent: Tensor, view: View) -> tuple[float, float, Tensor]:
        """Distortion, distance of features, and the gradient of the former ``(1, C, h, w)``."""
        total, look, gradient = 0.0, 0.0, torch.zeros_like(latent)
        for seen, distortion in self._parts():
            part = self._around(latent, seen).requires_grad_(True)
            with torch.enable_grad():
                picture = self._painter.paint_fast(part)
                # the way back has no layers that could be watched
                picture.register_hook(_look_up)
                distance, features = distortion(picture, view)
                (found,) = torch.autograd.grad(distance, part)
            common = self._area.cut(seen)
            place = (..., *common.relative_to(self._area).slices)
            gradient[place] += found[(..., *common.relative_to(seen).slices)].to(gradient.device)
            total, look = total + float(distance.detach()), look + features
        return total, look, gradient

    def _parts(self) -> Iterator[tuple[Box, Distortion]]:
        """What is painted for each block, and its distance."""
        for block in self._blocks:
            checkpoint()
            seen = self._canvas if self._whole else block.grown(MARGIN, self._canvas)
            distortion = self._known.get(block)
            if distortion is None:
                distortion = self._distortion(block, seen)
                if len(self._blocks) <= _KEPT:
                    self._known[block] = distortion
            yield seen, distortion

    def _distortion(self, block: Box, seen: Box) -> Distortion:
        """Counted in the block and, at the border of the tile, a little beyond; padding does not count."""
        area, around = self._area, self._area.grown(_RING, seen)
        counted = Box(
            around.top if block.top == area.top else block.top,
            around.left if block.left == area.left else block.left,
            around.bottom if block.bottom == area.bottom else block.bottom,
            around.right if block.right == area.right else block.right,
        )
        inside = self._pixels(counted).cut(Box(0, 0, *self._plane.shape[:2]))
        # sums over pixels: every block counts by its size
        return distortion_of(self._plane, self._pixels(seen), inside, self._importance, 1, self._painter.walk.device)

    def _around(self, latent: Tensor, seen: Box) -> Tensor:
        """The latent of a tile within its surroundings, as far as it is seen."""
        part = self._surroundings[(..., *seen.relative_to(self._canvas).slices)].clone()
        common = self._area.cut(seen)
        part[(..., *common.relative_to(seen).slices)] = latent[(..., *common.relative_to(self._area).slices)]
        return part.to(self._painter.walk.device)

    def _pixels(self, area: Box) -> Box:
        factor = self._painter.walk.factor
        return Box(area.top * factor, area.left * factor, area.bottom * factor, area.right * factor)


class _Seen(torch.autograd.Function):
    """Computes value and gradient in one go, block by block."""

    @staticmethod
    def forward(ctx: Any, latent: Tensor, tile: TilePicture, view: View) -> tuple[Tensor, float]:
        total, look, ctx.gradient = tile.with_gradient(latent.detach(), view)
        return torch.tensor(total), look

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: None) -> tuple[Tensor, None, None]:
        return ctx.gradient * grad, None, None


def _look_up(gradient: Tensor) -> None:
    checkpoint()
