"""What cameras add to pictures, made anew for every crop: what restoration encoders learn to leave out."""

from __future__ import annotations

from typing import Annotated

import torch
from msgspec import Meta
from torch import Tensor

from .._base.config import Config
from .config import Share, Weight

__all__ = ["CameraNoise", "GaussianNoise", "to_grey"]

Range = tuple[Weight, Weight]


class GaussianNoise(Config, frozen=True, kw_only=True):
    """Additive white noise, as the literature on denoising has it.

    Parameters
    ----------
    sigma
        Least and greatest standard deviation of samples from 0 to 255, drawn uniformly for each picture.
    clean
        Share of the pictures that get none, so that a clean picture stays what it is.
    grey
        Share of the pictures that are grey, with the same noise in all three channels.
    """

    sigma: Range = (0.0, 50.0)
    clean: Share = 0.2
    grey: Share = 0.2

    def __call__(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Distorted pictures in whole steps of 8 bits, and the clean ones; ``(B, 3, H, W)`` in [-1, 1].

        Random numbers are the global generator's.
        """
        grey = _some(pictures, self.grey)
        pictures = torch.where(grey, to_grey(pictures), pictures)
        low, high = self.sigma
        sigma = low + (high - low) * torch.rand(len(pictures), 1, 1, 1, device=pictures.device)
        noise = torch.randn_like(pictures)
        noise = torch.where(grey, noise[:, :1], noise)
        noisy = _eight_bits(pictures + noise * (sigma / 127.5))
        return torch.where(_some(pictures, self.clean), pictures, noisy), pictures


class CameraNoise(Config, frozen=True, kw_only=True):
    """Shot noise and read noise of a camera in low light, and the range that becomes 8 bits.

    The noise is that of Foi et al. 2008 (*Practical Poissonian-Gaussian noise modeling and fitting*, eq. 1).
    A plane of a file spans what the samples span, which noise widens: bright noise lies above the brightest signal.
    What is decoded has to be the signal *in the same range*, so the clean picture is scaled like the noisy one.

    Parameters
    ----------
    photons
        Least and greatest mean count at the brightest grey, drawn log-uniformly for each picture.
    read_noise
        Least and greatest standard deviation of what the electronics add, in counts.
    headroom
        Least and greatest distance of the upper end of the range from the brightest signal, in standard deviations of
        its noise.
    footroom
        The same at the lower end, in standard deviations of the read noise.
    clean, grey
        See :class:`GaussianNoise`.
    """

    photons: tuple[Annotated[float, Meta(gt=0)], Annotated[float, Meta(gt=0)]] = (5.0, 100.0)
    read_noise: Range = (0.0, 3.0)
    headroom: Range = (0.0, 5.0)
    footroom: Range = (0.0, 4.0)
    clean: Share = 0.1
    grey: Share = 0.6

    def __call__(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`GaussianNoise.__call__`."""
        grey = _some(pictures, self.grey)
        pictures = torch.where(grey, to_grey(pictures), pictures)
        least, most = self.photons
        photons = least * (most / least) ** torch.rand(len(pictures), 1, 1, 1, device=pictures.device)
        read = _within(self.read_noise, pictures)
        signal = pictures.add(1).mul(0.5).clamp(0, 1) * photons
        counts = torch.where(grey, torch.poisson(signal[:, :1]), torch.poisson(signal))
        noise = torch.randn_like(pictures)
        counts = counts + read * torch.where(grey, noise[:, :1], noise)
        low = -read * _within(self.footroom, pictures)
        high = photons + (photons + read**2).sqrt() * _within(self.headroom, pictures)
        clean = _some(pictures, self.clean)
        noisy, target = (2 * (x - low) / (high - low) - 1 for x in (counts, signal))
        return torch.where(clean, pictures, _eight_bits(noisy)), torch.where(clean, pictures, target)


def to_grey(pictures: Tensor) -> Tensor:
    """The mean of the three channels in each of them; ``(B, 3, H, W)``."""
    return pictures.mean(1, keepdim=True).expand_as(pictures)


def _some(pictures: Tensor, share: float) -> Tensor:
    """Which pictures of a batch are among a random share: bool ``(B, 1, 1, 1)``."""
    return torch.rand(len(pictures), 1, 1, 1, device=pictures.device) < share


def _within(limits: Range, pictures: Tensor) -> Tensor:
    low, high = limits
    return low + (high - low) * torch.rand(len(pictures), 1, 1, 1, device=pictures.device)


def _eight_bits(pictures: Tensor) -> Tensor:
    """What is left of pictures in [-1, 1] after clipping and rounding to 256 steps."""
    return pictures.clamp(-1, 1).add(1).mul(127.5).round().div(127.5).sub(1)
