"""The training loop: three stages, resumable at any step, reproducible from a seed.

Every random choice of step *n* depends on the seed and on *n* alone, so a resumed training sees the crops
an uninterrupted one would have seen.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..models import ModelFile
from ..networks.config import GlcConfig
from ..networks.glc import GlcNetwork
from .auxiliary import CodePredictor
from .codebook import CodebookAverager
from .config import StageConfig, TrainingConfig
from .data import Crops, load_pictures
from .picture_loss import PictureLoss
from .rate import Coded, code_latent
from .steering import RateSteering

__all__ = ["Trainer"]

HYPER_CODEBOOK_FROM = 300


class Trainer:
    """Runs the stages of one configuration in a folder.

    Parameters
    ----------
    config
        What to do.
    folder
        Where ``checkpoint.pt`` and ``log.jsonl`` live; an existing checkpoint is resumed.
    device
        Torch device.
    start
        A model to start from instead of random weights; its network must be the configuration's.
    checkpoint_seconds
        Wall time between two checkpoints.

    Raises
    ------
    ModelError
        If `start` holds another network.
    """

    def __init__(
        self,
        config: TrainingConfig,
        folder: Path,
        device: str = "cpu",
        *,
        start: ModelFile | None = None,
        checkpoint_seconds: float = 240,
    ) -> None:
        self.config, self.folder, self.device = config, folder, torch.device(device)
        self.checkpoint_seconds = checkpoint_seconds
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.net = GlcNetwork(config.network)
        self._start_prior(self.net)
        if start is not None:
            self._start_from(start)
        self.net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).requires_grad_(False).eval()
        self.predictor = CodePredictor(config.network.channels, config.network.autoencoder.codewords).to(self.device)
        self.codebook = CodebookAverager(self.net.vqgan.quantize)
        self.hyper_codebook = CodebookAverager(self.net.z_vq)
        self.codebook.ready = self.hyper_codebook.ready = start is not None
        self.picture_loss = PictureLoss(config.data.features, self.device)
        self.steering = RateSteering(config.network.rate_points)
        self.optimizer: torch.optim.Optimizer | None = None
        self._optimizer_state: dict[str, Any] | None = None
        self.stage, self.step = 0, 0
        self.pictures, _ = load_pictures(config.data.archive, config.data.index, held_out=False)
        self.teacher: nn.Module | None = None
        self.latent_variance = 1.0

    def _start_from(self, model: ModelFile) -> None:
        if model.network_config(GlcConfig) != self.config.network:
            raise ModelError(f"{model.path} holds another network than the one this configuration trains")
        self.net.load_state_dict(model.load(), strict=True)

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

    # -- running ------------------------------------------------------------------------------------

    def run(self) -> Iterator[dict[str, float]]:
        """Train to the end of the last stage; yields a record of every step.

        A checkpoint is written every few minutes and at the end of each stage.
        """
        self._resume()
        while self.stage < len(self.config.stages):
            stage = self.config.stages[self.stage]
            yield from self._run_stage(stage)
            self._save(f"stage{self.stage}_{stage.name}.pt")
            self.stage, self.step = self.stage + 1, 0
            self.optimizer = None
            self._save()

    def _run_stage(self, stage: StageConfig) -> Iterator[dict[str, float]]:
        seed = self.config.seed * 1000 + self.stage
        crops = Crops(self.pictures, stage.crop, stage.batch, seed, self.config.data.zoom)
        self._enter(stage)
        saved = time.monotonic()
        with open(self.folder / "log.jsonl", "a") as log:
            while self.step < stage.steps:
                torch.manual_seed(seed * 1_000_003 + self.step)
                started = time.monotonic()
                rate = self._learning_rate(stage)
                assert self.optimizer is not None
                for group in self.optimizer.param_groups:
                    group["lr"] = rate
                record = self._step(stage, crops(self.step).to(self.device))
                self._average()
                self.step += 1
                record = {"stage": self.stage, "step": self.step, "lr": rate, **record}
                record["seconds"] = time.monotonic() - started
                if self.step % 50 == 0 or self.step == stage.steps:
                    log.write(json.dumps({k: float(f"{v:.5g}") for k, v in record.items()}) + "\n")
                    log.flush()
                if time.monotonic() - saved > self.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
                yield record

    def _enter(self, stage: StageConfig) -> None:
        """Choose what learns in this stage and build its optimiser."""
        net = self.net
        net.requires_grad_(stage.name != "autoencoder")
        net.vqgan.requires_grad_(stage.name != "latent")
        # both codebooks move by running means, not by gradients
        net.vqgan.quantize.requires_grad_(False)
        net.z_vq.requires_grad_(False)
        if stage.code > 0 and self.teacher is None:
            self.teacher = copy.deepcopy(self.average.vqgan.encoder).eval()
        learning = [p for p in net.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [{"params": learning}]
        if stage.code > 0:
            groups.append({"params": list(self.predictor.parameters())})
        fused = self.device.type != "mps"
        self.optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.98), weight_decay=0.0, fused=fused)
        if self._optimizer_state is not None:
            self.optimizer.load_state_dict(self._optimizer_state)
            self._optimizer_state = None

    def _learning_rate(self, stage: StageConfig) -> float:
        if self.step < stage.warmup:
            return stage.learning_rate * (self.step + 1) / stage.warmup
        progress = (self.step - stage.warmup) / max(1, stage.steps - stage.warmup)
        return stage.learning_rate * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * progress)))

    # -- one step -----------------------------------------------------------------------------------

    def _step(self, stage: StageConfig, x: Tensor) -> dict[str, float]:
        if stage.name == "autoencoder":
            loss, record = self._autoencoder_loss(stage, x)
        else:
            loss, record = self._coding_loss(stage, x)
        optimizer = self.optimizer
        assert optimizer is not None
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        learning = [p for group in optimizer.param_groups for p in group["params"]]
        record["gradient"] = float(nn.utils.clip_grad_norm_(learning, 1.0))
        if math.isfinite(record["gradient"]):
            optimizer.step()
        record["loss"] = float(loss.detach())
        return record

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)

    def _autoencoder_loss(self, stage: StageConfig, x: Tensor) -> tuple[Tensor, dict[str, float]]:
        net, record = self.net, dict[str, float]()
        with self._autocast():
            latent = net.analyse(x)
        latent = latent.float()
        generator = torch.Generator().manual_seed(self.step)
        flat = latent.detach().permute(0, 2, 3, 1).reshape(-1, latent.shape[1]).cpu()
        if not self.codebook.ready and self.step >= stage.codebook_from:
            self.codebook.initialise(flat, generator)
        commitment = latent.new_zeros(())
        decoded = latent
        if self.codebook.ready:
            indices = net.vqgan.quantize.indices(latent)
            words = net.vqgan.quantize.lookup(indices)
            commitment = (latent - words.detach()).square().mean()
            passes = torch.arange(len(x), device=x.device) < round(stage.quantised * len(x))
            decoded = torch.where(passes.view(-1, 1, 1, 1), latent + (words - latent).detach(), latent)
            self.codebook.update(flat, indices.flatten().cpu(), generator)
            record |= {"commitment": float(commitment.detach()), "perplexity": self.codebook.perplexity()}
        with self._autocast():
            restored = net.generate(decoded)
        loss, parts = self.picture_loss(stage, self.step, self._learning_rate(stage), x, restored.float())
        return loss + 0.25 * commitment, record | parts

    def _coding_loss(self, stage: StageConfig, x: Tensor) -> tuple[Tensor, dict[str, float]]:
        net = self.net
        joint = stage.name == "joint"
        with torch.set_grad_enabled(joint), self._autocast():
            latent = net.analyse(x)
        latent = latent.float()
        if not joint:
            self.latent_variance = 0.99 * self.latent_variance + 0.01 * float(latent.var())
        position = self.steering.positions(len(x)).to(x.device)
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
            with torch.inference_mode(), self._autocast():
                taught = self.teacher(x)
            indices = net.vqgan.quantize.indices(taught.float()).clone()
            code = self.predictor(coded.latent_hat, indices)
            loss = loss + stage.code * code
            record["code"] = float(code.detach())
        if joint:
            with self._autocast():
                restored = net.generate(coded.latent_hat)
            picture_loss, parts = self.picture_loss(stage, self.step, self._learning_rate(stage), x, restored.float())
            loss, record = loss + picture_loss, record | parts
        return loss, record

    def _follow_hyper_latent(self, coded: Coded) -> None:
        """Move the hyper codebook; its first words are hyper-latents of the first batch."""
        generator = torch.Generator().manual_seed(self.step)
        flat = coded.hyper_latent.detach().permute(0, 2, 3, 1).reshape(-1, coded.hyper_latent.shape[1]).cpu()
        if self.hyper_codebook.ready:
            self.hyper_codebook.update(flat, coded.hyper_indices.flatten().cpu(), generator)
        elif self.step >= HYPER_CODEBOOK_FROM:
            self.hyper_codebook.initialise(flat, generator)

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        ours: list[Tensor] = list(self.average.parameters())
        theirs: list[Tensor] = list(self.net.parameters())
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        self.average.vqgan.quantize.embedding.weight.copy_(self.net.vqgan.quantize.embedding.weight)
        self.average.z_vq.embedding.weight.copy_(self.net.z_vq.embedding.weight)

    # -- checkpoints --------------------------------------------------------------------------------

    def _save(self, name: str = "checkpoint.pt") -> None:
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "predictor": self.predictor.state_dict(),
            "discriminator": self.picture_loss.discriminator.state_dict(),
            "discriminator_optimizer": self.picture_loss.optimizer.state_dict(),
            "codebook": self.codebook.state_dict(),
            "hyper_codebook": self.hyper_codebook.state_dict(),
            "teacher": None if self.teacher is None else self.teacher.state_dict(),
            "optimizer": None if self.optimizer is None else self.optimizer.state_dict(),
            "multipliers": self.steering.multipliers,
            "measured": self.steering.measured,
            "latent_variance": self.latent_variance,
            "stage": self.stage,
            "step": self.step,
        }
        temporary = self.folder / f".{name}.{os.getpid()}"
        torch.save(state, temporary)
        temporary.replace(self.folder / name)

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.predictor.load_state_dict(state["predictor"])
        self.picture_loss.discriminator.load_state_dict(state["discriminator"])
        self.picture_loss.optimizer.load_state_dict(state["discriminator_optimizer"])
        self.codebook.load_state_dict(state["codebook"])
        self.hyper_codebook.load_state_dict(state["hyper_codebook"])
        if state["teacher"] is not None:
            self.teacher = copy.deepcopy(self.average.vqgan.encoder).eval()
            self.teacher.load_state_dict(state["teacher"])
        self._optimizer_state = state["optimizer"]
        self.steering.multipliers, self.steering.measured = state["multipliers"].cpu(), state["measured"].cpu()
        self.latent_variance = state["latent_variance"]
        self.stage, self.step = state["stage"], state["step"]
