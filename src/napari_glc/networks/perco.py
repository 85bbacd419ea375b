"""A hyper-latent of a few hundred bytes and a diffusion model that paints the latent it belongs to.

The system is PerCo's (Careil et al., ICLR 2024): a coarse grid of codewords and a short description condition a
diffusion model of an autoencoder's latent. Three things differ from it, so that it trains and runs on a CPU.

- *Finite scalar quantisation* instead of a learned codebook.
- *The hyper-decoder predicts the latent's mean* m given the hyper-latent, and the diffusion model paints what is
  missing, ``y = (x - m) / s`` with the deviation s of that residual. Without a step of sampling there is a blurred
  picture already, which is the preview.
- *The description is not a text* but a few codewords of a tile, learned with the denoiser. They are what guidance acts
  on.

Noise levels are angles t (trigonometric flow, Lu and Song 2024, section 3): ``y_t = cos(t) y + sin(t) noise``, and the
denoiser predicts the velocity ``v = cos(t) noise - sin(t) y`` (Salimans and Ho 2022), so that going from t to u without
noise (DDIM, Song et al. 2021) is a rotation: ``y_u = cos(t - u) y_t - sin(t - u) v``.

Nothing normalises over space: what lies far away does not matter, and planes can be cut into windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .perco_config import DESCRIBER_LEVELS, PercoConfig
from .residual import SLOPE, residual_blocks
from .scalar_quantizer import ScalarQuantizer

__all__ = ["Conditions", "Denoiser", "HyperDecoder", "HyperEncoder", "PercoNetwork"]


def _stage(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*residual_blocks(channels, count))


def _down(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, out, 1))


def _up(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, 4 * out, 1), nn.PixelShuffle(2))


class HyperEncoder(nn.Module):
    """Latent ``(B, C, h, w)``, sides multiples of 8, to hyper-latents before rounding, and the description's."""

    def __init__(self, config: PercoConfig) -> None:
        super().__init__()
        w8, w16, w32, w64 = config.encoder_widths
        n8, n16, n32, n64 = config.encoder_depths
        self.enter = nn.Conv2d(config.latent_channels, w8, 3, padding=1)
        self.stages = nn.ModuleList(
            [
                nn.Sequential(_stage(w8, n8), _down(w8, w16), _stage(w16, n16)),
                nn.Sequential(_down(w16, w32), _stage(w32, n32)),
                nn.Sequential(_down(w32, w64), _stage(w64, n64)),
            ]
        )
        widths = {2: w16, 4: w32, 8: w64}
        self.strides = [rate.stride for rate in config.rates]
        self.heads = nn.ModuleList([nn.Conv2d(widths[rate.stride], len(rate.levels), 1) for rate in config.rates])
        self.describe = nn.Sequential(nn.Conv2d(w32, 2 * w32, 1), nn.LeakyReLU(SLOPE))
        self.description = nn.Linear(2 * w32, config.describers)

    def forward(self, latent: Tensor) -> dict[int, Tensor]:
        """Features by stride: ``(B, width, h / stride, w / stride)`` for 2, 4 and 8."""
        out = self.enter(latent)
        features = {}
        for stride, stage in zip((2, 4, 8), self.stages, strict=True):
            out = stage(out)
            features[stride] = out
        return features

    def hyper_latent(self, features: dict[int, Tensor], rate: int) -> Tensor:
        """The hyper-latent of a rate before rounding, ``(B, d, h / stride, w / stride)``."""
        out: Tensor = self.heads[rate](features[self.strides[rate]])
        return out

    def pooled(self, features: dict[int, Tensor]) -> Tensor:
        """What descriptions are made of, ``(B, channels, h / 4, w / 4)``, to be averaged over a tile."""
        out: Tensor = self.describe(features[4])
        return out


@dataclass(frozen=True)
class Conditions:
    """What the denoiser is told of the picture; computed once for all its steps.

    Attributes
    ----------
    mean
        Predicted mean of the latent, ``(B, C, h, w)``.
    features
        At 1/8, 1/16 and 1/32 of the picture.
    """

    mean: Tensor
    features: tuple[Tensor, Tensor, Tensor]


class HyperDecoder(nn.Module):
    """Rounded hyper-latent ``(B, d, h / stride, w / stride)`` to :class:`Conditions`."""

    def __init__(self, config: PercoConfig) -> None:
        super().__init__()
        w8, w16, w32, w64 = config.decoder_widths
        n8, n16, n32, n64 = config.decoder_depths
        self.strides = [rate.stride for rate in config.rates]
        widths = {2: w16, 4: w32, 8: w64}
        self.enter = nn.ModuleList([nn.Conv2d(len(r.levels), widths[r.stride], 3, padding=1) for r in config.rates])
        self.from_64 = nn.Sequential(_stage(w64, n64), _up(w64, w32))
        self.from_16 = _down(w16, w32)
        self.at_32 = _stage(w32, n32)
        self.to_16 = _up(w32, w16)
        self.at_16 = _stage(w16, n16)
        self.to_8 = _up(w16, w8)
        self.at_8 = _stage(w8, n8)
        self.mean = nn.Conv2d(w8, config.latent_channels, 3, padding=1)

    def forward(self, hyper_latent: Tensor, rate: int) -> Conditions:
        """See the class."""
        z = self.enter[rate](hyper_latent)
        stride = self.strides[rate]
        coarse = {2: self.from_16, 4: nn.Identity(), 8: self.from_64}[stride](z)
        out32 = self.at_32(coarse)
        out16 = self.to_16(out32)
        out16 = self.at_16(out16 + z if stride == 2 else out16)
        out8 = self.at_8(self.to_8(out16))
        return Conditions(self.mean(out8), (out8, out16, out32))


class _Block(nn.Module):
    """Residual block told of the noise level; each position is normalised by itself, over its channels."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulate = nn.Linear(embedding, 2 * channels)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)
        nn.init.normal_(self.conv2.weight, std=1e-3)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.modulate(embedding)[:, None, None].chunk(2, -1)
        # a view: the memory is channels last
        normal = F.layer_norm(x.permute(0, 2, 3, 1), (x.shape[1],))
        out: Tensor = torch.addcmul(shift, normal, 1 + scale).permute(0, 3, 1, 2)
        out = self.conv2(F.silu(self.conv1(out)))
        return out + x


class _Blocks(nn.ModuleList):
    """Some blocks one after the other."""

    def __init__(self, channels: int, embedding: int, count: int) -> None:
        super().__init__([_Block(channels, embedding) for _ in range(count)])

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        for block in self:
            x = block(x, embedding)
        return x


class Denoiser(nn.Module):
    """Velocity ``(B, C, h, w)`` of a noisy residual of the latent; sides multiples of 4."""

    frequencies: Tensor

    def __init__(self, config: PercoConfig) -> None:
        super().__init__()
        w8, w16, w32 = config.denoiser_widths
        n8, n16, n32 = config.denoiser_depths
        channels, size = config.latent_channels, config.embedding
        # of sines and cosines of the noise level, which lies within 0 and pi / 2
        self.register_buffer("frequencies", 2.0 ** torch.linspace(-1, 5, 16), persistent=False)
        self.level = nn.Sequential(nn.Linear(32, size), nn.SiLU(), nn.Linear(size, size))
        self.rate = nn.Embedding(len(config.rates), size)
        self.unknown = nn.Parameter(torch.zeros(1, config.describers, 1, 1))
        self.enter = nn.Conv2d(2 * channels, w8, 3, padding=1)
        self.told = nn.ModuleList(
            [
                nn.Conv2d(theirs, ours, 1)
                for theirs, ours in zip(config.decoder_widths, config.denoiser_widths, strict=False)
            ]
        )
        self.described = nn.ModuleList([nn.Conv2d(config.describers, ours, 1) for ours in config.denoiser_widths])
        self.down_8, self.up_8 = _Blocks(w8, size, n8), _Blocks(w8, size, n8)
        self.down_16, self.up_16 = _Blocks(w16, size, n16), _Blocks(w16, size, n16)
        self.middle = _Blocks(w32, size, n32)
        self.to_16, self.to_32 = _down(w8, w16), _down(w16, w32)
        self.from_32, self.from_16 = _up(w32, w16), _up(w16, w8)
        self.leave = nn.Conv2d(w8, channels, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def hints(self, conditions: Conditions, description: Tensor | None) -> tuple[Tensor, ...]:
        """What conditions and description add at 1/8, 1/16 and 1/32 of the picture: the same at all noise levels.

        Parameters
        ----------
        conditions
            Of the pictures.
        description
            ``(B, describers, h / 4, w / 4)`` in [-1, 1], or 1 x 1; ``None`` if it is not to be known.
        """
        known = self.unknown if description is None else description
        hints = []
        for theirs, told, described in zip(conditions.features, self.told, self.described, strict=True):
            ours = described(known)
            if ours.shape[-1] > 1:
                ours = F.interpolate(ours, theirs.shape[-2:], mode="nearest")
            hints.append(told(theirs) + ours)
        return tuple(hints)

    def forward(self, noisy: Tensor, mean: Tensor, hints: tuple[Tensor, ...], t: Tensor, rate: Tensor) -> Tensor:
        """The velocity.

        Parameters
        ----------
        noisy
            Residual with noise, ``(B, C, h, w)``.
        mean
            :attr:`Conditions.mean`.
        hints
            See :meth:`hints`.
        t
            Noise levels ``(B,)`` in [0, pi / 2].
        rate
            Int64 ``(B,)``.
        """
        angles = t[:, None] * self.frequencies
        embedding = F.silu(self.level(torch.cat([angles.sin(), angles.cos()], 1)) + self.rate(rate))
        out8 = self.down_8(self.enter(torch.cat([noisy, mean], 1)) + hints[0], embedding)
        out16 = self.down_16(self.to_16(out8) + hints[1], embedding)
        out32 = self.middle(self.to_32(out16) + hints[2], embedding)
        out16 = self.up_16(out16 + self.from_32(out32), embedding)
        out8 = self.up_8(out8 + self.from_16(out16), embedding)
        velocity: Tensor = self.leave(F.silu(out8))
        return velocity


class PercoNetwork(nn.Module):
    """All of it but the autoencoder.

    Attributes
    ----------
    residual_deviation
        Root mean square of the latent less its predicted mean, ``(rates,)``.
    level_weights
        Integer weights of the levels of each rate and channel given those to the left and above,
        ``(rates, channels, (most + 1) * (most + 1) * most)``: what hyper-latents are coded with.
    """

    residual_deviation: Tensor
    level_weights: Tensor

    def __init__(self, config: PercoConfig) -> None:
        super().__init__()
        self.config = config
        self.hyper_encoder = HyperEncoder(config)
        self.hyper_decoder = HyperDecoder(config)
        self.denoiser = Denoiser(config)
        self.quantizers = nn.ModuleList([ScalarQuantizer(rate.levels) for rate in config.rates])
        self.describer = ScalarQuantizer([DESCRIBER_LEVELS] * config.describers)
        self.register_buffer("residual_deviation", torch.ones(len(config.rates)))
        channels = max(len(rate.levels) for rate in config.rates)
        self.most_levels = max(max(rate.levels) for rate in config.rates)
        weights = (self.most_levels + 1) ** 2 * self.most_levels
        self.register_buffer("level_weights", torch.ones(len(config.rates), channels, weights))

    def level_tables(self) -> Tensor:
        """A view of the weights, ``(rates, channels, most + 1, most + 1, most)``."""
        most = self.most_levels
        tables: Tensor = self.level_weights.view(*self.level_weights.shape[:2], most + 1, most + 1, most)
        return tables

    def hyper_levels(self, features: dict[int, Tensor], rate: int) -> Tensor:
        """Levels of the hyper-latent of a rate, int64 ``(B, d, h, w)``, from features of the hyper-encoder."""
        quantizer = self.quantizers[rate]
        assert isinstance(quantizer, ScalarQuantizer)
        return quantizer.numbers(self.hyper_encoder.hyper_latent(features, rate)).long()

    def velocity(
        self, noisy: Tensor, conditions: Conditions, description: Tensor | None, t: Tensor, rate: Tensor
    ) -> Tensor:
        """The denoiser's velocity; see :class:`Denoiser`."""
        out: Tensor = self.denoiser(noisy, conditions.mean, self.denoiser.hints(conditions, description), t, rate)
        return out
