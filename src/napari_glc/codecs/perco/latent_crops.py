"""Latents of training crops, encoded once and kept on disk: training a latent diffusion model then sees no pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...networks.kl import KlAutoencoder
from ...networks.kl_published import PublishedKlAutoencoder
from ...training.data import Crops

__all__ = ["LatentCrops"]

_FACTOR = 8
_SIDE = 320
"""Pixels a side of what is encoded; smaller crops are cut from its latent anywhere."""
_AT_ONCE = 8


class LatentCrops:
    """Endless random crops of latents, reproducible from a seed and a step number.

    Parameters
    ----------
    pictures
        ``(H, W, 3)`` uint8.
    autoencoder
        Makes the network whose latent it is; called if nothing was encoded before.
    folder
        Where the latents are kept.
    count
        How many crops of ``320 x 320`` pixels are encoded.
    size
        Side of a crop in pixels, at most 320.
    batch
        Crops a batch.
    seed
        Of the sequence.
    zoom
        Least and greatest magnification.
    device
        Of the autoencoder.
    """

    def __init__(
        self,
        pictures: list[NDArray[np.uint8]],
        autoencoder: Callable[[], KlAutoencoder | PublishedKlAutoencoder],
        folder: Path,
        *,
        count: int,
        size: int,
        batch: int,
        seed: int,
        zoom: tuple[float, float],
        device: torch.device,
    ) -> None:
        self.side, self.batch, self.seed = size // _FACTOR, batch, seed
        path = folder / f"latents-{count}.npy"
        if not path.exists():
            _encode(pictures, autoencoder(), path, count, zoom, device)
        self.latents = np.load(path, mmap_mode="r")

    def __call__(self, step: int) -> Tensor:
        """Batch number `step`: float32 ``(B, C, size / 8, size / 8)``, channels last."""
        rng = np.random.default_rng((self.seed, step))
        last = self.latents.shape[2] - self.side
        crops = []
        for _ in range(self.batch):
            index, top, left = rng.integers(len(self.latents)), rng.integers(last + 1), rng.integers(last + 1)
            crops.append(self.latents[index, :, top : top + self.side, left : left + self.side])
        return torch.from_numpy(np.stack(crops)).float().contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def _encode(
    pictures: list[NDArray[np.uint8]],
    network: KlAutoencoder | PublishedKlAutoencoder,
    path: Path,
    count: int,
    zoom: tuple[float, float],
    device: torch.device,
) -> None:
    network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    crops = Crops(pictures, _SIDE, _AT_ONCE, 0, zoom)
    side = _SIDE // _FACTOR
    channels = network.config.latent_channels
    unfinished = path.with_suffix(".part")
    kept = np.lib.format.open_memmap(unfinished, "w+", np.float16, (count, channels, side, side))
    for start in range(0, count, _AT_ONCE):
        with torch.autocast(device.type, torch.bfloat16):
            latent = network.analyse(crops(start // _AT_ONCE).to(device)).float().cpu().half().numpy()
        kept[start : start + _AT_ONCE] = latent[: count - start]
    kept.flush()
    unfinished.replace(path)
