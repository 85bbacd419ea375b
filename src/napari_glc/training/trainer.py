"""The training loop: stages, resumable at any step, reproducible from a seed.

Every random choice of step *n* depends on the seed and on *n* alone, so a resumed training sees the crops
an uninterrupted one would have seen.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..models import ModelFile
from .config import StageConfig, TrainingConfig
from .data import Crops
from .material import load_material
from .picture_loss import PictureLoss

__all__ = ["Trainer"]

LAST_RATE = 0.03
"""Learning rate at the end of a stage as a share of its peak: low enough to settle, and never a wasted step. Chosen by
hand; other values were not tried."""

_N = TypeVar("_N", bound=nn.Module)
_S = TypeVar("_S", bound=StageConfig)


class Trainer(ABC, Generic[_N, _S]):
    """Runs the stages of one configuration in a folder; a subclass knows the network and its losses.

    Attributes
    ----------
    stage_config
        What its stages are configured by.
    projected
        Whether its discriminator sees features instead of pixels.
    eight_bit_parts
        What the keys of the tensors begin with that models hold in eight bits; see
        :func:`~napari_glc.training.export.export_model`.

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

    stage_config: ClassVar[type[StageConfig]]
    projected: ClassVar[bool] = False
    eight_bit_parts: ClassVar[tuple[str, ...]] = ()

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
        self.net = self.build()
        if start is not None:
            self._start_from(start)
        self.net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).requires_grad_(False).eval()
        self.picture_loss = PictureLoss(config.data.features, self.device, projected=self.projected)
        self.optimizer: torch.optim.Optimizer | None = None
        self._optimizer_state: dict[str, Any] | None = None
        self.stage, self.step = 0, 0
        self.pictures = load_material(config.data, held_out=False)

    def _start_from(self, model: ModelFile) -> None:
        if model.network_config(type(self.config.network)) != self.config.network:
            raise ModelError(f"{model.path} holds another network than the one this configuration trains")
        self.net.load_state_dict(model.load(), strict=True)

    # -- what a subclass knows ------------------------------------------------------------------------

    @abstractmethod
    def build(self) -> _N:
        """The network with its first weights."""

    @abstractmethod
    def learning(self, stage: _S) -> list[nn.Parameter]:
        """Enter a stage: which parameters learn in it."""

    @abstractmethod
    def loss(self, stage: _S, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch and its parts for the log."""

    @abstractmethod
    def copied(self, net: _N) -> list[Tensor]:
        """Tensors of the network that the average takes as they are: they are running means already."""

    @abstractmethod
    def extra_state(self) -> dict[str, Any]:
        """What a checkpoint holds beyond network, discriminator and optimisers."""

    @abstractmethod
    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`extra_state`."""

    @classmethod
    def exact_tensors(cls, weights: dict[str, Tensor], network: Any) -> dict[str, Tensor]:
        """What models hold of these weights under their names as it is given here, to the bit; by default nothing."""
        return {}

    def batches(self, stage: _S, seed: int) -> Callable[[int], Tensor]:
        """The batch of each step: crops of the pictures."""
        return Crops(self.pictures, stage.crop, stage.batch, seed, self.config.data.zoom)

    def finish_stage(self, stage: _S) -> None:
        """Called after the last step of a stage, before its checkpoint."""

    # -- running ------------------------------------------------------------------------------------

    def run(self) -> Iterator[dict[str, float]]:
        """Train to the end of the last stage; yields a record of every step.

        A checkpoint is written every few minutes and at the end of each stage.
        """
        self._resume()
        while self.stage < len(self.config.stages):
            stage = cast("_S", self.config.stages[self.stage])
            yield from self._run_stage(stage)
            self.finish_stage(stage)
            self._save(f"stage{self.stage}_{stage.name}.pt")
            self.stage, self.step = self.stage + 1, 0
            self.optimizer = None
            self._save()

    def _run_stage(self, stage: _S) -> Iterator[dict[str, float]]:
        seed = self.config.seed * 1000 + self.stage
        self._enter(stage)
        batches = self.batches(stage, seed)
        saved = time.monotonic()
        with open(self.folder / "log.jsonl", "a") as log:
            while self.step < stage.steps:
                torch.manual_seed(seed * 1_000_003 + self.step)
                started = time.monotonic()
                rate = self._learning_rate(stage)
                assert self.optimizer is not None
                for group in self.optimizer.param_groups:
                    group["lr"] = rate
                record = self._step(stage, batches(self.step).to(self.device))
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

    def _enter(self, stage: _S) -> None:
        """Build the optimiser of a stage."""
        fused = self.device.type != "mps"
        learning = self.learning(stage)
        self.optimizer = torch.optim.AdamW(
            learning, lr=1e-4, betas=(0.9, 0.98), weight_decay=stage.weight_decay, fused=fused
        )
        if self._optimizer_state is not None:
            self.optimizer.load_state_dict(self._optimizer_state)
            self._optimizer_state = None

    def _learning_rate(self, stage: StageConfig) -> float:
        """A linear rise, then half a cosine (Loshchilov and Hutter 2017) that ends at a small share of the peak."""
        if self.step < stage.warmup:
            return stage.learning_rate * (self.step + 1) / stage.warmup
        progress = (self.step - stage.warmup) / max(1, stage.steps - stage.warmup)
        return stage.learning_rate * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * progress)))

    # -- one step -----------------------------------------------------------------------------------

    def _step(self, stage: _S, batch: Tensor) -> dict[str, float]:
        loss, record = self.loss(stage, batch)
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

    def autocast(self) -> torch.autocast:
        """Mixed precision of forward passes."""
        return torch.autocast(self.device.type, torch.bfloat16)

    def compare(
        self, stage: StageConfig, picture: Tensor, restored: Tensor, sigma: Tensor | None = None
    ) -> tuple[Tensor, dict[str, float]]:
        """The picture loss at the present step."""
        return self.picture_loss(stage, self.step, self._learning_rate(stage), picture, restored.float(), sigma)

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        ours: list[Tensor] = list(self.average.parameters())
        theirs: list[Tensor] = list(self.net.parameters())
        torch._foreach_lerp_(ours, theirs, 1 - decay)
        for mine, its in zip(self.copied(self.average), self.copied(self.net), strict=True):
            mine.copy_(its)

    # -- checkpoints --------------------------------------------------------------------------------

    def _save(self, name: str = "checkpoint.pt") -> None:
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "discriminator": self.picture_loss.discriminator.state_dict(),
            "discriminator_optimizer": self.picture_loss.optimizer.state_dict(),
            "optimizer": None if self.optimizer is None else self.optimizer.state_dict(),
            "stage": self.stage,
            "step": self.step,
            **self.extra_state(),
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
        self.picture_loss.discriminator.load_state_dict(state["discriminator"])
        self.picture_loss.optimizer.load_state_dict(state["discriminator_optimizer"])
        self._optimizer_state = state["optimizer"]
        self.stage, self.step = state["stage"], state["step"]
        self.load_extra_state(state)
