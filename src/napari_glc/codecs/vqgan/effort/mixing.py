"""Choosing among the nearest codewords of every position by annealing (Jang, Gu and Poole 2017, Gumbel softmax).

A choice has no gradient. So what the generator sees is a mixture of the candidates, random and the nearer to a single
one the lower the temperature; the temperature falls until the choices are certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...optimising.adam import Adam
from ...optimising.steering import Price, Step

__all__ = ["Candidates", "choose"]

_WARM, _COLD = 0.6, 0.1
_HARD = 0.15
"""Share of the iterations whose mixtures are single codewords, at the end."""
_SHARPNESS = 4.0
"""By how much the nearest codeword is preferred to one that is farther by a typical step, in logits."""
_SEED = 0


@dataclass(frozen=True)
class Candidates:
    """Codewords that a position may have.

    Attributes
    ----------
    indices
        ``(n, k)``, the nearest first.
    words
        ``(n, k, C)``.
    preference
        Logits to begin with ``(n, k)``.
    """

    indices: Tensor
    words: Tensor
    preference: Tensor

    @classmethod
    def nearest(cls, latent: Tensor, book: Tensor, count: int) -> Candidates:
        """The nearest entries of a codebook ``(K, C)`` to vectors ``(n, C)``."""
        distance = torch.cdist(latent, book).square()
        found = distance.topk(min(count, len(book)), largest=False)
        beyond = found.values - found.values[:, :1]
        typical = beyond[:, 1:2].mean().clamp_min(1e-12) if beyond.shape[1] > 1 else 1.0
        return cls(found.indices, book[found.indices], -_SHARPNESS * beyond / typical)


def choose(
    candidates: Candidates,
    distortion: Callable[[Tensor], tuple[Tensor, float]],
    bits: Callable[[Tensor], Tensor],
    price: Price,
    iterations: int,
    learning_rate: float,
) -> Iterator[tuple[Step, Tensor]]:
    """Anneal; yields after each iteration what is estimated and the choices ``(n,)`` as they stand.

    Parameters
    ----------
    candidates
        Of every position.
    distortion
        Of mixtures ``(n, C)``, differentiable, and its distance of features.
    bits
        Bits of each candidate ``(n, k)``, given the choices ``(n,)``.
    price
        Of a bit.
    iterations, learning_rate
        Of Adam, in logits.
    """
    generator = torch.Generator().manual_seed(_SEED)
    logits = candidates.preference.clone().requires_grad_()
    adam = Adam([logits], learning_rate)
    for iteration in range(iterations):
        done = iteration / iterations
        cost = bits(logits.detach().argmax(1))
        with torch.enable_grad():
            if done >= 1 - _HARD:
                soft = torch.softmax(logits, 1)
                hard = torch.zeros_like(soft).scatter_(1, logits.detach().argmax(1, keepdim=True), 1)
                mixture = soft + (hard - soft).detach()
            else:
                temperature = _WARM * (_COLD / _WARM) ** done
                uniform = torch.rand(logits.shape, generator=generator).clamp(1e-6, 1 - 1e-6).to(logits.device)
                noise = -torch.log(-torch.log(uniform))
                mixture = torch.softmax((logits + noise) / temperature, 1)
            distance, look = distortion((mixture.unsqueeze(2) * candidates.words).sum(1))
            spent = (mixture * cost).sum()
            loss = distance + price() * spent
        loss.backward()
        adam.step()
        yield Step(iteration + 1, float(distance.detach()), look, float(spent.detach())), logits.detach().argmax(1)
