"""Training of a generator that paints: a further decoder for a ``glc`` model."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from torch import Tensor

from ...errors import OptionError
from ...networks.config import GlcConfig
from ...networks.glc import GlcNetwork
from ...training.config import StageConfig, Weight
from ...training.part_trainer import PartTrainer
from ...training.style_loss import StyleLoss, read_painting
from .differentiable import code_latent
from .parts import DECODER

__all__ = ["StyleStage", "StyleTrainer"]

_BORDER = 48
"""Pixels at each border that no loss but the range sees. A generator knows where its picture ends, and would put there
what the painting has and the middle has not: a frame of yellow for the stars."""


class StyleStage(StageConfig, frozen=True, kw_only=True):
    """One stage; see also :class:`~napari_glc.training.config.StageConfig`, of which the picture loss goes unused.

    Parameters
    ----------
    name
        ``style``.
    content, style, colour
        Weights of what is shown, of the manner, and of the colours.
    smooth, grid
        Weights of differences between neighbouring pixels, and of those that repeat with the generator's last layer.
    painting_zoom
        Magnification of the painting: the size of its strokes in pictures.
    """

    name: Literal["style"]
    content: Weight = 1.0
    style: Weight = 2.0
    colour: Weight = 1.0
    smooth: Weight = 1.0
    grid: Weight = 100.0
    painting_zoom: Weight = 1.0

    def shortened(self, steps: int) -> Self:
        """See :meth:`StageConfig.shortened`; crops that leave something within their borders."""
        return super().shortened(steps).replaced(crop=128, batch=2)


class StyleTrainer(PartTrainer[GlcNetwork, StyleStage]):
    """Fine-tunes the generator on latents as files hold them, coded at all rates (the paper's supplement, section 4).

    The first convolution stays the model's, which keeps the part below 4 MB.
    """

    stage_config = StyleStage
    learned_parts = tuple(f"{DECODER[0]}blocks.{place}." for place in range(1, 64))
    eight_bit_parts = DECODER

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.config.data.image is None:
            raise OptionError("a style is learned from a painting: name its file with --image")
        self._losses: dict[float, StyleLoss] = {}

    def build(self) -> GlcNetwork:
        """The network, which the model's weights will fill."""
        assert isinstance(self.config.network, GlcConfig)
        return GlcNetwork(self.config.network)

    def loss(self, stage: StyleStage, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch of pictures and its parts."""
        rates = torch.rand(len(batch), device=batch.device) * (self.net.config.rate_points - 1)
        with torch.no_grad(), self.autocast():
            latent = self.base.analyse(batch)
            coded = code_latent(self.base, latent.float(), rates).latent_hat
        with self.autocast():
            painted = self.net.generate(coded)
            painted = painted.float()
            inner = _inner(batch.shape[-1])
            parts = self._loss_of(stage)(batch[inner], painted[inner])
        # what leaves the range is clipped in files; without this term colours would be left to drift there
        parts["beyond"] = (painted.abs() - 1).clamp_min(0).square().mean()
        weights = {"content": stage.content, "style": stage.style, "colour": stage.colour, "rough": stage.smooth}
        weights |= {"grid": stage.grid, "beyond": 10.0}
        loss = torch.stack([weights[name] * value for name, value in parts.items()]).sum()
        return loss, {name: float(value.detach()) for name, value in parts.items()}

    def _loss_of(self, stage: StyleStage) -> StyleLoss:
        assert self.config.data.image is not None
        zoom = stage.painting_zoom
        if zoom not in self._losses:
            self._losses[zoom] = StyleLoss(read_painting(self.config.data.image, zoom), self.device)
        return self._losses[zoom]


def _inner(side: int) -> tuple[Any, ...]:
    """A crop without its borders, which are multiples of the generator's squares of 4 pixels."""
    border = min(_BORDER, side // 16 * 4)
    return (..., slice(border, side - border), slice(border, side - border))
