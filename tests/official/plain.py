"""The published networks written down plainly: functions of a state dict under its authors' keys.

Shares nothing with the package. What it says was read off the published architecture: taming's VQGAN by the names of
its levels, GLC's by the numbers of its blocks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]


def conv(s: State, key: str, x: Tensor, stride: int = 1, padding: int | None = None) -> Tensor:
    weight = s[f"{key}.weight"]
    around = weight.shape[-1] // 2 if padding is None else padding
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(x, weight, s[f"{key}.bias"], stride, around, groups=groups)


def norm(s: State, key: str, x: Tensor) -> Tensor:
    """Group normalisation by hand: 32 groups over channels and all positions."""
    grouped = x.reshape(x.shape[0], 32, -1)
    mean = grouped.mean(-1, keepdim=True)
    variance = ((grouped - mean) ** 2).mean(-1, keepdim=True)
    normed = ((grouped - mean) / torch.sqrt(variance + 1e-6)).reshape(x.shape)
    return normed * s[f"{key}.weight"].view(1, -1, 1, 1) + s[f"{key}.bias"].view(1, -1, 1, 1)


def swish(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


def residual(s: State, key: str, x: Tensor) -> Tensor:
    inner = conv(s, f"{key}.conv1", swish(norm(s, f"{key}.norm1", x)))
    inner = conv(s, f"{key}.conv2", swish(norm(s, f"{key}.norm2", inner)))
    for shortcut in ("nin_shortcut", "conv_out"):
        if f"{key}.{shortcut}.weight" in s:
            x = conv(s, f"{key}.{shortcut}", x)
    return x + inner


def attention(s: State, key: str, x: Tensor, window: int) -> Tensor:
    """One head of all channels; ``window`` 0 sees everything."""
    normed = norm(s, f"{key}.norm", x)
    q, k, v = (conv(s, f"{key}.{part}", normed) for part in "qkv")
    side = window or max(x.shape[-2:])
    seen = torch.zeros_like(v)
    for top in range(0, x.shape[2], side):
        for left in range(0, x.shape[3], side):
            a, b, c = (t[0, :, top : top + side, left : left + side] for t in (q, k, v))
            rows, columns = a.shape[1:]
            a, b, c = (t.reshape(t.shape[0], -1) for t in (a, b, c))
            weights = torch.softmax(a.t() @ b / math.sqrt(len(a)), dim=1)
            seen[0, :, top : top + side, left : left + side] = (c @ weights.t()).reshape(-1, rows, columns)
    return x + conv(s, f"{key}.proj_out", seen)


def down(s: State, key: str, x: Tensor) -> Tensor:
    return conv(s, f"{key}.conv", F.pad(x, (0, 1, 0, 1)), stride=2, padding=0)


def up(s: State, key: str, x: Tensor) -> Tensor:
    return conv(s, f"{key}.conv", x.repeat_interleave(2, 2).repeat_interleave(2, 3))


def taming_encoder(s: State, picture: Tensor) -> Tensor:
    x = conv(s, "encoder.conv_in", picture)
    for level in range(5):
        for block in range(2):
            x = residual(s, f"encoder.down.{level}.block.{block}", x)
            if level == 4:
                x = attention(s, f"encoder.down.4.attn.{block}", x, 0)
        if level < 4:
            x = down(s, f"encoder.down.{level}.downsample", x)
    x = residual(s, "encoder.mid.block_1", x)
    x = attention(s, "encoder.mid.attn_1", x, 0)
    x = residual(s, "encoder.mid.block_2", x)
    x = conv(s, "encoder.conv_out", swish(norm(s, "encoder.norm_out", x)))
    return conv(s, "quant_conv", x)


def taming_decoder(s: State, latent: Tensor) -> Tensor:
    x = conv(s, "decoder.conv_in", conv(s, "post_quant_conv", latent))
    x = residual(s, "decoder.mid.block_1", x)
    x = attention(s, "decoder.mid.attn_1", x, 0)
    x = residual(s, "decoder.mid.block_2", x)
    for level in (4, 3, 2, 1, 0):
        for block in range(3):
            x = residual(s, f"decoder.up.{level}.block.{block}", x)
            if level == 4:
                x = attention(s, f"decoder.up.4.attn.{block}", x, 0)
        if level > 0:
            x = up(s, f"decoder.up.{level}.upsample", x)
    return conv(s, "decoder.conv_out", swish(norm(s, "decoder.norm_out", x)))


def block_list(s: State, key: str, x: Tensor, *, sampling: str, window: int, last: int) -> Tensor:
    """Numbered blocks, told apart by what they hold; one without tensors is the activation."""
    for number in range(last + 1):
        block = f"{key}.blocks.{number}"
        if f"{block}.conv1.weight" in s:
            x = residual(s, block, x)
        elif f"{block}.q.weight" in s:
            x = attention(s, block, x, window)
        elif f"{block}.conv.weight" in s:
            x = {"down": down, "up": up}[sampling](s, block, x)
        elif f"{block}.weight" not in s:
            x = swish(x)
        elif s[f"{block}.weight"].ndim == 1:
            x = norm(s, block, x)
        else:
            x = conv(s, block, x)
    return x


def nearest(s: State, key: str, latent: Tensor) -> Tensor:
    """Indices ``(h, w)`` by differences, not by the expanded square."""
    words = s[f"{key}.embedding.weight"].double()
    flat = latent[0].flatten(1).t().double()
    distance = torch.stack([((words - one) ** 2).sum(1) for one in flat])
    return distance.argmin(1).reshape(latent.shape[-2:])


def words_of(s: State, key: str, indices: Tensor) -> Tensor:
    return s[f"{key}.embedding.weight"][indices].permute(2, 0, 1)[None]


# -- GLC ------------------------------------------------------------------------------------------------


def _feed_forward(s: State, key: str, x: Tensor) -> Tensor:
    value, gate = conv(s, f"{key}.conv", x).chunk(2, 1)
    return x + conv(s, f"{key}.conv_out", value * F.leaky_relu(gate, 0.1))


def depth_block(s: State, key: str, x: Tensor) -> Tensor:
    inner = F.leaky_relu(conv(s, f"{key}.block.0.conv1.0", x), 0.01)
    inner = conv(s, f"{key}.block.0.conv2", conv(s, f"{key}.block.0.depth_conv", inner))
    adaptor = f"{key}.block.0.adaptor"
    x = inner + (conv(s, adaptor, x) if f"{adaptor}.weight" in s else x)
    return _feed_forward(s, f"{key}.block.1", x)


def gated_block(s: State, key: str, x: Tensor) -> Tensor:
    first = conv(s, f"{key}.block.0.conv1.2", F.leaky_relu(conv(s, f"{key}.block.0.conv1.0", x), 0.01))
    x = x + conv(s, f"{key}.block.0.out_conv", first * conv(s, f"{key}.block.0.conv2", x))
    return _feed_forward(s, f"{key}.block.1", x)


def latent_transform(s: State, key: str, x: Tensor, q: Tensor) -> Tensor:
    for half in ("1", "2"):
        for number in (0, 1):
            x = gated_block(s, f"{key}_{half}.{number}", x)
        x = x * q if half == "1" else x
    return x


def _upsample(s: State, key: str, x: Tensor) -> Tensor:
    inner = F.leaky_relu(F.pixel_shuffle(conv(s, f"{key}.subpel_conv.0", x), 2), 0.01)
    inner = F.leaky_relu(conv(s, f"{key}.conv", inner), 0.1)
    return inner + F.pixel_shuffle(conv(s, f"{key}.upsample.0", x), 2)


def glc(s: State, picture: Tensor, rate_point: int, *, attention_window: int = 32) -> dict[str, Tensor]:
    """Everything the published model computes of a picture whose sides are multiples of 64."""
    out: dict[str, Tensor] = {}
    x = block_list(s, "vqgan.encoder", picture, sampling="down", window=attention_window, last=22)
    latent = out["latent"] = conv(s, "vqgan.encoder.quant_conv", x)
    y = out["y"] = latent_transform(s, "enc.enc", latent, s["q_enc"][rate_point])
    z = conv(s, "hyper_enc.1", depth_block(s, "hyper_enc.0", y), stride=2)
    z = out["z"] = conv(s, "hyper_enc.3", F.leaky_relu(z, 0.01), stride=2)
    out["z_index"] = nearest(s, "z_vq", z)
    h = words_of(s, "z_vq", out["z_index"])
    h = depth_block(s, "hyper_dec.2", _upsample(s, "hyper_dec.1", _upsample(s, "hyper_dec.0", h)))
    h = depth_block(s, "y_prior_fusion.1", depth_block(s, "y_prior_fusion.0", h))
    step, scale, mean = h.chunk(3, 1)
    step = out["step"] = step.clamp_min(0.5)
    context = conv(s, "y_spatial_prior_reduction", h)
    symbols, y_hat, scales = torch.zeros_like(y), torch.zeros_like(y), torch.zeros_like(y)
    for number in range(4):
        if number:
            h = depth_block(s, f"y_spatial_prior_adaptor_{number}", torch.cat((y_hat, context), 1))
            for block in range(3):
                h = depth_block(s, f"y_spatial_prior.{block}", h)
            scale, mean = h.chunk(2, 1)
        mask = _mask(number, *y.shape[1:])
        found = torch.round((y / step - mean) * mask)
        symbols, y_hat, scales = symbols + found, y_hat + found + mean * mask, scales + scale * mask
    out |= {"y_symbol": symbols, "scale": scales, "y_hat": y_hat * step}
    latent_hat = out["latent_hat"] = latent_transform(s, "dec.dec", out["y_hat"], s["q_dec"][rate_point])
    x = conv(s, "vqgan.generator.post_quant_conv", latent_hat)
    out["x_hat"] = block_list(s, "vqgan.generator", x, sampling="up", window=attention_window, last=28)
    return out


_STEPS = (((0, 3), (2, 1)), ((3, 0), (1, 2)), ((2, 1), (0, 3)), ((1, 2), (3, 0)))


def _mask(number: int, channels: int, height: int, width: int) -> Tensor:
    mask = torch.zeros(1, channels, height, width)
    for quarter, cell in enumerate(_STEPS):
        part = slice(quarter * channels // 4, (quarter + 1) * channels // 4)
        for row in (0, 1):
            for column in (0, 1):
                if cell[row][column] == number:
                    mask[:, part, row::2, column::2] = 1
    return mask
