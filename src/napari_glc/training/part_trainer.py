"""Training of one part of a network whose other parts are a model's and stay as they are."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from ..models import ModelFile
from .config import StageConfig, TrainingConfig
from .trainer import Trainer

__all__ = ["PartTrainer"]

_N = TypeVar("_N", bound=nn.Module)
_S = TypeVar("_S", bound=StageConfig)


class PartTrainer(Trainer[_N, _S]):
    """A trainer that starts from a model and changes what the keys of some tensors begin with.

    Attributes
    ----------
    learned_parts
        What the keys of the tensors begin with that learn; the part file holds these and no others.
    base
        The network as it is in the model.

    Parameters
    ----------
    start
        The model, with the part to begin from in its own one's place, or without.
    config, folder, device, **options
        See :class:`~napari_glc.training.trainer.Trainer`.
    """

    learned_parts: ClassVar[tuple[str, ...]]

    def __init__(
        self, config: TrainingConfig, folder: Path, device: str = "cpu", *, start: ModelFile, **options: Any
    ) -> None:
        super().__init__(config, folder, device, start=start, **options)
        self.base = copy.deepcopy(self.net).requires_grad_(False).eval()
        if start.parts:
            self.base.load_state_dict(start.plain.load(), strict=True)

    def learning(self, stage: _S) -> list[nn.Parameter]:
        """The same parameters in every stage."""
        self.net.requires_grad_(False)
        learned = [p for name, p in self.net.named_parameters() if name.startswith(self.learned_parts)]
        for parameter in learned:
            parameter.requires_grad_(True)
        return learned

    def copied(self, net: _N) -> list[Tensor]:
        """None: codebooks are the model's."""
        return []

    def extra_state(self) -> dict[str, Any]:
        """Nothing beyond the network."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Nothing to restore."""
