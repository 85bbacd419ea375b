"""Index maps of the training pictures, made once the encoder and the codebooks stand still."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...networks.index_map import IndexMapNetwork

__all__ = ["IndexMapCrops", "index_maps"]

PASSES = 6
"""Magnifications at which every picture is seen."""

_ALIGNMENT = 16


@torch.inference_mode()
def index_maps(
    net: IndexMapNetwork, pictures: list[NDArray[np.uint8]], cache: Path, zoom: tuple[float, float]
) -> list[Tensor]:
    """Index maps of all codebooks for every picture at several magnifications, every other one mirrored.

    Parameters
    ----------
    net
        Encoder and codebooks.
    pictures
        ``(H, W, 3)`` uint8.
    cache
        File that keeps them for a resumed training.
    zoom
        Least and greatest magnification.

    Returns
    -------
    list of Tensor
        Int16 ``(codebooks, h, w)`` each.
    """
    if cache.exists():
        maps: list[Tensor] = torch.load(cache, weights_only=True)
        return maps
    device = next(net.parameters()).device
    rng = np.random.default_rng(0)
    maps = []
    for number in range(PASSES):
        for picture in pictures:
            scale = float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1]))))
            x = torch.from_numpy(picture.copy()).permute(2, 0, 1).unsqueeze(0).to(device).float()
            sides = [max(1, round(s * scale / _ALIGNMENT)) * _ALIGNMENT for s in x.shape[2:]]
            x = F.interpolate(x, sides, mode="bicubic", antialias=True).clamp(0, 255).div(127.5).sub(1)
            if number % 2:
                x = x.flip(3)
            with torch.autocast(device.type, torch.bfloat16):
                latent = net.analyse(x.contiguous(memory_format=torch.channels_last))
            found = [net.codebook(i).indices(latent.float())[0] for i in range(len(net.codebooks))]
            maps.append(torch.stack(found).to(torch.int16).cpu())
    torch.save(maps, cache)
    return maps


class IndexMapCrops:
    """Endless random crops of index maps, reproducible from a seed and a step number.

    Parameters
    ----------
    maps
        See :func:`index_maps`.
    codebooks
        Sizes of the codebooks.
    size
        Side of a crop in indices.
    batch
        Crops a batch.
    seed
        Of the whole sequence.
    """

    def __init__(self, maps: list[Tensor], codebooks: tuple[int, ...], size: int, batch: int, seed: int) -> None:
        self.maps, self.size, self.batch, self.seed = maps, size, batch, seed
        # large codebooks have more to learn
        weights = np.sqrt(np.array(codebooks, dtype=float))
        weights += weights.mean() / 2
        self.weights = weights / weights.sum()

    def __call__(self, step: int) -> Tensor:
        """Batch number `step`: int64 ``(batch + 1, size, size)``; the last entry is filled with the rate level."""
        rng = np.random.default_rng((self.seed, step))
        level = int(rng.choice(len(self.weights), p=self.weights))
        crops = [self._crop(rng, level) for _ in range(self.batch)]
        return torch.stack([*crops, torch.full_like(crops[0], level)]).long()

    def _crop(self, rng: np.random.Generator, level: int) -> Tensor:
        while True:
            whole = self.maps[rng.integers(len(self.maps))][level]
            height, width = whole.shape
            if min(height, width) >= self.size:
                top, left = rng.integers(height - self.size + 1), rng.integers(width - self.size + 1)
                return whole[top : top + self.size, left : left + self.size]
