"""Which checkpoint it is, and what of it becomes which of our tensors.

A kind is told by a few keys under any prefix. Its configuration is read off keys and shapes, so checkpoints of other
widths and codebooks, trained with the authors' code, are taken as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...networks.config import GlcConfig, TransformerConfig, VqganConfig
from .autoencoders import Shapes, block_list_config, numbered, taming_config, taming_names

__all__ = ["KINDS", "Kind", "Names"]

Names = Callable[[str], str]
"""From a key of our network to the checkpoint's."""

_GLC_WINDOW = 32
"""Side of the attention windows GLC is evaluated with, in latent positions."""


@dataclass(frozen=True)
class Kind:
    """A kind of published checkpoint.

    Attributes
    ----------
    title
        In words.
    licence, page
        The authors' terms, and where they publish it.
    signature
        Keys that tell it, under one prefix.
    aside
        What training needs and coding does not: keys that fit are left out.
    configure
        From shapes to the configuration of a network.
    names
        From the configuration to how our keys are called there.
    second_stage
        Whether it is a transformer that needs a VQGAN to belong to.
    """

    title: str
    licence: str
    page: str
    signature: tuple[str, ...]
    aside: re.Pattern[str]
    configure: Callable[[Shapes], Any]
    names: Callable[[Any], Names]
    second_stage: bool = False


def _glc_config(shapes: Shapes) -> GlcConfig:
    rate_points, channels = shapes["q_enc"][:2]
    blocks = {m[1] for key in shapes if (m := re.match(r"y_spatial_prior\.(\d{1,3})\.", key))}
    return GlcConfig(
        autoencoder=block_list_config(shapes, "vqgan.", _GLC_WINDOW),
        hyper_codewords=shapes["z_vq.embedding.weight"][0],
        rate_points=rate_points,
        expansion=shapes["enc.enc_1.0.block.1.conv.weight"][0] // channels,
        prior_blocks=len(blocks),
        log_scale=False,
        rate_conditioned_prior=False,
    )


def _taming_config(shapes: Shapes) -> VqganConfig:
    inner = taming_config(shapes, "")
    return VqganConfig(autoencoder=inner, codebooks=(inner.codewords,), conditioned=False, transformer=None)


def _codeformer_config(shapes: Shapes) -> VqganConfig:
    # CodeFormer attends to the whole latent: it was made for faces of 512 x 512 pixels, 16 x 16 positions
    inner = block_list_config(shapes, "", 0)
    return VqganConfig(autoencoder=inner, codebooks=(inner.codewords,), conditioned=False, transformer=None)


def _transformer_config(shapes: Shapes) -> TransformerConfig:
    width = shapes["tok_emb.weight"][1]
    blocks = {m[1] for key in shapes if (m := re.match(r"blocks\.(\d{1,3})\.", key))}
    # every published one has heads of 64 channels
    heads = max(1, width // 64)
    return TransformerConfig(
        width=width, layers=len(blocks), heads=heads, block=shapes["pos_emb"][1], reaches=(), tied=False
    )


def _net2net_config(shapes: Shapes) -> VqganConfig:
    first = _taming_config(_under(shapes, "first_stage_model."))
    return first.replaced(transformer=_transformer_config(_under(shapes, "transformer.")))


def _under(shapes: Shapes, prefix: str) -> Shapes:
    return {key.removeprefix(prefix): shape for key, shape in shapes.items() if key.startswith(prefix)}


def _same(config: Any) -> Names:
    return lambda key: key


def _codebook_of(key: str) -> str:
    """The only codebook of ours is the quantiser's."""
    return key.replace("codebooks.0.", "quantize.")


def _codeformer_names(config: VqganConfig) -> Names:
    return _codebook_of


def _taming_names(config: VqganConfig) -> Names:
    names = taming_names(config.autoencoder)
    return lambda key: numbered(_codebook_of(key), names)


def _net2net_names(config: VqganConfig) -> Names:
    first = _taming_names(config)
    return lambda key: key if key.startswith("transformer.") else f"first_stage_model.{first(key)}"


def _aside(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_TAMING = "https://github.com/CompVis/taming-transformers"
_LOSSES = (r"loss\.", r"discriminator\.", r"perceptual_loss\.")
_MASKS = r".*\.attn\.mask$"

KINDS: Mapping[str, Kind] = {
    "glc": Kind(
        title="GLC image model",
        licence="Apache-2.0",
        page="https://github.com/jzyustc/GLC",
        signature=("q_enc", "vqgan.encoder.blocks.0.weight"),
        aside=_aside(r"code_pred(_pix)?_loss\.", *_LOSSES),
        configure=_glc_config,
        names=_same,
    ),
    "net2net": Kind(
        title="VQGAN with its transformer (taming-transformers)",
        licence="MIT",
        page=_TAMING,
        signature=("transformer.tok_emb.weight", "first_stage_model.encoder.conv_in.weight"),
        aside=_aside(r"cond_stage_model\.", r"first_stage_model\.(loss\.|colorize$)", _MASKS, *_LOSSES),
        configure=_net2net_config,
        names=_net2net_names,
    ),
    "transformer": Kind(
        title="second stage (minGPT of taming-transformers)",
        licence="MIT",
        page=_TAMING,
        signature=("tok_emb.weight", "pos_emb", "head.weight"),
        aside=_aside(r"cond_stage_model\.", _MASKS, *_LOSSES),
        configure=_transformer_config,
        names=_same,
        second_stage=True,
    ),
    "vqgan": Kind(
        title="VQGAN (taming-transformers)",
        licence="MIT",
        page=_TAMING,
        signature=("encoder.conv_in.weight", "decoder.conv_in.weight", "quantize.embedding.weight"),
        aside=_aside(r"colorize$", *_LOSSES),
        configure=_taming_config,
        names=_taming_names,
    ),
    "codeformer": Kind(
        title="VQ autoencoder (CodeFormer)",
        licence="S-Lab License 1.0: not for commercial use",
        page="https://github.com/sczhou/CodeFormer",
        signature=("encoder.blocks.0.weight", "generator.blocks.0.weight", "quantize.embedding.weight"),
        aside=_aside(r"position_emb$", r"(feat_emb|ft_layers|idx_pred_layer|fuse_convs_dict)\.", *_LOSSES),
        configure=_codeformer_config,
        names=_codeformer_names,
    ),
}
"""In the order in which they are tried: GLC and Net2Net contain a VQGAN."""
