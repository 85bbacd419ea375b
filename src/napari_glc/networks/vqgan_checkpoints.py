"""Configuration of a published VQGAN, read off its tensors, and the two ways its keys are written.

GLC and CodeFormer number the blocks of encoder and generator in the order of their work; so does this package.
taming-transformers names them by level, and numbers the generator's levels from the finest. The blocks are the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .config import AutoencoderConfig

__all__ = ["LASTING_OPTIONS", "Shapes", "block_list_config", "numbered", "taming_config", "taming_names"]

Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of a checkpoint's tensors by key."""

LASTING_OPTIONS = frozenset(
    (
        *("channels", "codewords", "decoder_blocks", "encoder_blocks", "final_swish", "kind", "latent_channels"),
        *("multipliers", "quant_conv", "window"),
    )
)
"""Options of the configuration that model files hold. Hashes cover them: this never changes."""

_MOST_BLOCKS = 256


def block_list_config(shapes: Shapes, prefix: str, window: int) -> AutoencoderConfig:
    """Configuration of an autoencoder whose blocks are numbered.

    Parameters
    ----------
    shapes
        Shapes by key.
    prefix
        Of its keys, such as ``vqgan.``.
    window
        Attention window, which no tensor tells.

    Raises
    ------
    LookupError, ValueError
        If keys are missing without which nothing can be told.
    """
    encoder, generator = f"{prefix}encoder.blocks.", f"{prefix}generator.blocks."
    channels = shapes[f"{encoder}0.weight"][0]
    widths: list[int] = []
    counts = [0]
    for number in range(_last(shapes, encoder) + 1):
        residual = shapes.get(f"{encoder}{number}.conv1.weight")
        if residual is not None:
            counts[-1] += 1
            widths[len(counts) - 1 :] = [residual[0]]
        elif f"{encoder}{number}.conv.weight" in shapes:
            counts.append(0)
    # the two residual blocks in the middle follow those of the last level
    counts[-1] -= 2
    decoder = [number for number in range(_last(shapes, generator)) if f"{generator}{number}.conv1.weight" in shapes]
    codewords, latent = shapes[f"{prefix}quantize.embedding.weight"]
    last = _last(shapes, encoder)
    return AutoencoderConfig(
        kind="vqgan",
        latent_channels=latent,
        codewords=codewords,
        channels=channels,
        multipliers=tuple(width // channels for width in widths),
        encoder_blocks=max(0, min(counts)),
        decoder_blocks=(len(decoder) - 2) // len(widths),
        window=window,
        # without parameters, but with a number of its own
        final_swish=f"{encoder}{last - 1}.weight" not in shapes,
        quant_conv=f"{prefix}encoder.quant_conv.weight" in shapes,
    )


def _last(shapes: Shapes, prefix: str) -> int:
    """The highest block number."""
    numbers = {int(m[1]) for key in shapes if (m := re.match(re.escape(prefix) + r"(\d{1,6})\.", key))}
    if not numbers or max(numbers) > _MOST_BLOCKS:
        raise ValueError(f"{len(numbers)} blocks in {prefix[:-1]}")
    return max(numbers)


def taming_config(shapes: Shapes, prefix: str) -> AutoencoderConfig:
    """Configuration of a VQGAN of taming-transformers, which attends to the whole latent at once.

    Parameters, errors
        As for :func:`block_list_config`.
    """
    levels = _count(shapes, f"{prefix}encoder.down.")
    channels = shapes[f"{prefix}encoder.conv_in.weight"][0]
    widths = [shapes[f"{prefix}encoder.down.{level}.block.0.conv1.weight"][0] for level in range(levels)]
    codewords, latent = shapes[f"{prefix}quantize.embedding.weight"]
    return AutoencoderConfig(
        kind="vqgan",
        latent_channels=latent,
        codewords=codewords,
        channels=channels,
        multipliers=tuple(width // channels for width in widths),
        encoder_blocks=_count(shapes, f"{prefix}encoder.down.0.block."),
        decoder_blocks=_count(shapes, f"{prefix}decoder.up.0.block."),
        window=0,
    )


def _count(shapes: Shapes, prefix: str) -> int:
    """How many numbered things there are under a key."""
    found = {m[1] for key in shapes if (m := re.match(re.escape(prefix) + r"(\d{1,6})\.", key))}
    if not 0 < len(found) <= _MOST_BLOCKS:
        raise ValueError(f"{len(found)} parts in {prefix[:-1]}")
    return len(found)


def taming_names(config: AutoencoderConfig) -> dict[str, str]:
    """What taming-transformers calls each block of ours: ``encoder.blocks.3`` is ``encoder.down.0.downsample``."""
    top = len(config.multipliers) - 1
    down = ["conv_in"]
    for level in range(top + 1):
        down += _level(f"down.{level}", config.encoder_blocks, attends=level == top)
        down += [f"down.{level}.downsample"] if level < top else []
    up = ["conv_in", *_MIDDLE]
    for level in range(top, -1, -1):
        up += _level(f"up.{level}", config.decoder_blocks, attends=level == top)
        up += [f"up.{level}.upsample"] if level else []
    last = ["norm_out", "", "conv_out"]  # the activation between them has no tensors
    names = {f"encoder.blocks.{i}": f"encoder.{name}" for i, name in enumerate([*down, *_MIDDLE, *last]) if name}
    names |= {f"generator.blocks.{i}": f"decoder.{name}" for i, name in enumerate([*up, *last]) if name}
    return names | {"encoder.quant_conv": "quant_conv", "generator.post_quant_conv": "post_quant_conv"}


_MIDDLE = ["mid.block_1", "mid.attn_1", "mid.block_2"]


def _level(name: str, blocks: int, *, attends: bool) -> list[str]:
    pairs = [(f"{name}.block.{i}", f"{name}.attn.{i}") for i in range(blocks)]
    return [part for block, attention in pairs for part in ((block, attention) if attends else (block,))]


def numbered(key: str, names: Mapping[str, str]) -> str:
    """A key of ours as taming-transformers writes it.

    Parameters
    ----------
    key
        Such as ``encoder.blocks.4.conv_out.weight``.
    names
        From :func:`taming_names`.
    """
    block = max((ours for ours in names if key.startswith(ours + ".")), key=len, default="")
    if not block:
        return key
    return f"{names[block]}.{key[len(block) + 1 :].replace('conv_out.', 'nin_shortcut.')}"
