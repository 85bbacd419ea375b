"""Training pictures: read once into memory, cropped and augmented on the fly."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

__all__ = ["HELD_OUT_EVERY", "Crops", "is_held_out", "load_pictures", "read_members"]

HELD_OUT_EVERY = 25


def is_held_out(position: int) -> bool:
    """Whether the picture in this line of the index is kept for validation (one in 25)."""
    return position % HELD_OUT_EVERY == 7


def load_pictures(archive: Path, index: Path, *, held_out: bool) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Decode one side of the split from the training archive.

    Parameters
    ----------
    archive
        Tar file of ``subset/NNNN.webp`` members.
    index
        CSV file with a column ``member`` and a column ``kind``.
    held_out
        The validation pictures instead of the training pictures.

    Returns
    -------
    pictures, kinds
        Arrays ``(H, W, 3)`` uint8 and ``"photo"`` or ``"micro"`` for each.
    """
    with open(index, newline="") as lines:
        rows = [r for i, r in enumerate(csv.DictReader(lines)) if is_held_out(i) == held_out]
    return read_members(archive, [row["member"] for row in rows]), [row["kind"] for row in rows]


def read_members(archive: Path, members: list[str]) -> list[NDArray[np.uint8]]:
    """Decode pictures of a tar file: ``(H, W, 3)`` uint8 each."""
    pictures = []
    with tarfile.open(archive) as tar:
        for name in members:
            member = tar.extractfile(name)
            assert member is not None, name
            pictures.append(np.asarray(Image.open(io.BytesIO(member.read())).convert("RGB")))
    return pictures


class Crops:
    """Endless random crops, reproducible from a seed and a step number.

    Every batch has one zoom (crops are cut larger or smaller and resized), which widens the range of
    textures the small pictures offer; every crop is flipped, turned and mildly recoloured at random.

    Parameters
    ----------
    pictures
        ``(H, W, 3)`` uint8 arrays.
    size
        Side of a crop in pixels.
    batch
        Crops a batch.
    seed
        Of the whole sequence.
    zoom
        Least and greatest magnification.
    """

    def __init__(
        self,
        pictures: list[NDArray[np.uint8]],
        size: int,
        batch: int,
        seed: int,
        zoom: tuple[float, float] = (0.8, 1.6),
    ) -> None:
        self.pictures, self.size, self.batch, self.seed, self.zoom = pictures, size, batch, seed, zoom

    def __call__(self, step: int) -> Tensor:
        """Batch number `step`: float32 ``(B, 3, size, size)`` in [-1, 1], channels last."""
        rng = np.random.default_rng((self.seed, step))
        low, high = self.zoom
        side = round(self.size / float(np.exp(rng.uniform(np.log(low), np.log(high)))))
        crops = [self._crop(rng, side) for _ in range(self.batch)]
        x = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        x = x.float()
        if side != self.size:
            x = F.interpolate(x, (self.size, self.size), mode="bicubic", antialias=True).clamp(0, 255)
        return x.div(127.5).sub(1)

    def _crop(self, rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
        picture = self.pictures[rng.integers(len(self.pictures))]
        height, width = picture.shape[:2]
        if min(height, width) < side:
            grow = ((0, max(0, side - height)), (0, max(0, side - width)), (0, 0))
            picture = np.pad(picture, grow, mode="reflect")
            height, width = picture.shape[:2]
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        crop = picture[top : top + side, left : left + side]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        if rng.random() < 0.2:
            crop = np.rot90(crop, int(rng.integers(1, 4)))
        if rng.random() < 0.1:
            crop = crop[..., rng.permutation(3)]
        if rng.random() < 0.1:
            crop = np.repeat(crop.mean(-1, keepdims=True).astype(np.uint8), 3, axis=-1)
        return np.ascontiguousarray(crop)
