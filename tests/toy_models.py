"""Where models of the toy codec are from: a training of two stages, and checkpoints that somebody publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from napari_glc.models.importing.kinds import Checkpoint, Checkpoints, Kind, any_of
from napari_glc.models.published import PublishedModel
from napari_glc.training.config import Share, StageConfig
from napari_glc.training.trainer import Trainer
from toy_codec import ToyConfig


class ToyNetwork(nn.Module):
    """One colour."""

    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.middle = nn.Parameter(torch.zeros(3))


# -- training -----------------------------------------------------------------------------------------


class ToyStage(StageConfig, frozen=True, kw_only=True):
    name: Literal["colour", "rest"]
    pull: Share = 0.0


class ToyTrainer(Trainer[ToyNetwork, ToyStage]):
    """Learns the mean colour."""

    stage_config = ToyStage

    def build(self) -> ToyNetwork:
        assert isinstance(self.config.network, ToyConfig)
        return ToyNetwork(self.config.network)

    def learning(self, stage: ToyStage) -> list[nn.Parameter]:
        return [self.net.middle]

    def copied(self, net: ToyNetwork) -> list[Tensor]:
        return []

    def loss(self, stage: ToyStage, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        restored = (self.net.middle / 127.5 - 1).view(1, 3, 1, 1).expand_as(batch)
        loss, record = self.compare(stage, batch, restored)
        return loss + stage.pull * self.net.middle.square().mean(), record

    def extra_state(self) -> dict[str, Any]:
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        pass


# -- published checkpoints ----------------------------------------------------------------------------


def _as_levels(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The authors have 0 to 1, and a picture of one pixel."""
    return {key: 255 * tensor.reshape(3) for key, tensor in tensors.items()}


def _config(checkpoint: Checkpoint) -> ToyConfig:
    """Blocks are larger in a file that has an optimiser's steps as well."""
    return ToyConfig(block=16 if "steps" in checkpoint.aside else 8)


CHECKPOINTS = Checkpoints(
    kinds=(
        Kind(
            title="mean colour",
            licence="none",
            page="https://example.org/colours",
            signature=("colour.mean",),
            aside=any_of("steps$"),
            prepare=_as_levels,
            configure=_config,
            network=f"{__name__}:ToyNetwork",
            names=lambda config: lambda key: f"colour.{key.replace('middle', 'mean')}",
            default_name=lambda config, checkpoint: f"colour-{config.block}",
            lasting={"": frozenset(("block",))},
        ),
    ),
    published=(
        PublishedModel(
            name="colour-8", title="mean colour of all pictures", file="c.pth", page="https://example.org", licence="-"
        ),
    ),
)
