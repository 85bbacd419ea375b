"""PerCo (SD) as its authors publish it: a folder of diffusers with a hyper-encoder becomes one model file.

Functions of keys and shapes, and of the small JSON files beside the weights: tensors do not tell heads, noise schedule
or the scale of the latent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ...models.importing.kinds import Checkpoint, Checkpoints, Kind, Names, any_of
from ...models.published import PublishedModel
from ...networks.kl_checkpoints import kl_config, kl_names, scaling_told_by, their_key
from ...networks.perco_config import PercoConfig
from ...networks.perco_published_config import PublishedPercoConfig
from .byte_pairs import pairs_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CHECKPOINTS"]

_MOST_BYTES = 1 << 22
_VAE, _HYPER, _TEXT, _UNET = "vae.", "hyper_enc.", "text_encoder.", "unet."
_MERGES = "tokenizer.merges"
_INNER = "text_model."
_NEWER = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_OLDER = re.compile(rf"attentions\.0\.({'|'.join(_NEWER)})\.")
"""What the attention of an autoencoder was called before 2023: Stable Diffusion's own files still do."""
_LASTING = frozenset(
    (
        *("betas", "codeword_channels", "codewords", "first_beta", "groups", "guidance", "hyper_blocks"),
        *("hyper_channels", "hyper_design", "hyper_width", "last_beta", "last_is_clean", "latent_channels", "offset"),
        *("predicts", "stride", "text_activation", "text_heads", "text_inner", "text_layers", "text_length"),
        *("text_pad", "text_width", "train_steps", "unet_attends", "unet_blocks", "unet_heads", "unet_linear"),
        *("unet_widths", "vae_blocks", "vae_channels", "vae_multipliers", "vae_quant_conv", "vae_scaling"),
        "vocabulary",
    )
)
"""Options of the configuration that model files hold. Hashes cover them: this never changes."""

_BLOCKS = {"CrossAttnDownBlock2D": True, "DownBlock2D": False}
"""Blocks of a denoiser, and whether they attend to the caption."""
_PLAIN_UNET: Mapping[str, Any] = {
    "act_fn": "silu",
    "addition_embed_type": None,
    "attention_type": "default",
    "center_input_sample": False,
    "class_embed_type": None,
    "conv_in_kernel": 3,
    "downsample_padding": 1,
    "dual_cross_attention": False,
    "encoder_hid_dim": None,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-5,
    "only_cross_attention": False,
    "resnet_time_scale_shift": "default",
    "time_cond_proj_dim": None,
    "time_embedding_type": "positional",
    "transformer_layers_per_block": 1,
}
"""What a denoiser has to be that no tensor tells. Whatever else differs has other tensors."""


def _text(folder: Path, name: str) -> str:
    path = folder / name
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ModelError(f"{path} is larger than such a file is")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ModelError(f"{folder} has no {name}") from None
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is no text") from error


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_text(folder, name))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{folder / name} is no JSON") from error
    if not isinstance(found, dict):
        raise ModelError(f"{folder / name} holds no options")
    return found


def _prepared(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors as ours are shaped, under the older ones of the names there are."""
    out: dict[str, Tensor] = {}
    for key, tensor in state.items():
        if key.startswith(_TEXT) and not key.startswith(_TEXT + _INNER):
            key = _TEXT + _INNER + key.removeprefix(_TEXT)
        if key.startswith(_HYPER):
            key = key.replace(".project_in.0.", ".project_in.")
        if key.startswith(_VAE):
            tensor = tensor[:, :, None, None] if tensor.ndim == 2 else tensor
            key = _OLDER.sub(lambda match: f"attentions.0.{_NEWER[match[1]]}.", key)
        out[key] = tensor
    return out


def _added(folder: Path) -> Mapping[str, Tensor]:
    """The pairs of the tokenizer: they determine the rest of it."""
    import torch

    vocabulary = _json(folder, "tokenizer/vocab.json")
    pairs = pairs_of(_text(folder, "tokenizer/merges.txt"), vocabulary)
    return {_MERGES: torch.tensor(pairs, dtype=torch.float32).reshape(-1, 2)}


def _configured(checkpoint: Checkpoint) -> PercoConfig:
    shapes, folder = checkpoint.shapes, checkpoint.path
    vae = {key.removeprefix(_VAE): shape for key, shape in shapes.items() if key.startswith(_VAE)}
    scaling = scaling_told_by((), _json(folder, "vae/config.json").get("scaling_factor"))
    autoencoder = kl_config(vae, "diffusers", scaling)
    options: dict[str, Any] = {
        "latent_channels": autoencoder.latent_channels,
        "vae_channels": autoencoder.channels,
        "vae_multipliers": autoencoder.multipliers,
        "vae_blocks": autoencoder.blocks,
        "vae_quant_conv": autoencoder.quant_conv,
        "vae_scaling": autoencoder.scaling,
    }
    options |= _hyper(shapes) | _words(shapes, folder) | _denoiser(folder) | _schedule(folder)
    return PercoConfig(published=PublishedPercoConfig.from_dict(options))


def _hyper(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    _, codewords, length = shapes[_HYPER + "quantizer._codebook.embed"]
    found: dict[str, Any] = {
        "codewords": codewords,
        "codeword_channels": length,
        "hyper_channels": shapes[_HYPER + "quantizer.project_out.weight"][0],
    }
    if _HYPER + "proj_in.1.weight" in shapes:
        halvings = _count(shapes, _HYPER + r"down_blocks\.(\d+)\.")
        return found | {
            "hyper_design": "channel-norm",
            "hyper_width": shapes[_HYPER + "proj_in.1.weight"][0],
            "hyper_blocks": _count(shapes, _HYPER + r"resid_blocks\.(\d+)\."),
            "stride": 2**halvings,
        }
    kernels = [shapes[f"{_HYPER}backbone.{place}.weight"][-1] for place in (0, 4, 9)]
    return found | {
        "hyper_design": "bottleneck",
        "hyper_width": shapes[_HYPER + "backbone.0.weight"][0],
        "stride": 2 ** sum(kernel > 1 for kernel in kernels),
    }


def _words(shapes: Mapping[str, tuple[int, ...]], folder: Path) -> dict[str, Any]:
    told = _json(folder, "text_encoder/config.json")
    inner = _TEXT + _INNER
    vocabulary, width = shapes[inner + "embeddings.token_embedding.weight"]
    length = shapes[inner + "embeddings.position_embedding.weight"][0]
    return {
        "text_width": width,
        "text_layers": _count(shapes, re.escape(inner) + r"encoder\.layers\.(\d+)\."),
        "text_heads": told["num_attention_heads"],
        "text_inner": shapes[inner + "encoder.layers.0.mlp.fc1.weight"][0],
        "text_activation": told.get("hidden_act", "quick_gelu"),
        "text_length": length,
        "vocabulary": vocabulary,
        "text_pad": _padding(folder, vocabulary),
    }


def _padding(folder: Path, vocabulary: int) -> int:
    """The token that fills a caption up; what tells it is a string of the vocabulary."""
    said = _json(folder, "tokenizer/special_tokens_map.json").get("pad_token", "<|endoftext|>")
    text = said.get("content") if isinstance(said, dict) else said
    tokens = _json(folder, "tokenizer/vocab.json")
    token = tokens.get(str(text))
    if not isinstance(token, int) or not 0 <= token < vocabulary:
        raise ModelError(f"{folder}: its tokenizer pads with {text!r}, which is no token")
    return token


def _denoiser(folder: Path) -> dict[str, Any]:
    told = _json(folder, "unet/config.json")
    for name, wanted in _PLAIN_UNET.items():
        if told.get(name, wanted) != wanted:
            raise ModelError(f"{folder}: a denoiser with {name} {told[name]!r} is none of Stable Diffusion 1 or 2")
    kinds, heads = told["down_block_types"], told.get("attention_head_dim", 8)
    if not isinstance(kinds, list) or not all(kind in _BLOCKS for kind in kinds):
        raise ModelError(f"{folder}: a denoiser of blocks {kinds!r} is none of Stable Diffusion 1 or 2")
    return {
        "unet_widths": told["block_out_channels"],
        "unet_attends": [_BLOCKS[kind] for kind in kinds],
        "unet_heads": heads if isinstance(heads, list) else [heads] * len(kinds),
        "unet_blocks": told.get("layers_per_block", 2),
        "unet_linear": told.get("use_linear_projection", False),
        "groups": told.get("norm_num_groups", 32),
    }


def _schedule(folder: Path) -> dict[str, Any]:
    told = _json(folder, "scheduler/scheduler_config.json")
    betas = {"scaled_linear": "scaled", "linear": "linear"}.get(str(told.get("beta_schedule")))
    predicts = {"v_prediction": "velocity", "epsilon": "noise"}.get(str(told.get("prediction_type", "epsilon")))
    odd = told.get("trained_betas") or told.get("rescale_betas_zero_snr") or told.get("thresholding")
    if betas is None or predicts is None or odd or told.get("timestep_spacing", "leading") != "leading":
        raise ModelError(f"{folder}: its noise schedule is none of Stable Diffusion 1 or 2")
    return {
        "train_steps": told["num_train_timesteps"],
        "first_beta": told["beta_start"],
        "last_beta": told["beta_end"],
        "betas": betas,
        # the published pipeline sets an older value right
        "offset": 1,
        "last_is_clean": bool(told.get("set_alpha_to_one", False)),
        "predicts": predicts,
    }


def _count(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> int:
    """How many numbers there are in a place of the keys."""
    return len({match[1] for key in shapes if (match := re.match(pattern, key))})


def _names(config: PercoConfig) -> Names:
    published = config.published
    assert published is not None
    vae = kl_names(published.autoencoder, "diffusers")
    backbone = "backbone." if published.hyper_design == "bottleneck" else ""

    def name(key: str) -> str:
        room, _, rest = key.partition(".")
        if room == "autoencoder":
            return _VAE + their_key(rest, vae, "diffusers")
        if room == "hyper_encoder":
            rest = rest.replace("quantizer.embed", "quantizer._codebook.embed")
            return _HYPER + (backbone + rest.removeprefix("backbone.") if rest.startswith("backbone.") else rest)
        if room == "text_encoder":
            return _TEXT + _INNER + rest
        if room == "merges":
            return _MERGES
        return _UNET + rest.replace("conv_in.", "conv_in_extended.")

    return name


def _default_name(config: PercoConfig, checkpoint: Checkpoint) -> str:
    assert config.published is not None
    return f"perco-sd-{config.published.hyper_bpp:.4f}"


_PAGE = "https://github.com/Nikolai10/PerCo"

CHECKPOINTS = Checkpoints(
    kinds=(
        Kind(
            title="PerCo (SD)",
            licence="Apache-2.0 for the hyper-encoder's code; CreativeML Open RAIL++-M for Stable Diffusion 2.1",
            page=_PAGE,
            signature=(
                _UNET + "conv_in_extended.weight",
                _HYPER + "quantizer._codebook.embed",
                _VAE + "encoder.conv_in.weight",
            ),
            aside=any_of(
                r"unet\.conv_in\.",
                r"hyper_enc\.quantizer\.(_codebook\.(initted|cluster_size|embed_avg)|zero)$",
                r"text_encoder\.(text_model\.)?embeddings\.position_ids$",
            ),
            configure=_configured,
            network="napari_glc.codecs.perco.checkpoints:built",
            names=_names,
            default_name=_default_name,
            lasting={"": frozenset(("published",)), "published": _LASTING},
            prepare=_prepared,
            added=_added,
        ),
    ),
    published=(
        PublishedModel(
            name="perco-sd",
            title="PerCo (SD): painted pictures at 0.125, 0.0313 and 0.0019 bpp, a folder each",
            file="cmvl_2024",
            page=_PAGE,
            licence="CreativeML Open RAIL++-M",
            megabytes=5200,
        ),
    ),
)


def built(config: PercoConfig) -> Any:
    """The networks of a configuration."""
    from ...networks.perco_published import PublishedPerco

    if config.published is None:
        raise ValueError("it is no published one")
    return PublishedPerco(config.published)
