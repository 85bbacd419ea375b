"""Training of the KL-regularised autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from ...errors import ModelError
from ...models import ModelFile
from ...networks.kl import KlAutoencoder
from ...networks.kl_config import KlConfig
from ...training.config import Positive, StageConfig, Weight
from ...training.rate import round_straight_through
from ...training.trainer import Trainer
from .fitted_crops import Fits, batch_of_step, fitted_further, positions_of_batch
from .function import LOG_SCALES, laplace_bits
from .latent_crops import LatentCrops
from .layout import worth_at

__all__ = ["ClricStage", "ClricTrainer"]

SCALE_DECAY = 0.995
"""Of the running mean and deviation of the latent."""
RISE = 0.1
"""Share of a stage within which the weight of the divergence rises: too early, it empties channels for good."""

_OF_LATENTS = ("function", "fitted")
"""Stages that learn from latents alone."""


class ClricStage(StageConfig, frozen=True, kw_only=True):
    """One stage; see also :class:`~napari_glc.training.config.StageConfig`.

    Parameters
    ----------
    name
        ``autoencoder``: autoencoder; ``generator``: its decoder alone, the latent stays what it is; ``function``: the
        networks that fitted functions share, everything else stays what it is; ``fitted``: the same ones, from grids
        that are fitted under them.
    kl
        Weight of the posterior's divergence from a standard normal, mean over the latent, in nats.
    noise
        Greatest deviation of the noise that half of the crops get on their latent, in deviations of the latent.
    kept, visits, iterations
        Stage ``fitted``: batches whose grids are fitted side by side; how often each is learned from before another
        takes its place; iterations of its fit each time.
    """

    name: Literal["autoencoder", "generator", "function", "fitted"]
    kl: Weight = 0.0
    noise: Weight = 0.0
    kept: Positive = 64
    visits: Positive = 8
    iterations: Positive = 4

    def shortened(self, steps: int) -> Self:
        """The same stage at a few steps; grids are fitted from the second one on."""
        return super().shortened(steps).replaced(kept=1)


class ClricTrainer(Trainer[KlAutoencoder, ClricStage]):
    """See :class:`~napari_glc.training.trainer.Trainer`.

    Stage ``autoencoder`` learns everything; ``generator`` goes on with the decoder on the averaged encoder's latent,
    which from then on stays what it is, so that codecs of that latent can be trained meanwhile. Stage ``function``
    learns, on crops of latents and at all prices of a bit, to guess grids, to say how probable they are and to make the
    latent of them. Guessed grids are not those that files hold, though, so in stage ``fitted`` fits and networks
    improve in turn: of each crop the grids go on being fitted from one visit to the next.

    The divergence is the rate of a channel that carries the latent to within its posterior, so its weight decides how
    much of the latent's variance goes to what matters: the higher it is, the fewer bits a coded latent takes and the
    less the uncoded one keeps. Besides, half of the crops get noise on their latent, of a strength drawn for each:
    whoever codes the latent leaves an error of about that kind.
    """

    stage_config = ClricStage
    eight_bit_parts = ("encoder.", "generator.")

    def build(self) -> KlAutoencoder:
        """The network with random weights."""
        self._fits: dict[int, tuple[int, Fits]] = {}
        return KlAutoencoder(self._network)

    def batches(self, stage: ClricStage, seed: int) -> Callable[[int], Tensor]:
        """Crops of the pictures; of their latents where nothing else is learned from."""
        if stage.name not in _OF_LATENTS:
            return super().batches(stage, seed)
        crops = LatentCrops(self.pictures, self.net, stage.crop // self._network.factor, stage.batch, seed)
        if stage.name == "function":
            return crops
        return lambda step: crops(batch_of_step(step, stage.kept, stage.visits))

    def _start_from(self, model: ModelFile) -> None:
        """The start may be a model without shared networks: they begin at random then."""
        if self.net.function is None or model.network_config(KlConfig).function is not None:
            super()._start_from(model)
            return
        if model.network_config(KlConfig) != self._network.replaced(function=None):
            raise ModelError(f"{model.path} holds another autoencoder than the one this configuration trains")
        ours = {key: value for key, value in self.net.state_dict().items() if key.startswith("function.")}
        self.net.load_state_dict(model.load() | ours, strict=True)

    @property
    def _network(self) -> KlConfig:
        assert isinstance(self.config.network, KlConfig)
        return self.config.network

    def learning(self, stage: ClricStage) -> list[nn.Parameter]:
        """Enter a stage: which parameters learn in it."""
        of_latents = stage.name in _OF_LATENTS
        self.net.requires_grad_(not of_latents)
        self.net.encoder.requires_grad_(stage.name == "autoencoder")
        if self.net.function is not None:
            self.net.function.requires_grad_(of_latents)
        return [p for p in self.net.parameters() if p.requires_grad]

    def copied(self, net: KlAutoencoder) -> list[Tensor]:
        """Mean and deviation of the latent."""
        return [net.latent_mean, net.latent_deviation]

    def loss(self, stage: ClricStage, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch of pictures, or of latents, and its parts."""
        if stage.name == "function":
            # a new position for each crop
            return self._guessed_loss(batch, torch.rand(len(batch)).to(batch.device))[:2]
        if stage.name == "fitted":
            return self._fitted_loss(stage, batch)
        with torch.set_grad_enabled(stage.name == "autoencoder"), self.autocast():
            moments = self.net.moments(batch)
        mean, log_variance = (moment.float() for moment in moments)
        if stage.name == "autoencoder":
            self._follow_scale(mean.detach())
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        latent = mean + self._noise(stage, mean)
        if stage.name == "autoencoder":
            # drawn on the CPU: the same numbers on every device
            latent = latent + (0.5 * log_variance).exp() * torch.randn(mean.shape).to(mean.device)
        with self.autocast():
            restored = self.net.generator(latent)
        loss, parts = self.compare(stage, batch, restored)
        record = {
            "divergence": float(divergence.detach()),
            "posterior": float((0.5 * log_variance.detach()).exp().mean()),
            "deviation": float(self.net.latent_deviation.mean()),
        }
        weight = stage.kl * min(1.0, self.step / (RISE * stage.steps))
        return loss + weight * divergence, record | parts

    def _guessed_loss(self, latent: Tensor, position: Tensor) -> tuple[Tensor, dict[str, float], list[Tensor]]:
        """Of grids as the guess has them; these grids as well."""
        net = self.net.function
        assert net is not None
        real: dict[int, Tensor] = {}

        def quantise(k: int, grid: Tensor) -> Tensor:
            real[k] = grid
            return round_straight_through(grid)

        grids, made = net.guessed(latent, position, quantise)
        bits = latent.new_zeros(len(latent))
        for k, (mean, log_scale) in enumerate(net.model(grids, position)):
            rate = torch.exp2(-log_scale.clamp(*LOG_SCALES))
            true = laplace_bits((grids[k].detach() - mean).abs(), rate)
            # rounding has no gradient: that of uniform noise takes its place
            noise = torch.rand(grids[k].shape).to(latent.device) - 0.5
            noisy = laplace_bits((real[k] + noise - mean.detach()).abs(), rate.detach())
            bits = bits + (true + noisy - noisy.detach()).flatten(1).sum(1)
        return *self._priced(latent, made, bits, position), [grid.detach() for grid in grids]

    def _fitted_loss(self, stage: ClricStage, latent: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Of grids that are fitted a little further each time; a new batch begins with the guess."""
        net = self.net.function
        assert net is not None
        number = batch_of_step(self.step, stage.kept, stage.visits)
        slot = number % stage.kept
        position = positions_of_batch(len(latent), self.config.seed, number).to(latent.device)
        known = self._fits.get(slot)
        if known is None or known[0] != number:
            loss, record, guess = self._guessed_loss(latent, position)
            self._fits[slot] = number, Fits.begun(guess)
            return loss, record | {"fitted": 0.0}
        fits = fitted_further(net, latent, position, known[1], stage.iterations)
        self._fits[slot] = number, fits
        grids = [grid.float() for grid in fits.grids]
        bits = latent.new_zeros(len(latent))
        for grid, (mean, log_scale) in zip(grids, net.model(grids, position), strict=True):
            rate = torch.exp2(-log_scale.clamp(*LOG_SCALES))
            bits = bits + laplace_bits((grid - mean).abs(), rate).flatten(1).sum(1)
        loss, record = self._priced(latent, net.synthesis(grids, position), bits, position)
        return loss, record | {"fitted": 1.0}

    def _priced(self, latent: Tensor, made: Tensor, bits: Tensor, position: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Squared error plus what the bits are worth, each crop at a rate of its own."""
        error = (made - latent).square().flatten(1).sum(1)
        worth = worth_at(position)
        per_value = latent[0].numel()
        # errors grow with the price of a bit; every rate shall be heard
        loss = ((error + worth * bits) / worth.pow(0.6)).mean() / per_value
        bits_a_pixel = bits.detach() / (latent[0, 0].numel() * self._network.factor**2)
        return loss, {
            "error": float(error.detach().mean()) / per_value,
            "bpp": float(bits_a_pixel.mean()),
        }

    def _noise(self, stage: ClricStage, latent: Tensor) -> Tensor:
        """Noise for every other crop; weak noise is more frequent than strong."""
        strength = stage.noise * torch.rand(len(latent), 1, 1, 1).square()
        strength[1::2] = 0
        noise = strength * torch.randn(latent.shape)
        return noise.to(latent.device) * self.net.latent_deviation

    @torch.no_grad()
    def _follow_scale(self, mean: Tensor) -> None:
        decay = min(SCALE_DECAY, (1 + self.step) / (10 + self.step)) if self.step else 0.0
        net = self.net
        net.latent_mean.lerp_(mean.mean((0, 2, 3), keepdim=True), 1 - decay)
        variance = (mean - net.latent_mean).square().mean()
        net.latent_deviation.copy_(net.latent_deviation.square().lerp(variance, 1 - decay).sqrt())

    def finish_stage(self, stage: ClricStage) -> None:
        """Go on from the average: a frozen encoder has to be the one that ships."""
        self.net.load_state_dict(self.average.state_dict())

    def extra_state(self) -> dict[str, Any]:
        """Grids that are being fitted; the scale of the latent is part of the network."""
        return {"fits": {slot: (number, fits.grids, fits.share) for slot, (number, fits) in self._fits.items()}}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore them."""
        self._fits = {slot: (number, Fits(*fits)) for slot, (number, *fits) in state.get("fits", {}).items()}
