"""How a prediction is drawn from a distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import OptionError

__all__ = ["Sampling"]


@dataclass(frozen=True)
class Sampling:
    """Temperature, top-k and seed; temperature 0 takes the most probable index.

    Raises
    ------
    OptionError
        If the temperature is negative or `top_k` is below 1.
    """

    temperature: float = 0.0
    top_k: int | None = None
    seed: int = 0
    _generator: torch.Generator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.temperature >= 0 or (self.top_k is not None and self.top_k < 1):
            raise OptionError("a temperature is not negative and top_k at least 1")
        object.__setattr__(self, "_generator", torch.Generator().manual_seed(self.seed))

    def draw(self, logits: Tensor) -> Tensor:
        """Indices ``(n,)`` from logits ``(n, K)``; successive calls continue one random sequence."""
        if self.temperature == 0:
            return logits.argmax(-1)
        scaled = logits.float().cpu() / self.temperature
        if self.top_k is not None and self.top_k < scaled.shape[-1]:
            least = scaled.topk(self.top_k, dim=-1).values[:, -1:]
            scaled = scaled.masked_fill(scaled < least, -math.inf)
        drawn = torch.multinomial(scaled.softmax(-1), 1, generator=self._generator)
        return drawn[:, 0].to(logits.device)
