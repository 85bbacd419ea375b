"""Makes tests/data/perco_published.npz and .json: what PerCo (SD) computes under reproducible random weights.

PYTHONPATH=SRC:tests/official python tests/official/make_perco_reference.py

SRC is the folder ``src`` of github.com/Nikolai10/PerCo. Needs what the authors ran it with
(``pip install diffusers==0.27.2 transformers==4.37.2 vector-quantize-pytorch==1.15.3 compressai``); the tests do not.
Two checkpoints of narrow networks, saved by the authors' pipeline itself: one like Stable Diffusion 2, with the
hyper-encoder of the paper, and one like Stable Diffusion 1, with the first hyper-encoder of the authors. And both
hyper-encoders at every grid.
"""

from __future__ import annotations

import collections
import json
import tempfile
from pathlib import Path
from typing import Any

import hyper_encoder
import hyper_encoder_v2
import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler
from pipeline_sd_perco import StableDiffusionPipelinePerco
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, CLIPTokenizerFast
from unet_2d_perco import UNet2DConditionModel

import fakes
from napari_glc.codecs.perco.byte_pairs import byte_tokens
from napari_glc.codecs.perco.caption import DICTIONARY

CAPTIONS = (
    "A red boat on the lake, it's 27 years old!",
    "  Zwei Mädchen\tsitzen am Fluß; 日本語 🐦  ",
    "",
    "don't 1st ... ???'s x",
)
SIDES = (16, 24)
"""Of the latent."""
STEPS, GUIDANCE = 3, 3.0
VARIANTS: dict[str, dict[str, Any]] = {
    "sd2": {
        "hyper": (hyper_encoder, {"N": 16, "cfg_ss": 16, "cfg_cs": 300}),
        "unet": {"attention_head_dim": (1, 2, 4, 4), "use_linear_projection": True},
        "text": {"hidden_act": "gelu", "pad": "!"},
        "scheduler": {"prediction_type": "v_prediction"},
    },
    "sd1": {
        "hyper": (hyper_encoder_v2, {"num_filters_base": 16, "num_residual_blocks": 2, "cfg_ss": 32, "cfg_cs": 16}),
        "unet": {"attention_head_dim": 2, "use_linear_projection": False},
        "text": {"hidden_act": "quick_gelu", "pad": "<|endoftext|>"},
        "scheduler": {"prediction_type": "epsilon"},
    },
}


def learned_merges(text: str, count: int) -> list[str]:
    """The most frequent pairs of a text, as byte pair encoding learns them."""
    spare = iter(range(256, 512))
    letters = {byte: chr(byte) if place < 188 else chr(next(spare)) for place, byte in enumerate(byte_tokens())}
    words = collections.Counter(text.lower().split())
    split = {word: [*(letters[b] for b in word.encode()[:-1]), letters[word.encode()[-1]] + "</w>"] for word in words}
    merges = []
    for _ in range(count):
        pairs = collections.Counter()
        for word, parts in split.items():
            for pair in zip(parts, parts[1:], strict=False):
                pairs[pair] += words[word]
        first, second = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(f"{first} {second}")
        for parts in split.values():
            place = 0
            while place + 1 < len(parts):
                if (parts[place], parts[place + 1]) == (first, second):
                    parts[place : place + 2] = [first + second]
                place += 1
    return merges


def tokenizer(folder: Path, pad: str) -> CLIPTokenizer:
    spare = iter(range(256, 512))
    letters = [chr(byte) if place < 188 else chr(next(spare)) for place, byte in enumerate(byte_tokens())]
    merges = learned_merges(DICTIONARY.decode(), 200)
    tokens = letters + [letter + "</w>" for letter in letters] + ["".join(line.split()) for line in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    return CLIPTokenizer(folder / "vocab.json", folder / "merges.txt", pad_token=pad, model_max_length=77)


def filled(network: torch.nn.Module, name: str) -> Any:
    state = network.state_dict()
    for key, value in state.items():
        if value.is_floating_point() and "initted" not in key and "cluster_size" not in key:
            value.copy_(fakes.reproducible(f"{name}.{key}", list(value.shape)))
    return network.eval()


def pipeline(variant: dict[str, Any], folder: Path) -> StableDiffusionPipelinePerco:
    module, sizes = variant["hyper"]
    tokens = tokenizer(folder, variant["text"]["pad"])
    text = CLIPTextConfig(
        vocab_size=len(tokens.get_vocab()),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_act=variant["text"]["hidden_act"],
        bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id,
    )
    unet = UNet2DConditionModel(
        block_out_channels=(32, 32, 64, 64),
        layers_per_block=1,
        cross_attention_dim=32,
        norm_num_groups=8,
        sample_size=16,
        **variant["unet"],
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 32, 32, 64),
        layers_per_block=1,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        **variant["scheduler"],
    )
    return StableDiffusionPipelinePerco(
        vae=filled(vae, "vae"),
        text_encoder=filled(CLIPTextModel(text), "text_encoder"),
        tokenizer=tokens,
        unet=filled(unet, "unet"),
        hyper_enc=filled(module.HyperEncoder(**sizes), "hyper_enc"),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def described(folder: Path) -> dict[str, Any]:
    """What the authors' pipeline saved: shapes of tensors by network, and the text files but the vocabulary."""
    shapes = {
        path.parent.name: {key: list(value.shape) for key, value in load_file(path).items()}
        for path in sorted(folder.glob("*/*.safetensors"))
    }
    texts = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted([*folder.glob("*.json"), *folder.glob("*/*.json"), *folder.glob("*/*.txt")])
        if path.name != "vocab.json"
    }
    return {"shapes": shapes, "texts": texts}


@torch.inference_mode()
def main() -> None:
    random = np.random.default_rng(11)
    latent = torch.from_numpy(random.standard_normal((1, 4, *SIDES), np.float32))
    noise = torch.from_numpy(random.standard_normal((1, 4, *SIDES), np.float32))
    arrays: dict[str, Any] = {"latent": latent.numpy(), "noise": noise.numpy()}
    told: dict[str, Any] = {"captions": CAPTIONS}
    for name, variant in VARIANTS.items():
        with tempfile.TemporaryDirectory() as place:
            pipe = pipeline(variant, Path(place))
            pipe.set_progress_bar_config(disable=True)
            pipe.save_pretrained(Path(place) / "saved")
            told[name] = described(Path(place) / "saved")
            # the other one splits Chinese characters, or does not, depending on what else is installed
            quick = CLIPTokenizerFast.from_pretrained(Path(place) / "saved/tokenizer")
        found = pipe.hyper_enc(latent)
        tokens = quick(
            list(CAPTIONS), padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids
        states = pipe.text_encoder(tokens)[0]
        predicted = pipe.unet(noise, 481, encoder_hidden_states=states[:1], local_features=found.z_hat).sample
        entered = pipe.unet.conv_in_extended(
            torch.cat([noise, torch.nn.functional.interpolate(found.z_hat, SIDES, mode="nearest")], 1)
        )
        sampled = pipe(
            CAPTIONS[0],
            found.z_hat,
            height=8 * SIDES[0],
            width=8 * SIDES[1],
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            latents=noise.clone(),
            output_type="latent",
        ).images
        arrays |= {
            f"{name}.z": found.z[:, :8].numpy(),
            f"{name}.z_hat": found.z_hat[:, :8].numpy(),
            f"{name}.indices": found.indices.numpy().astype(np.int16),
            f"{name}.tokens": tokens.numpy().astype(np.int32),
            f"{name}.states": states[0, :12].numpy(),
            f"{name}.entered": entered[:, :2].numpy(),
            f"{name}.predicted": predicted.numpy(),
            f"{name}.sampled": sampled.numpy(),
            f"{name}.picture": pipe.vae.decode(sampled / pipe.vae.config.scaling_factor).sample[..., ::8, ::8].numpy(),
        }
    for design, module, option in (
        ("bottleneck", hyper_encoder, "N"),
        ("channel-norm", hyper_encoder_v2, "num_filters_base"),
    ):
        for grid in (64, 32, 16, 8):
            network = filled(module.HyperEncoder(cfg_ss=grid, cfg_cs=64, **{option: 8}), "hyper_enc")
            arrays[f"{design}.{grid}.indices"] = network(latent).indices.numpy().astype(np.int16)
            arrays[f"{design}.{grid}.z"] = network(latent).z[:, :1].numpy()
    np.savez_compressed(fakes.DATA / "perco_published.npz", **arrays)
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False) + "\n"
    (fakes.DATA / "perco_published.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
