"""Adam without the compiler of PyTorch.

The first `torch.optim.Adam` of a process imports `torch._dynamo`: two seconds and more on a quiet machine, in which
nothing can be cancelled, for something that is never used here. The function behind it does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

__all__ = ["Adam"]


class Adam:
    """The same steps as those of :class:`torch.optim.Adam`.

    Parameters
    ----------
    variables
        What is learned, in place.
    rate
        Learning rate; may be changed between steps.
    betas
        How much of the mean gradient, and of the mean square, is kept at each step.
    """

    def __init__(self, variables: Sequence[Tensor], rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.rate = rate
        self._variables, self._betas = list(variables), betas
        with torch.no_grad():
            self._means = [torch.zeros_like(variable) for variable in self._variables]
            self._squares = [torch.zeros_like(variable) for variable in self._variables]
        self._steps = [torch.zeros(()) for _ in self._variables]

    @torch.no_grad()
    def step(self) -> None:
        """Move along the gradients, and forget them. What has none stays."""
        moved = [place for place, variable in enumerate(self._variables) if variable.grad is not None]
        variables = [self._variables[place] for place in moved]
        adam(
            variables,
            [variable.grad for variable in variables if variable.grad is not None],
            [self._means[place] for place in moved],
            [self._squares[place] for place in moved],
            [],
            [self._steps[place] for place in moved],
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=self.rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
        for variable in variables:
            variable.grad = None
