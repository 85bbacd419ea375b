"""Crops of latents to train on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...networks.kl import KlAutoencoder

__all__ = ["LatentCrops"]

_MOST = 512
"""Of a picture, at most that many pixels a side are encoded."""
_FIRST, _MORE = 64, 2
"""Pictures drawn from in the first step, and how many more in each further one."""


class LatentCrops:
    """Endless random crops of pictures' latents, reproducible from a seed and a step number.

    Every picture is encoded once, when it is first drawn, and kept in half precision. Pictures come in little by
    little, so that learning begins before all are encoded.

    Parameters
    ----------
    pictures
        ``(H, W, 3)`` uint8 arrays.
    net
        Whose encoder it is.
    size
        Side of a crop in latent positions.
    batch
        Crops a batch.
    seed
        Of the whole sequence.
    """

    def __init__(self, pictures: list[NDArray[np.uint8]], net: KlAutoencoder, size: int, batch: int, seed: int) -> None:
        self.pictures, self.net, self.size, self.batch, self.seed = pictures, net, size, batch, seed
        self._order = np.random.default_rng((seed, len(pictures))).permutation(len(pictures))
        self._known: dict[int, Tensor] = {}

    def __call__(self, step: int) -> Tensor:
        """Batch number `step`: float32 ``(B, C, size, size)``."""
        rng = np.random.default_rng((self.seed, step))
        among = self._order[: _FIRST + _MORE * step]
        return torch.stack([self._crop(rng, among) for _ in range(self.batch)]).float()

    def _crop(self, rng: np.random.Generator, among: NDArray[np.int64]) -> Tensor:
        latent = self._latent(int(rng.choice(among)))
        height, width = latent.shape[1:]
        top = rng.integers(max(1, height - self.size + 1))
        left = rng.integers(max(1, width - self.size + 1))
        crop = latent[:, top : top + self.size, left : left + self.size]
        below, right = self.size - crop.shape[1], self.size - crop.shape[2]
        return torch.nn.functional.pad(crop[None].float(), (0, right, 0, below), mode="replicate")[0].half()

    def _latent(self, index: int) -> Tensor:
        # the same array occurs several times in the list where pictures count more than once
        key = id(self.pictures[index])
        if key not in self._known:
            picture = self.pictures[index][:_MOST, :_MOST]
            height, width = (side // 8 * 8 for side in picture.shape[:2])
            device = self.net.latent_mean.device
            x = torch.from_numpy(picture[:height, :width].transpose(2, 0, 1).copy()).float()[None].to(device)
            with torch.no_grad():
                self._known[key] = self.net.analyse(x / 127.5 - 1)[0].half().cpu()
        return self._known[key]
