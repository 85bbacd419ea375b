"""Published KL-regularised autoencoders: configuration off the tensors, and the names of both libraries.

The CompVis code names blocks by level and numbers the decoder's levels from the finest (``decoder.up.0``); in a full
checkpoint all of it lies below ``first_stage_model.``. diffusers numbers the decoder's levels in the order of their
work, and stores the projections of attention as matrices; the oldest files call them ``query``, ``key``, ``value``
and ``proj_attn``. The blocks are the same. Functions of keys and shapes only; nothing is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from .kl_config import SD_SCALING, SDXL_SCALING, KlConfig

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "ASIDE",
    "LASTING_OPTIONS",
    "SIGNATURES",
    "Layout",
    "as_convolutions",
    "kl_config",
    "kl_names",
    "scaling_told_by",
    "their_key",
]

Layout = Literal["compvis", "diffusers", "diffusers-old"]
Shapes = Mapping[str, tuple[int, ...]]

SIGNATURES: Mapping[Layout, tuple[str, ...]] = {
    "compvis": ("encoder.down.0.block.0.conv1.weight", "encoder.mid.attn_1.q.weight", "decoder.mid.attn_1.q.weight"),
    "diffusers": ("encoder.down_blocks.0.resnets.0.conv1.weight", "encoder.mid_block.attentions.0.to_q.weight"),
    "diffusers-old": ("encoder.down_blocks.0.resnets.0.conv1.weight", "encoder.mid_block.attentions.0.query.weight"),
}
"""Keys that tell the layout, under one prefix. A VQGAN has the first ones too: it is told by its codebook, before."""

ASIDE = (
    r"(model|model_ema|cond_stage_model|conditioner|denoiser|loss|first_stage_model\.loss)\."
    r"|betas$|alphas_|sqrt_|log_|posterior_|logvar$"
)
"""What else lies in a full checkpoint beside the autoencoder: keys that begin like this are left out."""

LASTING_OPTIONS = frozenset(
    ("blocks", "channels", "kind", "latent_channels", "multipliers", "quant_conv", "scaling"),
)
"""Options of the configuration that model files hold. Hashes cover them: this never changes."""

_MOST_BLOCKS = 64
_ATTENTION_LEAVES: Mapping[Layout, Mapping[str, str]] = {
    "compvis": {},
    "diffusers": {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"},
    "diffusers-old": {"norm": "group_norm", "q": "query", "k": "key", "v": "value", "proj_out": "proj_attn"},
}


def as_convolutions(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a checkpoint, the matrices of its attention as kernels of 1x1 convolutions."""
    attention = re.compile(r".*mid_block\.attentions\.0\.(to_[qkv]|to_out\.0|query|key|value|proj_attn)\.weight$")
    return {
        key: tensor[:, :, None, None] if tensor.ndim == 2 and attention.match(key) else tensor
        for key, tensor in state.items()
    }


def kl_config(shapes: Shapes, layout: Layout, scaling: float = SD_SCALING) -> KlConfig:
    """Configuration of a published autoencoder.

    Parameters
    ----------
    shapes
        Shapes by key, without prefix.
    layout
        Whose names these are.
    scaling
        See :func:`scaling_told_by`.

    Raises
    ------
    LookupError, ValueError
        If keys are missing without which nothing can be told.
    """
    room = "encoder.down.{}.block." if layout == "compvis" else "encoder.down_blocks.{}.resnets."
    levels = _count(shapes, room.split("{}")[0])
    channels = shapes["encoder.conv_in.weight"][0]
    widths = [shapes[room.format(i) + "0.conv1.weight"][0] for i in range(levels)]
    if not channels or any(width % channels for width in widths):
        raise ValueError(f"widths {widths} over {channels} channels")
    return KlConfig(
        kind="published",
        latent_channels=shapes["decoder.conv_in.weight"][1],
        channels=channels,
        multipliers=tuple(width // channels for width in widths),
        blocks=_count(shapes, room.format(0)),
        quant_conv="quant_conv.weight" in shapes,
        scaling=scaling,
    )


def _count(shapes: Shapes, room: str) -> int:
    """How many numbered things there are under a key."""
    found = {m[1] for key in shapes if (m := re.match(re.escape(room) + r"(\d{1,6})\.", key))}
    if not 0 < len(found) <= _MOST_BLOCKS:
        raise ValueError(f"{len(found)} parts in {room[:-1]}")
    return len(found)


def scaling_told_by(keys: Iterable[str], published: object = None) -> float:
    """Scaling factor of an autoencoder, which none of its own tensors tells.

    Parameters
    ----------
    keys
        All keys of the file: a full checkpoint of SDXL has a ``conditioner``.
    published
        ``scaling_factor`` of the ``config.json`` beside the file, if there is one; anything that is not a positive
        number is ignored.
    """
    if isinstance(published, (int, float)) and not isinstance(published, bool) and 0 < published < 100:
        return float(published)
    return SDXL_SCALING if any(key.startswith("conditioner.") for key in keys) else SD_SCALING


def kl_names(config: KlConfig, layout: Layout) -> dict[str, str]:
    """What a layout calls each block of ours: ``encoder.blocks.3`` is ``encoder.down.0.downsample``."""
    if layout == "compvis":
        down, up = "down.{}.downsample", "up.{}.upsample"
        inner, outer = "down.{}.block.{}", "up.{}.block.{}"
        middle, norm = ["mid.block_1", "mid.attn_1", "mid.block_2"], "norm_out"
    else:
        down, up = "down_blocks.{}.downsamplers.0", "up_blocks.{}.upsamplers.0"
        inner, outer = "down_blocks.{}.resnets.{}", "up_blocks.{}.resnets.{}"
        middle, norm = ["mid_block.resnets.0", "mid_block.attentions.0", "mid_block.resnets.1"], "conv_norm_out"
    top = len(config.multipliers) - 1
    encoder = ["conv_in"]
    for level in range(top + 1):
        encoder += [inner.format(level, i) for i in range(config.blocks)]
        encoder += [down.format(level)] if level < top else []
    decoder = ["conv_in", *middle]
    for step in range(top + 1):
        level = top - step if layout == "compvis" else step
        decoder += [outer.format(level, i) for i in range(config.blocks + 1)]
        decoder += [up.format(level)] if step < top else []
    names = {f"encoder.blocks.{i}": f"encoder.{name}" for i, name in enumerate([*encoder, *middle, norm, "conv_out"])}
    return names | {f"generator.blocks.{i}": f"decoder.{name}" for i, name in enumerate([*decoder, norm, "conv_out"])}


def their_key(key: str, names: Mapping[str, str], layout: Layout) -> str:
    """A key of ours as a layout writes it.

    Parameters
    ----------
    key
        Such as ``encoder.blocks.4.conv_out.weight``.
    names
        From :func:`kl_names`.
    layout
        The same one.
    """
    match = re.match(r"((?:encoder|generator)\.blocks\.\d+)\.(.*)$", key)
    if match is None or match[1] not in names:
        return key
    name, (module, _, parameter) = names[match[1]], match[2].rpartition(".")
    if module:
        if "attn" in name or "attention" in name:
            module = _ATTENTION_LEAVES[layout].get(module, module)
        elif module == "conv_out":
            module = "nin_shortcut" if layout == "compvis" else "conv_shortcut"
    return ".".join(part for part in (name, module, parameter) if part)
