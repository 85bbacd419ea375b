"""Training of a further encoder for a ``glc`` model that stays what it is: its prior, its decoder, its generator."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ...networks.config import GlcConfig
from ...networks.glc import GlcNetwork
from ...training.config import StageConfig, Weight
from ...training.distortions import CameraNoise, GaussianNoise
from ...training.part_trainer import PartTrainer
from .differentiable import code_latent
from .parts import ENCODER

__all__ = ["EncoderStage", "EncoderTrainer"]


class EncoderStage(StageConfig, frozen=True, kw_only=True):
    """One stage; see also :class:`~napari_glc.training.config.StageConfig`.

    Parameters
    ----------
    name
        ``latent``: the clean encoder's latents and coefficients are what is wanted; ``joint``: the true cost, bits and
        what the generator makes of them.
    latent
        Weight of the relative error of latents (and of coefficients, in the first kind of stage).
    multipliers
        Weight of the rate at each rate point of the model.
    gaussian, camera
        What is done to the pictures; nothing if both are left out.
    """

    name: Literal["latent", "joint"]
    latent: Weight = 1.0
    multipliers: tuple[Weight, ...] = ()
    gaussian: GaussianNoise | None = None
    camera: CameraNoise | None = None


class EncoderTrainer(PartTrainer[GlcNetwork, EncoderStage]):
    """Learns what only encoding uses, beginning with the model's own encoder.

    Distorted pictures go in. At first the latents and coefficients that the model's encoder finds in the clean pictures
    are the target, as in the paper's supplement, section 4; then rate and picture loss through the frozen prior and
    generator, at rate points drawn anew in each step.
    """

    stage_config = EncoderStage
    learned_parts = ENCODER
    eight_bit_parts = ENCODER

    def build(self) -> GlcNetwork:
        """The network, which the model's weights will fill."""
        assert isinstance(self.config.network, GlcConfig)
        return GlcNetwork(self.config.network)

    def loss(self, stage: EncoderStage, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch of pictures and its parts."""
        given, wanted = self._distorted(stage, batch)
        position = self._positions(len(batch)).to(batch.device)
        with torch.no_grad(), self.autocast():
            target = self.base.analyse(wanted)
        with self.autocast():
            latent = self.net.analyse(given)
        latent, target = latent.float(), target.float()
        error = _relative(latent, target)
        loss, record = stage.latent * error, {"latent": float(error.detach())}
        if stage.name == "latent":
            with torch.no_grad(), self.autocast():
                y_target = self.base.transform(target, position)
            with self.autocast():
                y = self.net.transform(latent, position)
            error = _relative(y.float(), y_target.float())
            return loss + stage.latent * error, record | {"coefficients": float(error.detach())}

        coded = code_latent(self.net, latent, position)
        config = self.net.config
        hyper_bpp = math.log2(self.net.z_vq.size) / config.hyper_factor**2
        bpp = coded.bits / (batch.shape[2] * batch.shape[3]) + hyper_bpp
        with self.autocast():
            restored = self.net.generate(coded.latent_hat)
        picture_loss, parts = self.compare(stage, wanted, restored)
        loss = loss + (_multipliers(stage, position) * bpp).mean() + coded.hyper_loss + picture_loss
        return loss, record | parts | {"bpp": float(bpp.detach().mean())}

    @staticmethod
    def _distorted(stage: EncoderStage, batch: Tensor) -> tuple[Tensor, Tensor]:
        """What goes in and what should come out."""
        distortion = stage.gaussian or stage.camera
        return (batch, batch) if distortion is None else distortion(batch)

    def _positions(self, batch: int) -> Tensor:
        """Rate positions of a batch: around every rate point in turn."""
        points = self.net.config.rate_points
        return (torch.arange(batch) % points + torch.rand(batch) - 0.5).clamp(0, points - 1)


def _relative(got: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error in variances of what is wanted."""
    return (got - wanted).square().mean() / (wanted.var() + 1e-6)


def _multipliers(stage: EncoderStage, position: Tensor) -> Tensor:
    """Weight of the rate at each position, linear in the logarithm between points."""
    logs = torch.tensor(stage.multipliers, device=position.device).log()
    low = position.floor().clamp_max(len(logs) - 2).long()
    return torch.lerp(logs[low], logs[low + 1], position - low).exp()
