"""Folders as PerCo (SD)'s authors save them, filled with the numbers that the reference outputs were made with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

import fakes
from napari_glc.codecs.perco.byte_pairs import byte_tokens

REFERENCE = fakes.DATA / "perco_published.npz"
TOLD: dict[str, Any] = json.loads((fakes.DATA / "perco_published.json").read_text(encoding="utf-8"))
_FILES = {"text_encoder": "model.safetensors"}


def letters() -> list[str]:
    """How a tokenizer's files write the 256 values of a byte."""
    spare = iter(range(256, 512))
    return [chr(byte) if place < 188 else chr(next(spare)) for place, byte in enumerate(byte_tokens())]


def write_folder(folder: Path, variant: str) -> Path:
    """Write ``sd1`` or ``sd2``."""
    told = TOLD[variant]
    for name, text in told["texts"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    merges = [line for line in told["texts"]["tokenizer/merges.txt"].splitlines() if not line.startswith("#")]
    single = letters()
    tokens = [*single, *(letter + "</w>" for letter in single), *(line.replace(" ", "") for line in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "tokenizer/vocab.json").write_text(json.dumps({token: place for place, token in enumerate(tokens)}))
    for network, shapes in told["shapes"].items():
        tensors = {key: _filled(f"{network}.{key}", shape) for key, shape in shapes.items()}
        save_file(tensors, folder / network / _FILES.get(network, "diffusion_pytorch_model.safetensors"))
    return folder


def _filled(key: str, shape: list[int]) -> torch.Tensor:
    if "initted" in key or "cluster_size" in key:
        return torch.ones(shape)
    return fakes.reproducible(key, shape)


def reference() -> dict[str, np.ndarray]:
    with np.load(REFERENCE) as stored:
        return dict(stored)
