"""Checkpoints as authors publish them, filled with reproducible numbers."""

from __future__ import annotations

import json
import sys
import types
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

DATA = Path(__file__).parents[1] / "data"


def reproducible(key: str, shape: list[int]) -> Tensor:
    """Weights seeded by the name of the key, as the references were made with."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))
    a = rng.standard_normal(shape, dtype=np.float32)
    leaf = key.rsplit(".", 1)[-1]
    if leaf in ("q_enc", "q_dec"):
        a = 1 + 0.1 * a
    elif leaf in ("bias", "in_proj_bias"):
        a = 0.02 * a
    elif a.ndim == 1:
        a = 1 + 0.1 * a
    elif "embedding" in key:
        a = 0.5 * a
    elif "tok_emb" in key or "pos_emb" in key:
        a = 0.02 * a
    else:
        a = 0.5 * a / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(a.astype(np.float32))


def state_of(name: str) -> dict[str, Tensor]:
    """The state dict of an official network, as its constructor lays it out."""
    keys: dict[str, list[int]] = json.loads((DATA / f"{name}.keys.json").read_text())
    return {key: _filled(key, shape) for key, shape in keys.items()}


def _filled(key: str, shape: list[int]) -> Tensor:
    if key.endswith("attn.mask"):
        return torch.ones(shape).tril()
    if key.startswith("code_pred"):  # only its shape matters, and a file of 220 MB would not
        return torch.zeros(1).expand(shape)
    return reproducible(key, shape)


def narrow(name: str, **sides: int) -> dict[str, Tensor]:
    """The same network with fewer channels and codes.

    Parameters
    ----------
    name
        Of the official network.
    **sides
        ``old=new`` with a letter in front, such as ``s512=64``: sides that change.
    """
    changed = {int(old[1:]): new for old, new in sides.items()}
    keys: dict[str, list[int]] = json.loads((DATA / f"{name}.keys.json").read_text())
    return {key: _filled(key, [changed.get(side, side) for side in shape]) for key, shape in keys.items()}


def narrow_glc() -> dict[str, Tensor]:
    """GLC with 32 latent channels, 64 codes and autoencoder widths of 32, 64 and 96.

    Latent and widest autoencoder channels share a number in the official network, so keys decide.
    """
    keys: dict[str, list[int]] = json.loads((DATA / "glc_image.keys.json").read_text())
    state = {}
    for key, shape in keys.items():
        inside = key.startswith("vqgan.") and ".blocks." in key
        by = {16384: 64, 128: 32, 256: 64, 512: 96} if inside else {16384: 64}
        new = [by.get(side, side) if inside or side == 16384 else side // 8 if side >= 256 else side for side in shape]
        last = key in ("vqgan.encoder.blocks.22.weight", "vqgan.encoder.blocks.22.bias")
        if last:
            new[0] = 32
        if key == "vqgan.generator.blocks.0.weight":
            new[1] = 32
        state[key] = _filled(key, new)
    # scales of about one, so that there are symbols to code
    state["y_prior_fusion.1.block.1.conv_out.bias"][32:64] += 1
    state["y_spatial_prior.2.block.1.conv_out.bias"][:32] += 1
    return state


def narrow_vqgan() -> dict[str, Tensor]:
    """A VQGAN of taming-transformers with widths of 32, 64 and 96, 64 latent channels and 64 codes."""
    return narrow("vqgan_f16_1024", s128=32, s256=64, s512=96, s1024=64)


def narrow_codeformer() -> dict[str, Tensor]:
    """CodeFormer's autoencoder with widths of 32 to 128, 96 latent channels and 64 codes."""
    return narrow("codeformer_f32_1024", s64=32, s128=64, s256=96, s512=128, s1024=64)


def narrow_transformer() -> dict[str, Tensor]:
    """minGPT for 64 codes."""
    return narrow("mingpt_small", s1024=64)


def prefixed(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """All keys behind a prefix."""
    return {prefix + key: value for key, value in state.items()}


def save_lightning(path: Path, state: Mapping[str, Any]) -> None:
    """As PyTorch Lightning saved in 2020: classes of its own among callbacks and options, and an optimiser."""
    with _framework() as (callback, options):
        torch.save(
            {
                "epoch": 12,
                "global_step": 3456,
                "pytorch-lightning_version": "1.0.8",
                "callbacks": {callback: {"best_model_score": torch.tensor(0.5), "best_model_path": "logs/last.ckpt"}},
                "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 4.5e-6}]}],
                "lr_schedulers": [],
                "state_dict": dict(state),
                "hyper_parameters": options,
                "score": np.float64(0.25),
            },
            path,
        )


class _framework:  # noqa: N801
    """Modules that exist while a checkpoint is written and are gone when it is read."""

    _NAMES = ("pytorch_lightning", "pytorch_lightning.callbacks", "pytorch_lightning.callbacks.model_checkpoint")

    def __enter__(self) -> tuple[type, Any]:
        for name in self._NAMES:
            sys.modules[name] = types.ModuleType(name)
        module = sys.modules[self._NAMES[-1]]
        callback = type("ModelCheckpoint", (), {"__module__": self._NAMES[-1]})
        options = type("AttributeDict", (dict,), {"__module__": self._NAMES[-1]})
        module.ModelCheckpoint, module.AttributeDict = callback, options
        return callback, options(lr=1e-4)

    def __exit__(self, *_: object) -> None:
        for name in self._NAMES:
            del sys.modules[name]


def of_measure(network: str, key: str, shape: list[int]) -> Tensor:
    """Weights of the networks that measures look through: signals keep their strength, and what weighs is positive."""
    leaf = key.rsplit(".", 1)[-1]
    filled = reproducible(f"{network}.{key}", shape)
    if leaf in ("alpha", "beta") or key.startswith("lin"):
        return filled.abs() + 1e-4
    if leaf == "running_mean":
        return 0.1 * (filled - 1)
    return filled * 2 * 2**0.5 if len(shape) == 4 else filled


def two_pictures() -> tuple[np.ndarray, np.ndarray]:
    """A part of a photograph and the same with noise, uint8 ``(96, 128, 3)``."""
    import imageio.v3 as iio

    picture = iio.imread(DATA / "kodim05.png")[200:296, 300:428]
    noise = np.random.Generator(np.random.PCG64(5)).normal(0, 25, picture.shape)
    return picture, np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def crowds_of_features() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pairs of crowds: many features of few dimensions, and fewer features than dimensions."""
    rng = np.random.Generator(np.random.PCG64(7))
    found = {}
    for name, (count, width) in {"many": (400, 24), "few": (40, 64)}.items():
        mix = rng.standard_normal((width, width)) / width**0.5
        one, other = (np.abs(rng.standard_normal((count, width)) @ mix) for _ in range(2))
        found[name] = one, other * 1.1 + 0.2
    return found
