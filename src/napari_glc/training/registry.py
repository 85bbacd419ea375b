"""From a configuration to the trainer that knows its network."""

from __future__ import annotations

from typing import Any

from ..networks.config import VqganConfig
from ..networks.kl_config import KlConfig
from .config import TrainingConfig
from .glc_trainer import GlcTrainer
from .kl_trainer import KlTrainer
from .vqgan_trainer import VqganTrainer

__all__ = ["make_trainer"]


def make_trainer(config: TrainingConfig, *arguments: Any, **options: Any) -> GlcTrainer | VqganTrainer | KlTrainer:
    """The trainer of a configuration; arguments as for :class:`~napari_glc.training.trainer.Trainer`."""
    if isinstance(config.network, KlConfig):
        return KlTrainer(config, *arguments, **options)
    kind = VqganTrainer if isinstance(config.network, VqganConfig) else GlcTrainer
    return kind(config, *arguments, **options)
