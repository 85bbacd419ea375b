"""Training of a generator that paints: a further decoder for a ``glc`` model."""

from __future__ import annotations

from typing import Any, Literal

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


class StyleStage(StageConfig, frozen=True, kw_only=True):
    """One stage; see also :class:`~napari_glc.training.config.StageConfig`, of which the picture loss goes unused.

    Parameters
    ----------
    name
        ``style``.
    content, style, smooth
        Weights of what is shown, of the manner, and of differences between neighbouring pixels.
    painting_zoom
        Magnification of the painting: the size of its strokes in pictures.
    """

    name: Literal["style"]
    content: Weight = 1.0
    style: Weight = 5.0
    smooth: Weight = 1.0
    painting_zoom: Weight = 1.0


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
            content, style, rough = self._loss_of(stage)(batch, painted.float())
        loss = stage.content * content + stage.style * style + stage.smooth * rough
        # what leaves the range is clipped in files; without this term colours would be left to drift there
        beyond = (painted.float().abs() - 1).clamp_min(0).square().mean()
        parts = {"content": content, "style": style, "rough": rough, "beyond": beyond}
        return loss + 10 * beyond, {name: float(value.detach()) for name, value in parts.items()}

    def _loss_of(self, stage: StyleStage) -> StyleLoss:
        assert self.config.data.image is not None
        zoom = stage.painting_zoom
        if zoom not in self._losses:
            self._losses[zoom] = StyleLoss(read_painting(self.config.data.image, zoom), self.device)
        return self._losses[zoom]
