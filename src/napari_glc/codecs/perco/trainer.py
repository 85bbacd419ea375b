"""Training of the hyper-latent and of the diffusion model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import ModelError
from ...models import ModelFile
from ...networks.kl import KlAutoencoder
from ...networks.kl_published import PublishedKlAutoencoder
from ...networks.perco import Conditions, PercoNetwork
from ...networks.perco_config import PercoConfig
from ...training.config import Positive, Share, StageConfig, Weight
from ...training.trainer import Trainer
from .autoencoder import load_autoencoder
from .index_coder import count_levels, level_weights
from .latent_crops import LatentCrops
from .sampling import noise_levels

__all__ = ["PercoStage", "PercoTrainer"]

_DEVIATION_DECAY = 0.99
"""Of the running deviations of what the predicted mean leaves."""
_EVEN = 0.1
"""Share of noise levels drawn evenly; the others lie where there is most to learn."""
_COUNTED = 4000
"""Crops whose levels are counted."""
_COUNTED_AT_ONCE = 8
_LEVEL = (-0.3, 1.3)
"""Mean and deviation of the logarithm of noise over signal of the others."""


class PercoStage(StageConfig, frozen=True, kw_only=True):
    """One stage; see also :class:`~napari_glc.training.config.StageConfig`. Weights of picture losses serve ``few``.

    Parameters
    ----------
    name
        ``hyper``: hyper-encoder and hyper-decoder, by the squared error of the predicted mean alone; ``diffusion``:
        everything; ``few``: the denoiser alone, by the pictures that a few steps paint.
    latents
        How many crops are encoded, once for all stages.
    unknown
        How often the denoiser does not know the description.
    most_steps
        Of stage ``few``: pictures are painted in one to so many steps.
    hyper
        Of stage ``few``: weight of the predicted mean's error, with which hyper-encoder and hyper-decoder go on
        learning; 0 if they stay what they are.
    sigmas
        Of stage ``few``: over how many pixels textures are free, by rate; empty for ``sigma`` at all of them.
    """

    name: Literal["hyper", "diffusion", "few"]
    latents: Positive = 12000
    unknown: Share = 0.1
    most_steps: Positive = 4
    hyper: Weight = 0.0
    sigmas: tuple[Weight, ...] = ()

    def shortened(self, steps: int) -> PercoStage:
        """See the base class; few latents as well."""
        return super().shortened(steps).replaced(latents=8)


@dataclass(frozen=True)
class _Coded:
    """What the hyper-decoder gives for a batch, each rate for a part of it."""

    conditions: Conditions
    description: Tensor
    rates: Tensor


class PercoTrainer(Trainer[PercoNetwork, PercoStage]):
    """See :class:`~napari_glc.training.trainer.Trainer`; a batch is one of latents, each crop at one of the rates.

    The predicted mean learns by its squared error, that of each rate in units of what is left at that rate, so low
    rates do not outweigh high ones. The denoiser paints what is left, in the same units; its gradients reach the
    hyper-encoder through the features and the description, not through the residual.

    In stage ``few`` the denoiser learns to end in few steps. It is led along its own way, up to a step at which its
    expectation is decoded and compared with what the true latent decodes to, by absolute error, features and an
    adversary: a blur, which is what an expectation looks like early on, does not please the last two. Gradients go
    through that one step (as in Yin et al. 2024, DMD2, section 4.5, where the student's own way is taken too).
    """

    stage_config = PercoStage
    projected = True
    eight_bit_parts = ("hyper_encoder.", "hyper_decoder.", "denoiser.")

    def build(self) -> PercoNetwork:
        """The network with random weights."""
        assert isinstance(self.config.network, PercoConfig)
        return PercoNetwork(self.config.network)

    def _start_from(self, model: ModelFile) -> None:
        """Start from a model whose sampler may be set otherwise."""
        assert isinstance(self.config.network, PercoConfig)
        wanted = self.config.network
        if model.network_config(PercoConfig).sampled_like(wanted) != wanted:
            raise ModelError(f"{model.path} holds another network than the one this configuration trains")
        self.net.load_state_dict(model.load(), strict=True)

    def batches(self, stage: PercoStage, seed: int) -> Callable[[int], Tensor]:
        """Crops of latents, encoded at the first time."""
        network = self.config.network
        assert isinstance(network, PercoConfig)
        return LatentCrops(
            self.pictures,
            lambda: load_autoencoder(network.autoencoder, network.latent_channels)[1],
            self.folder,
            count=stage.latents,
            size=stage.crop,
            batch=stage.batch,
            seed=seed,
            zoom=self.config.data.zoom,
            device=self.device,
        )

    def learning(self, stage: PercoStage) -> list[nn.Parameter]:
        """Enter a stage: which parameters learn in it."""
        self.net.requires_grad_(stage.name != "few" or stage.hyper > 0)
        self.net.denoiser.requires_grad_(stage.name != "hyper")
        return [p for p in self.net.parameters() if p.requires_grad]

    def copied(self, net: PercoNetwork) -> list[Tensor]:
        """Deviations of what the predicted mean leaves, and what levels are coded with."""
        return [net.residual_deviation, net.level_weights]

    def loss(self, stage: PercoStage, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch of latents and its parts."""
        if stage.name == "few":
            return self._painted_loss(stage, batch)
        with self.autocast():
            coded = self._code(batch)
        left = batch - coded.conditions.mean
        errors = self._errors(left, coded.rates)
        deviation = self._follow_deviation(errors)
        loss = (errors / deviation.square()).mean()
        record = {f"left{i}": float(error) for i, error in enumerate(errors.detach().sqrt())}
        if stage.name == "hyper":
            return loss, record
        residual = left.detach() / deviation[coded.rates][:, None, None, None]
        velocity, velocity_record = self._velocity_loss(stage, coded, residual)
        return loss + velocity, record | velocity_record

    def _code(self, latent: Tensor) -> _Coded:
        net = self.net
        features = net.hyper_encoder(latent)
        rates = torch.arange(len(latent), device=latent.device) * len(net.quantizers) // len(latent)
        parts = []
        for rate, quantizer in enumerate(net.quantizers):
            if not (rates == rate).any():
                continue
            mine = {stride: feature[rates == rate] for stride, feature in features.items()}
            parts.append(net.hyper_decoder(quantizer(net.hyper_encoder.hyper_latent(mine, rate).float()), rate))
        mean = torch.cat([part.mean for part in parts]).float()
        eighth, sixteenth, half = (torch.cat([part.features[level] for part in parts]) for level in range(3))
        pooled = net.hyper_encoder.pooled(features).mean((2, 3))
        description = net.describer(net.hyper_encoder.description(pooled).float()[..., None, None])
        return _Coded(Conditions(mean, (eighth, sixteenth, half)), description, rates)

    def _errors(self, left: Tensor, rates: Tensor) -> Tensor:
        """Mean squared error of each rate; what it was so far of one that the batch lacks."""
        each = left.square().mean((1, 2, 3))
        sums = torch.zeros(len(self.net.quantizers), device=left.device).index_add(0, rates, each)
        counts = torch.bincount(rates, minlength=len(sums))
        return torch.where(counts > 0, sums / counts.clamp_min(1), self.net.residual_deviation.square())

    @torch.no_grad()
    def _follow_deviation(self, errors: Tensor) -> Tensor:
        decay = min(_DEVIATION_DECAY, (1 + self.step) / (10 + self.step)) if self.step or self.stage else 0.0
        deviation = self.net.residual_deviation
        deviation.copy_(deviation.square().lerp(errors, 1 - decay).sqrt())
        return deviation.clone()

    def _velocity_loss(self, stage: PercoStage, coded: _Coded, residual: Tensor) -> tuple[Tensor, dict[str, float]]:
        # drawn on the CPU: the same numbers on every device
        count = len(residual)
        level = torch.atan(torch.exp(_LEVEL[0] + _LEVEL[1] * torch.randn(count)))
        t = torch.where(torch.rand(count) < _EVEN, torch.rand(count) * math.pi / 2, level).to(residual.device)
        noise = torch.randn(residual.shape).to(residual.device).contiguous(memory_format=torch.channels_last)
        unknown = (torch.rand(count, 1, 1, 1) < stage.unknown).to(residual.device)
        cosine, sine = t.cos().view(-1, 1, 1, 1), t.sin().view(-1, 1, 1, 1)
        description = torch.where(unknown, self.net.denoiser.unknown, coded.description)
        with self.autocast():
            velocity = self.net.velocity(
                cosine * residual + sine * noise, coded.conditions, description, t, coded.rates
            )
        error = (velocity.float() - (cosine * noise - sine * residual)).square().mean((1, 2, 3))
        errors = error.detach()
        record = {
            "velocity": float(errors.mean()),
            "velocity_little_noise": float(errors[t < 0.6].mean().nan_to_num()),
            "velocity_much_noise": float(errors[t >= 0.6].mean().nan_to_num()),
        }
        return error.mean(), record

    def _painted_loss(self, stage: PercoStage, latent: Tensor) -> tuple[Tensor, dict[str, float]]:
        net, count = self.net, len(latent)
        with torch.set_grad_enabled(stage.hyper > 0), self.autocast():
            coded = self._code(latent)
        # drawn on the CPU: the same numbers on every device
        steps = int(torch.randint(1, stage.most_steps + 1, ()))
        last = int(torch.randint(steps, ()))
        residual = torch.randn(latent.shape).to(latent.device).contiguous(memory_format=torch.channels_last)
        unknown = (torch.rand(count, 1, 1, 1) < stage.unknown).to(latent.device)
        description = torch.where(unknown, net.denoiser.unknown, coded.description)
        levels = noise_levels(steps)

        def turned(residual: Tensor, now: float, then: float) -> Tensor:
            with self.autocast():
                t = torch.full((count,), now, device=latent.device)
                velocity = net.velocity(residual, coded.conditions, description, t, coded.rates).float()
            return math.cos(now - then) * residual - math.sin(now - then) * velocity

        with torch.no_grad():
            for now, then in zip(levels[:last], levels[1:], strict=False):
                residual = turned(residual, now, then)
        deviation = net.residual_deviation[coded.rates][:, None, None, None]
        expected = coded.conditions.mean + deviation * turned(residual, levels[last], 0.0)
        with self.autocast():
            with torch.no_grad():
                picture = self._autoencoder.generate(latent).float().clamp(-1, 1)
            restored = self._autoencoder.generate(expected)
        sigma = torch.tensor(stage.sigmas, device=latent.device)[coded.rates] if stage.sigmas else None
        loss, record = self.compare(stage, picture, restored, sigma)
        if stage.hyper > 0:
            errors = (latent - coded.conditions.mean).square() / deviation.square()
            loss = loss + stage.hyper * errors.mean()
            record["mean"] = float(errors.detach().mean())
        return loss, record | {"painted_in": steps, "compared_at": levels[last]}

    @cached_property
    def _autoencoder(self) -> KlAutoencoder | PublishedKlAutoencoder:
        """What decodes the latent; it learns nothing."""
        config = self.net.config
        _, network = load_autoencoder(config.autoencoder, config.latent_channels)
        network.eval().requires_grad_(False)
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    @torch.inference_mode()
    def finish_stage(self, stage: PercoStage) -> None:
        """Count the levels of the averaged network, which are coded with what is counted."""
        if stage.name == "few" and not stage.hyper:
            return
        net, crops = self.average, self.batches(stage.replaced(batch=_COUNTED_AT_ONCE), seed=0)
        rates = self.net.config.rates
        counted = np.zeros(net.level_tables().shape, np.int64)
        for step in range(min(_COUNTED, stage.latents) // _COUNTED_AT_ONCE):
            features = net.hyper_encoder(crops(step).to(self.device))
            for number in range(len(rates)):
                for levels in net.hyper_levels(features, number).cpu().numpy():
                    count_levels(levels, counted[number])
        for number, rate in enumerate(rates):
            made = torch.from_numpy(level_weights(counted[number], rate.levels)).to(self.device)
            for network in (self.net, self.average):
                network.level_tables()[number].copy_(made)

    def extra_state(self) -> dict[str, Any]:
        """Nothing: deviations are part of the network."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""
