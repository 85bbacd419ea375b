"""How far apart two crowds of features are, whatever belongs together: Fréchet and kernel distance, picture by picture.

What is kept of a crowd is small and exact: its mean and covariance in double precision, as if they were computed of all
features at once, and, for the kernel distance, the features themselves. No patch is written anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, OptionError

__all__ = ["Crowd", "frechet_distance", "kernel_distance"]

SUBSETS = 100
"""Of the kernel distance, as published."""
SUBSET_SIZE = 1000
SEED = 2020
"""Of the draw, torch-fidelity's."""


class Crowd:
    """Features of the patches of many pictures, one picture after the other.

    Parameters
    ----------
    keep
        Whether to keep the features, which the kernel distance needs: four bytes for each number.

    Attributes
    ----------
    count
        Patches so far.
    mean
        ``(d,)`` float64.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(0)
        self._scatter: NDArray[np.float64] = np.zeros((0, 0))
        self._kept: list[NDArray[np.float32]] | None = [] if keep else None

    def add(self, features: NDArray[np.floating]) -> None:
        """Take in features ``(n, d)``.

        Raises
        ------
        ModelError
            If some are not finite, as those of a network with the weights of another one.
        """
        if not np.isfinite(features).all():
            raise ModelError("the network's features are not finite: its weights are damaged, or another network's")
        numbers = features.astype(np.float64)
        if len(numbers):
            centred = numbers - numbers.mean(0)
            self._take_in(len(numbers), numbers.mean(0), centred.T @ centred)
            if self._kept is not None:
                self._kept.append(features.astype(np.float32))

    def merge(self, other: Crowd) -> None:
        """Take in another crowd, as one gathered by another process."""
        if other.count:
            self._take_in(other.count, other.mean, other._scatter)
        if self._kept is not None:
            self._kept += other._kept or []

    def _take_in(self, count: int, mean: NDArray[np.float64], scatter: NDArray[np.float64]) -> None:
        """Chan, Golub and LeVeque (1979): the sums of squares of two samples become those of both."""
        if not self.count:
            self.count, self.mean, self._scatter = count, mean, scatter.copy()
            return
        total, shift = self.count + count, mean - self.mean
        self._scatter += scatter + np.outer(shift, shift) * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    @property
    def covariance(self) -> NDArray[np.float64]:
        """``(d, d)`` float64, of ``count - 1`` degrees of freedom.

        Raises
        ------
        OptionError
            Of fewer than two patches.
        """
        _check_crowd(self)
        return self._scatter / (self.count - 1)

    @property
    def root(self) -> NDArray[np.float64]:
        """A matrix ``(d, rank)``; its product with its transpose is the covariance.

        Raises
        ------
        OptionError
            Of fewer than two patches.
        """
        covariance = self.covariance
        if self._kept is not None and self.count < len(self.mean):
            # few patches span few dimensions
            return (self.features - self.mean).T / math.sqrt(self.count - 1)
        values, vectors = np.linalg.eigh(covariance)
        there = values > values[-1] * len(values) * np.finfo(np.float64).eps
        root: NDArray[np.float64] = vectors[:, there] * np.sqrt(values[there])
        return root

    @property
    def features(self) -> NDArray[np.float32]:
        """All features ``(count, d)``.

        Raises
        ------
        OptionError
            If they were not kept.
        """
        if self._kept is None:
            raise OptionError("the features of this crowd were not kept")
        return np.concatenate(self._kept) if self._kept else np.zeros((0, len(self.mean)), np.float32)


def _check_crowd(crowd: Crowd) -> None:
    if crowd.count < 2:
        raise OptionError(f"a distance between crowds needs two patches or more, and there is {crowd.count or 'none'}")


def frechet_distance(one: Crowd, other: Crowd) -> float:
    """Squared Fréchet distance between the normal distributions fitted to two crowds.

    Dowson and Landau (1982); of features of Inception it is the Fréchet Inception distance (Heusel et al., NIPS 2017).
    Small crowds overestimate it: compare only distances of crowds of equal sizes.

    Raises
    ------
    OptionError
        If one has fewer than two patches.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(1).normal(size=(500, 3))
    >>> one, other = Crowd(), Crowd()
    >>> one.add(points)
    >>> other.add(points + 2)
    >>> round(frechet_distance(one, one), 6), round(frechet_distance(one, other), 6)
    (0.0, 12.0)
    """
    first, second = one.covariance, other.covariance
    # the trace of the root of their product, by singular values: a root of rounding errors would be large
    common = np.linalg.svd(one.root.T @ other.root, compute_uv=False).sum()
    shift = one.mean - other.mean
    # of equal crowds a rounding error may be left
    return max(0.0, float(shift @ shift + np.trace(first) + np.trace(second) - 2 * common))


def kernel_distance(one: Crowd, other: Crowd, *, subsets: int = SUBSETS, size: int = SUBSET_SIZE) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel ``(x . y / d + 1)^3``, averaged over random subsets.

    Of features of Inception it is the kernel Inception distance (Binkowski et al., ICLR 2018). Unlike the Fréchet
    distance it does not depend on how many patches there are; of equal crowds it may be slightly negative.

    Parameters
    ----------
    one, other
        Crowds that kept their features.
    subsets, size
        How many subsets of how many patches. Smaller crowds are taken as a whole.

    Raises
    ------
    OptionError
        If one has fewer than two patches, or did not keep its features.
    """
    _check_crowd(one)
    _check_crowd(other)
    found = [_discrepancy(*pair) for pair in _subsets(one.features, other.features, subsets, size)]
    return float(np.mean(found))


def _subsets(
    one: NDArray[np.float32], other: NDArray[np.float32], subsets: int, size: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    if max(len(one), len(other)) <= size:
        yield one.astype(np.float64), other.astype(np.float64)
        return
    # the generator torch-fidelity draws with, so that both see the same subsets
    draw = np.random.RandomState(SEED)
    for _ in range(subsets):
        chosen = [side[draw.choice(len(side), min(size, len(side)), replace=False)] for side in (one, other)]
        yield chosen[0].astype(np.float64), chosen[1].astype(np.float64)


def _discrepancy(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = (a @ b.T / a.shape[1] + 1) ** 3
        return values

    def among(a: NDArray[np.float64]) -> float:
        values = kernel(a, a)
        return float((values.sum() - np.trace(values)) / (len(a) * (len(a) - 1)))

    return among(x) + among(y) - 2 * float(kernel(x, y).mean())
