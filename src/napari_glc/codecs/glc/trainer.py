"""Training of ``glc`` models: autoencoder, latent transform coding, and both together."""

from __future__ import annotations

import copy
import math
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from ...networks.config import GlcConfig
from ...networks.glc import GlcNetwork
from ...training.codebook import COMMITMENT, CodebookAverager, flat_positions
from ...training.config import Natural, Share, StageConfig, Weight
from ...training.steering import RateSteering
from ...training.trainer import Trainer
from .code_predictor import CodePredictor
from .differentiable import Coded, code_latent
from .eight_bits import eight_bit_prior

__all__ = ["GlcStage", "GlcTrainer"]

HYPER_CODEBOOK_FROM = 300
"""Step at which the hyper codebook starts from hyper-latents, which by then have left their random beginnings. Chosen
by hand; other values were not tried."""


class GlcStage(StageConfig, frozen=True, kw_only=True):
    """One stage; see also :class:`~napari_glc.training.config.StageConfig`.

    Parameters
    ----------
    name
        ``autoencoder``: reconstruction through the codebook; ``latent``: transform coding of the frozen autoencoder's
        latent; ``joint``: everything, with pixel losses.
    code, latent
        Weights of the code-prediction cross-entropy and of the relative latent error.
    preview
        Weight of the error of the latent decoded from the hyper-prior alone, relative to `latent`.
    quantised
        Share of the pictures that pass the codebook in the autoencoder stage.
    codebook_from
        Step at which the codebook is initialised from latents.
    target_bpp
        Estimated rate each rate point is steered to, by adapting its Lagrange multiplier; empty in the autoencoder
        stage.
    steer
        Relative step of that adaptation.
    multipliers
        What the adaptation begins with in this stage; empty: with what the stage before ended with.
    """

    name: Literal["autoencoder", "latent", "joint"]
    code: Weight = 0.0
    latent: Weight = 0.0
    preview: Weight = 0.1
    quantised: Share = 0.5
    codebook_from: Natural = 600
    target_bpp: tuple[Weight, ...] = ()
    steer: Weight = 0.02
    multipliers: tuple[Weight, ...] = ()

    def shortened(self, steps: int) -> Self:
        """See :meth:`StageConfig.shortened`."""
        return super().shortened(steps).replaced(codebook_from=1)


class GlcTrainer(Trainer[GlcNetwork, GlcStage]):
    """Trains a ``glc`` model; options are those of :class:`~napari_glc.training.trainer.Trainer`."""

    stage_config = GlcStage
    # the prior has its own way: symbols follow from it
    eight_bit_parts = ("vqgan.encoder.", "vqgan.generator.")

    @classmethod
    def exact_tensors(cls, weights: dict[str, Tensor], network: GlcConfig) -> dict[str, Tensor]:
        """The prior's weights as the integers they are evaluated with."""
        return eight_bit_prior(weights, network)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        network = self.net.config
        self.predictor = CodePredictor(network.channels, network.autoencoder.codewords).to(self.device)
        self.codebook = CodebookAverager(self.net.vqgan.quantize)
        self.hyper_codebook = CodebookAverager(self.net.z_vq)
        self.codebook.ready = self.hyper_codebook.ready = options.get("start") is not None
        self.steering = RateSteering(network.rate_points)
        self.teacher: nn.Module | None = None
        # of a model to start from, the first batch tells
        self.latent_variance = 1.0 if options.get("start") is None else 0.0

    def build(self) -> GlcNetwork:
        """The network, its prior giving sensible first answers."""
        assert isinstance(self.config.network, GlcConfig)
        net = GlcNetwork(self.config.network)
        self._start_prior(net)
        return net

    @staticmethod
    def _start_prior(net: GlcNetwork) -> None:
        """Give the prior sensible first answers: step 1, scale 1, mean 0; rate points well apart.

        The blocks multiply their branches and nothing normalises them, so a chain of them at its default
        initialisation can run away; the residual branches therefore start small.
        """
        n = net.config.channels
        for name, module in net.named_modules():
            if name.endswith((".conv_out", ".out_conv", "depth_conv", ".conv1.2")) and not name.startswith("vqgan"):
                assert isinstance(module, nn.Conv2d)
                nn.init.normal_(module.weight, std=0.1 / math.sqrt(module.weight[0].numel()))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        last = net.y_prior_fusion[1].block[1].conv_out  # type: ignore[index,union-attr]
        with torch.no_grad():
            last.bias.zero_()
            last.bias[:n] = 1.0
            gains = torch.tensor([0.5 * 1.6**i for i in range(net.config.rate_points)])
            net.q_enc.copy_(gains.view(-1, 1, 1, 1).expand_as(net.q_enc))
            net.q_dec.copy_(1 / gains.view(-1, 1, 1, 1).expand_as(net.q_dec))

    def learning(self, stage: GlcStage) -> list[nn.Parameter]:
        """Enter a stage: which parameters learn in it."""
        net = self.net
        net.requires_grad_(stage.name != "autoencoder")
        net.vqgan.requires_grad_(stage.name != "latent")
        # both codebooks move by running means, not by gradients
        net.vqgan.quantize.requires_grad_(False)
        net.z_vq.requires_grad_(False)
        if stage.multipliers and self.step == 0:
            self.steering.multipliers = torch.tensor(stage.multipliers)
        if stage.code > 0 and self.teacher is None:
            self.teacher = copy.deepcopy(self.average.vqgan.encoder).eval()
        parameters = [p for p in net.parameters() if p.requires_grad]
        if stage.code > 0:
            parameters += list(self.predictor.parameters())
        return parameters

    def copied(self, net: GlcNetwork) -> list[Tensor]:
        """The two codebooks."""
        return [net.vqgan.quantize.embedding.weight, net.z_vq.embedding.weight]

    def loss(self, stage: GlcStage, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch of pictures and its parts."""
        return self._autoencoder_loss(stage, batch) if stage.name == "autoencoder" else self._coding_loss(stage, batch)

    def _autoencoder_loss(self, stage: GlcStage, x: Tensor) -> tuple[Tensor, dict[str, float]]:
        net, record = self.net, dict[str, float]()
        with self.autocast():
            latent = net.analyse(x)
        latent = latent.float()
        generator = torch.Generator().manual_seed(self.step)
        flat = flat_positions(latent)
        if not self.codebook.ready and self.step >= stage.codebook_from:
            self.codebook.initialise(flat, generator)
        commitment = latent.new_zeros(())
        decoded = latent
        if self.codebook.ready:
            indices = net.vqgan.quantize.indices(latent)
            codewords = net.vqgan.quantize.lookup(indices)
            commitment = (latent - codewords.detach()).square().mean()
            passes = torch.arange(len(x), device=x.device) < round(stage.quantised * len(x))
            decoded = torch.where(passes.view(-1, 1, 1, 1), latent + (codewords - latent).detach(), latent)
            self.codebook.update(flat, indices.flatten().cpu(), generator)
            record |= {"commitment": float(commitment.detach()), "perplexity": self.codebook.perplexity()}
        with self.autocast():
            restored = net.generate(decoded)
        loss, parts = self.compare(stage, x, restored)
        return loss + COMMITMENT * commitment, record | parts

    def _coding_loss(self, stage: GlcStage, x: Tensor) -> tuple[Tensor, dict[str, float]]:
        net = self.net
        joint = stage.name == "joint"
        with torch.set_grad_enabled(joint), self.autocast():
            latent = net.analyse(x)
        latent = latent.float()
        if self.latent_variance == 0:
            self.latent_variance = float(latent.detach().var())
        if not joint:
            self.latent_variance = 0.99 * self.latent_variance + 0.01 * float(latent.var())
        position = self.steering.positions(len(x)).to(x.device)
        with self.autocast():
            coded = code_latent(net, latent, position, quantise_hyper=self.hyper_codebook.ready)
        self._follow_hyper_latent(coded)

        bpp = coded.bits / (x.shape[2] * x.shape[3]) + math.log2(net.z_vq.size) / net.config.hyper_factor**2
        self.steering.update(stage.target_bpp, stage.steer, position.cpu(), bpp.detach().cpu())
        multiplier = self.steering.at(position.cpu()).to(x.device)
        target = latent.detach()
        error = ((coded.latent_hat - target).square().mean((1, 2, 3)) / self.latent_variance).mean()
        preview = (coded.preview - target).square().mean() / self.latent_variance
        loss = (multiplier * bpp).mean() + coded.hyper_loss
        loss = loss + stage.latent * error + stage.preview * stage.latent * preview
        record = {
            "bpp": float(bpp.detach().mean()),
            "latent": float(error.detach()),
            "preview": float(preview.detach()),
        }
        record["hyper_perplexity"] = self.hyper_codebook.perplexity()
        record |= self.steering.record()
        if stage.code > 0:
            assert self.teacher is not None
            with torch.inference_mode(), self.autocast():
                taught = self.teacher(x)
            indices = net.vqgan.quantize.indices(taught.float()).clone()
            code = self.predictor(coded.latent_hat, indices)
            loss = loss + stage.code * code
            record["code"] = float(code.detach())
        if joint:
            with self.autocast():
                restored = net.generate(coded.latent_hat)
            picture_loss, parts = self.compare(stage, x, restored)
            loss, record = loss + picture_loss, record | parts
        return loss, record

    def _follow_hyper_latent(self, coded: Coded) -> None:
        """Move the hyper codebook; its first codewords are hyper-latents of the first batch."""
        generator = torch.Generator().manual_seed(self.step)
        flat = flat_positions(coded.hyper_latent)
        if self.hyper_codebook.ready:
            self.hyper_codebook.update(flat, coded.hyper_indices.flatten().cpu(), generator)
        elif self.step >= HYPER_CODEBOOK_FROM:
            self.hyper_codebook.initialise(flat, generator)

    # -- checkpoints --------------------------------------------------------------------------------

    def extra_state(self) -> dict[str, Any]:
        """Predictor, codebook averages, teacher, multipliers."""
        return {
            "predictor": self.predictor.state_dict(),
            "codebook": self.codebook.state_dict(),
            "hyper_codebook": self.hyper_codebook.state_dict(),
            "teacher": None if self.teacher is None else self.teacher.state_dict(),
            "multipliers": self.steering.multipliers,
            "measured": self.steering.measured,
            "latent_variance": self.latent_variance,
        }

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`extra_state`."""
        self.predictor.load_state_dict(state["predictor"])
        self.codebook.load_state_dict(state["codebook"])
        self.hyper_codebook.load_state_dict(state["hyper_codebook"])
        if state["teacher"] is not None:
            self.teacher = copy.deepcopy(self.average.vqgan.encoder).eval()
            self.teacher.load_state_dict(state["teacher"])
        self.steering.multipliers, self.steering.measured = state["multipliers"].cpu(), state["measured"].cpu()
        self.latent_variance = state["latent_variance"]
