"""Published checkpoints that become models of ``vqgan``. No torch at import."""

from __future__ import annotations

import re

from ...errors import OptionError
from ...models.importing.kinds import Checkpoint, Checkpoints, Kind, Names, any_of, same_names
from ...models.published import PublishedModel
from ...networks.config import AutoencoderConfig, TransformerConfig, VqganConfig
from ...networks.vqgan_checkpoints import LASTING_OPTIONS, block_list_config, numbered, taming_config, taming_names
from .entry import ENTRY

__all__ = ["CHECKPOINTS"]

# -- configurations -----------------------------------------------------------------------------------


def _one_codebook(autoencoder: AutoencoderConfig, transformer: TransformerConfig | None = None) -> VqganConfig:
    return VqganConfig(
        autoencoder=autoencoder, codebooks=(autoencoder.codewords,), conditioned=False, transformer=transformer
    )


def _taming_config(checkpoint: Checkpoint) -> VqganConfig:
    return _one_codebook(taming_config(checkpoint.shapes, ""))


def _codeformer_config(checkpoint: Checkpoint) -> VqganConfig:
    # CodeFormer attends to the whole latent: it was made for faces of 512 x 512 pixels, 16 x 16 positions
    return _one_codebook(block_list_config(checkpoint.shapes, "", 0))


def _net2net_config(checkpoint: Checkpoint) -> VqganConfig:
    first = taming_config(checkpoint.shapes, "first_stage_model.")
    return _one_codebook(first, _transformer_config(checkpoint, "transformer."))


def _second_stage_config(checkpoint: Checkpoint) -> VqganConfig:
    """That of the first stage, with a transformer over its indices."""
    transformer = _transformer_config(checkpoint, "")
    tokens, first = checkpoint.shapes["tok_emb.weight"][0], checkpoint.first_stage
    if first is None:
        raise OptionError(
            f"a second stage predicts indices, here of a VQGAN with {tokens} codes. Name that model with --for"
        )
    if first.codec != ENTRY.name:
        raise OptionError(f"model {first.name!r} of codec {first.codec!r} has no indices to predict")
    whole = first.network_config(VqganConfig)
    if whole.codebooks != (tokens,):
        sizes = ", ".join(map(str, whole.codebooks))
        raise OptionError(f"the second stage predicts {tokens} codes and model {first.name!r} has {sizes}")
    return whole.replaced(transformer=transformer)


def _transformer_config(checkpoint: Checkpoint, prefix: str) -> TransformerConfig:
    shapes, heads = checkpoint.shapes, checkpoint.heads
    width = shapes[f"{prefix}tok_emb.weight"][1]
    blocks = {m[1] for key in shapes if (m := re.match(rf"{re.escape(prefix)}blocks\.(\d{{1,3}})\.", key))}
    # every published one has heads of 64 channels
    heads = max(1, width // 64) if heads is None else heads
    if heads < 1 or width % heads:
        raise OptionError(f"{width} channels cannot be shared by {heads} heads")
    return TransformerConfig(
        width=width, layers=len(blocks), heads=heads, block=shapes[f"{prefix}pos_emb"][1], reaches=(), tied=False
    )


# -- names --------------------------------------------------------------------------------------------


def _codeformer_names(config: VqganConfig) -> Names:
    return _codebook_of


def _codebook_of(key: str) -> str:
    """The only codebook of ours is the quantiser's."""
    return key.replace("codebooks.0.", "quantize.")


def _taming_names(config: VqganConfig) -> Names:
    names = taming_names(config.autoencoder)
    return lambda key: numbered(_codebook_of(key), names)


def _net2net_names(config: VqganConfig) -> Names:
    first = _taming_names(config)
    return lambda key: key if key.startswith("transformer.") else f"first_stage_model.{first(key)}"


def _default_name(config: VqganConfig, checkpoint: Checkpoint) -> str:
    return f"vqgan-f{config.factor}-{config.codebooks[0]}"


def _codeformer_name(config: VqganConfig, checkpoint: Checkpoint) -> str:
    return f"codeformer-f{config.factor}-{config.codebooks[0]}"


def _net2net_name(config: VqganConfig, checkpoint: Checkpoint) -> str:
    return f"{_default_name(config, checkpoint)}-gpt"


def _second_stage_name(config: VqganConfig, checkpoint: Checkpoint) -> str:
    first = checkpoint.first_stage
    assert first is not None  # or there would be no configuration
    return f"{first.name.removesuffix('-gpt')}-gpt"


# -- kinds --------------------------------------------------------------------------------------------

_NETWORK = "napari_glc.networks.index_map:IndexMapNetwork"
_TAMING = "https://github.com/CompVis/taming-transformers"
_LOSSES = (r"loss\.", r"discriminator\.", r"perceptual_loss\.")
_MASKS = r".*\.attn\.mask$"
_LASTING = {
    "": frozenset(("codebooks", "conditioned")),
    "autoencoder": LASTING_OPTIONS,
    "transformer": frozenset(("block", "heads", "layers", "reaches", "tied", "width")),
}

_KINDS = (
    Kind(
        title="VQGAN with its transformer (taming-transformers)",
        licence="MIT",
        page=_TAMING,
        signature=("transformer.tok_emb.weight", "first_stage_model.encoder.conv_in.weight"),
        aside=any_of(r"cond_stage_model\.", r"first_stage_model\.(loss\.|colorize$)", _MASKS, *_LOSSES),
        configure=_net2net_config,
        network=_NETWORK,
        names=_net2net_names,
        default_name=_net2net_name,
        lasting=_LASTING,
        has_heads=True,
    ),
    Kind(
        title="second stage (minGPT of taming-transformers)",
        licence="MIT",
        page=_TAMING,
        signature=("tok_emb.weight", "pos_emb", "head.weight"),
        aside=any_of(r"cond_stage_model\.", _MASKS, *_LOSSES),
        configure=_second_stage_config,
        network=_NETWORK,
        names=same_names,
        default_name=_second_stage_name,
        lasting=_LASTING,
        second_stage="transformer.",
        has_heads=True,
    ),
    Kind(
        title="VQGAN (taming-transformers)",
        licence="MIT",
        page=_TAMING,
        signature=("encoder.conv_in.weight", "decoder.conv_in.weight", "quantize.embedding.weight"),
        aside=any_of(r"colorize$", *_LOSSES),
        configure=_taming_config,
        network=_NETWORK,
        names=_taming_names,
        default_name=_default_name,
        lasting=_LASTING,
    ),
    Kind(
        title="VQ autoencoder (CodeFormer)",
        licence="S-Lab License 1.0: not for commercial use",
        page="https://github.com/sczhou/CodeFormer",
        signature=("encoder.blocks.0.weight", "generator.blocks.0.weight", "quantize.embedding.weight"),
        aside=any_of(r"position_emb$", r"(feat_emb|ft_layers|idx_pred_layer|fuse_convs_dict)\.", *_LOSSES),
        configure=_codeformer_config,
        network=_NETWORK,
        names=_codeformer_names,
        default_name=_codeformer_name,
        lasting=_LASTING,
    ),
)

# -- where some are published -------------------------------------------------------------------------

_HEIBOX = "https://heibox.uni-heidelberg.de/d"
_CODEFORMER = "https://github.com/sczhou/CodeFormer/releases"

_PUBLISHED = (
    PublishedModel(
        name="vqgan-f16-1024",
        title="VQGAN of taming-transformers, ImageNet, f = 16, 1024 codes",
        file="ckpts/last.ckpt",
        saved_as="vqgan_imagenet_f16_1024.ckpt",
        page=f"{_HEIBOX}/8088892a516d4e3baf92/",
        url=f"{_HEIBOX}/8088892a516d4e3baf92/files/?p=%2Fckpts%2Flast.ckpt&dl=1",
        megabytes=957,
        licence="MIT",
    ),
    PublishedModel(
        name="vqgan-f16-16384",
        title="VQGAN of taming-transformers, ImageNet, f = 16, 16384 codes",
        file="ckpts/last.ckpt",
        saved_as="vqgan_imagenet_f16_16384.ckpt",
        page=f"{_HEIBOX}/a7530b09fed84f80a887/",
        url=f"{_HEIBOX}/a7530b09fed84f80a887/files/?p=%2Fckpts%2Flast.ckpt&dl=1",
        megabytes=980,
        licence="MIT",
    ),
    PublishedModel(
        name="sflckr",
        title="VQGAN with its transformer (minGPT), landscapes, f = 16, 1024 codes",
        file="checkpoints/last.ckpt",
        saved_as="sflckr.ckpt",
        page=f"{_HEIBOX}/73487ab6e5314cb5adba/",
        url=f"{_HEIBOX}/73487ab6e5314cb5adba/files/?p=%2Fcheckpoints%2Flast.ckpt&dl=1",
        licence="MIT",
    ),
    PublishedModel(
        name="codeformer-f32-1024",
        title="VQ autoencoder of CodeFormer, faces, f = 32, 1024 codes",
        file="vqgan_code1024.pth",
        page=f"{_CODEFORMER}/tag/v0.1.0",
        url=f"{_CODEFORMER}/download/v0.1.0/vqgan_code1024.pth",
        megabytes=255,
        licence="S-Lab License 1.0: not for commercial use",
    ),
    PublishedModel(
        name="codeformer-restorer",
        title="the VQ autoencoder inside CodeFormer's restorer, faces, f = 32, 1024 codes",
        file="codeformer.pth",
        page=f"{_CODEFORMER}/tag/v0.1.0",
        url=f"{_CODEFORMER}/download/v0.1.0/codeformer.pth",
        sha256="1009e537e0c2a07d4cabce6355f53cb66767cd4b4297ec7a4a64ca4b8a5684b7",
        megabytes=377,
        licence="S-Lab License 1.0: not for commercial use",
    ),
)

CHECKPOINTS = Checkpoints(kinds=_KINDS, published=_PUBLISHED)
