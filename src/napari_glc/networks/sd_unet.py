"""Stable Diffusion's denoiser (Rombach et al. 2022), which sees the hyper-latent beside the noisy latent in PerCo.

The blocks and the names of their tensors are those of diffusers' ``UNet2DConditionModel``, as far as Stable Diffusion 1
and 2 use it. Its first convolution is PerCo's extended one: it takes C + M channels. Written anew because importing
diffusers takes longer than anything else of decoding, and because it changes with every version.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .normalisation import GroupNorm
from .perco_published_config import PublishedPercoConfig

__all__ = ["SdUnet"]

_LONGEST_WAVE = 10_000.0


class _ResidualBlock(nn.Module):
    """Two normalised convolutions, told of the noise level between them."""

    def __init__(self, source: int, width: int, embedding: int, groups: int) -> None:
        super().__init__()
        self.norm1 = GroupNorm(groups, source, eps=1e-5)
        self.conv1 = nn.Conv2d(source, width, 3, padding=1)
        self.time_emb_proj = nn.Linear(embedding, width)
        self.norm2 = GroupNorm(groups, width, eps=1e-5)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_shortcut = None if source == width else nn.Conv2d(source, width, 1)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        out = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(F.silu(level))[..., None, None]
        out = self.conv2(F.silu(self.norm2(out)))
        sum_: Tensor = out + (x if self.conv_shortcut is None else self.conv_shortcut(x))
        return sum_


class _Attention(nn.Module):
    """Of positions to one another, or to the words of the caption."""

    def __init__(self, width: int, told: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(told, width, bias=False)
        self.to_v = nn.Linear(told, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.to_q(x), self.to_k(told), self.to_v(told))
        )
        out: Tensor = self.to_out[0](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return out


class _Gate(nn.Module):
    """A linear layer whose outputs are weighted by others of its outputs (GEGLU, Shazeer 2020)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        out: Tensor = value * F.gelu(gate)
        return out


class _FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        # the second place is a dropout there, without tensors
        self.net = nn.Sequential(_Gate(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


class _TransformerBlock(nn.Module):
    def __init__(self, width: int, words: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = _Attention(width, width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = _Attention(width, words, heads)
        self.norm3 = nn.LayerNorm(width)
        self.ff = _FeedForward(width)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        own = self.norm1(x)
        x = x + self.attn1(own, own)
        x = x + self.attn2(self.norm2(x), words)
        out: Tensor = x + self.ff(self.norm3(x))
        return out


class _SpatialTransformer(nn.Module):
    """Attention of a feature map ``(B, width, h, w)`` to itself and to the caption."""

    def __init__(self, width: int, words: int, heads: int, groups: int, linear: bool) -> None:
        super().__init__()
        self.linear = linear
        self.norm = GroupNorm(groups, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width) if linear else nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([_TransformerBlock(width, words, heads)])
        self.proj_out = nn.Linear(width, width) if linear else nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        out: Tensor = self.norm(x)
        out = self.proj_in(_as_rows(out)) if self.linear else _as_rows(self.proj_in(out))
        for block in self.transformer_blocks:
            out = block(out, words)
        out = _as_map(self.proj_out(out), height, width) if self.linear else self.proj_out(_as_map(out, height, width))
        return out + x


def _as_rows(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


def _as_map(x: Tensor, height: int, width: int) -> Tensor:
    out: Tensor = x.transpose(1, 2).unflatten(2, (height, width))
    return out


class _Resampled(nn.Module):
    """Half or twice the sides."""

    def __init__(self, width: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(width, width, 3, stride=1 if up else 2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else x)
        return out


class _Level(nn.Module):
    """Residual blocks of one resolution, attention behind each where there is any."""

    def __init__(self, config: PublishedPercoConfig, number: int, sources: list[int], words: int) -> None:
        super().__init__()
        width, groups = config.unet_widths[number], config.groups
        embedding = 4 * config.unet_widths[0]
        self.resnets = nn.ModuleList([_ResidualBlock(source, width, embedding, groups) for source in sources])
        heads = config.unet_heads[number]
        self.attentions = nn.ModuleList(
            [_SpatialTransformer(width, words, heads, groups, config.unet_linear) for _ in sources]
            if config.unet_attends[number]
            else []
        )

    def work(self, place: int, x: Tensor, level: Tensor, words: Tensor) -> Tensor:
        """One residual block and what attends behind it."""
        x = self.resnets[place](x, level)
        if len(self.attentions):
            x = self.attentions[place](x, words)
        return x


class _Down(_Level):
    def __init__(self, config: PublishedPercoConfig, number: int, words: int) -> None:
        widths = config.unet_widths
        sources = [widths[max(0, number - 1)]] + [widths[number]] * (config.unet_blocks - 1)
        super().__init__(config, number, sources, words)
        last = number == len(widths) - 1
        self.downsamplers = nn.ModuleList([] if last else [_Resampled(widths[number], up=False)])

    def forward(self, x: Tensor, kept: list[Tensor], level: Tensor, words: Tensor) -> Tensor:
        """Go on, and keep what each block gives."""
        for place in range(len(self.resnets)):
            x = self.work(place, x, level, words)
            kept.append(x)
        for down in self.downsamplers:
            x = down(x)
            kept.append(x)
        return x


class _Up(_Level):
    def __init__(self, config: PublishedPercoConfig, number: int, words: int) -> None:
        widths, blocks = config.unet_widths, config.unet_blocks
        above = widths[min(number + 1, len(widths) - 1)]
        beside = [widths[number]] * blocks + [widths[max(0, number - 1)]]
        sources = [(widths[number] if place else above) + beside[place] for place in range(blocks + 1)]
        super().__init__(config, number, sources, words)
        self.upsamplers = nn.ModuleList([_Resampled(widths[number], up=True)] if number else [])

    def forward(self, x: Tensor, kept: list[Tensor], level: Tensor, words: Tensor) -> Tensor:
        """Go on, beside what was kept last."""
        for place in range(len(self.resnets)):
            x = self.work(place, torch.cat([x, kept.pop()], 1), level, words)
        for up in self.upsamplers:
            x = up(x)
        return x


class _Middle(nn.Module):
    def __init__(self, config: PublishedPercoConfig, words: int) -> None:
        super().__init__()
        width, groups = config.unet_widths[-1], config.groups
        embedding = 4 * config.unet_widths[0]
        self.resnets = nn.ModuleList([_ResidualBlock(width, width, embedding, groups) for _ in range(2)])
        self.attentions = nn.ModuleList(
            [_SpatialTransformer(width, words, config.unet_heads[-1], groups, config.unet_linear)]
        )

    def forward(self, x: Tensor, level: Tensor, words: Tensor) -> Tensor:
        x = self.attentions[0](self.resnets[0](x, level), words)
        out: Tensor = self.resnets[1](x, level)
        return out


class SdUnet(nn.Module):
    """Velocity, or noise, ``(B, C, h, w)`` of a noisy latent; sides multiples of two to the levels less one."""

    def __init__(self, config: PublishedPercoConfig) -> None:
        super().__init__()
        widths, words = config.unet_widths, config.text_width
        if not len(widths) == len(config.unet_attends) == len(config.unet_heads):
            raise ValueError("the denoiser's levels have different numbers of widths, attentions and heads")
        if any(width % heads or width % config.groups for width, heads in zip(widths, config.unet_heads, strict=True)):
            raise ValueError(f"widths {widths} cannot be shared by heads or groups")
        self.channels = widths[0]
        self.conv_in = nn.Conv2d(config.latent_channels + config.hyper_channels, widths[0], 3, padding=1)
        self.time_embedding = nn.ModuleDict(
            {"linear_1": nn.Linear(widths[0], 4 * widths[0]), "linear_2": nn.Linear(4 * widths[0], 4 * widths[0])}
        )
        numbers = range(len(widths))
        self.down_blocks = nn.ModuleList([_Down(config, number, words) for number in numbers])
        self.mid_block = _Middle(config, words)
        self.up_blocks = nn.ModuleList([_Up(config, number, words) for number in reversed(numbers)])
        self.conv_norm_out = GroupNorm(config.groups, widths[0], eps=1e-5)
        self.conv_out = nn.Conv2d(widths[0], config.latent_channels, 3, padding=1)

    def forward(self, noisy: Tensor, hyper: Tensor, step: Tensor, words: Tensor) -> Tensor:
        """See the class.

        Parameters
        ----------
        noisy
            ``(B, C, h, w)``.
        hyper
            What the hyper-latent tells, ``(B, M, h / stride, w / stride)``; each position is repeated.
        step
            Steps of the noise schedule, ``(B,)``.
        words
            States of the text encoder, ``(B, tokens, width)``.
        """
        level = self._level(step)
        x = self.conv_in(torch.cat([noisy, F.interpolate(hyper, size=noisy.shape[2:], mode="nearest")], 1))
        kept = [x]
        for down in self.down_blocks:
            x = down(x, kept, level, words)
        x = self.mid_block(x, level, words)
        for up in self.up_blocks:
            x = up(x, kept, level, words)
        out: Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return out

    def _level(self, step: Tensor) -> Tensor:
        half = self.channels // 2
        waves = torch.exp(-math.log(_LONGEST_WAVE) / half * torch.arange(half, dtype=torch.float32, device=step.device))
        angles = step.float()[:, None] * waves
        out: Tensor = self.time_embedding["linear_1"](torch.cat([angles.cos(), angles.sin()], 1))
        out = self.time_embedding["linear_2"](F.silu(out))
        return out
