"""What an autoencoder keeps of a folder of pictures, unquantised and at several steps of its latent.

python benchmarks/autoencoder.py PICTURES FEATURES MODEL [--steps 0.3 0.5 0.75 1.1 1.6] [--json OUT.json]

MODEL is a model file of codec ``clric``, or a training's ``checkpoint.pt`` with ``--config kl-small`` (its averaged
weights). FEATURES is the folder of the networks of the two perceptual distances. PICTURES may also be a material folder
with ``--held-out N``: the first N validation pictures of the training's configuration, in a random order.

A step rounds the latent to its multiples. The rate beside it is an estimate, not a file: each value is predicted
linearly from six neighbours decoded before it and from the channels before it, and coded with a Laplace distribution
whose scale follows the residuals around it; coefficients and scales are fitted to the pictures themselves.
Steps of zero are the latent as it is. Prints a table in Markdown; times are of one picture, networks only.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_glc.codecs.training import embedded_config, read_config
from napari_glc.evaluation.measuring import feature_distances
from napari_glc.evaluation.running import pictures_in
from napari_glc.imaging.files import read_picture
from napari_glc.metrics import compare
from napari_glc.models import read_model
from napari_glc.networks.kl_config import KlConfig
from napari_glc.networks.kl_network import kl_network
from napari_glc.training.material import load_material

BINS = 16
"""Scales of the Laplace distribution, by the residuals around a value."""


def network_of(model: Path, config: str | None) -> torch.nn.Module:
    if model.suffix == ".pt":
        network = kl_network(read_config(embedded_config(config or "kl-small"), Path()).network)
        network.load_state_dict(torch.load(model, map_location="cpu", weights_only=True)["average"])
    else:
        found = read_model(model)
        network = kl_network(found.network_config(KlConfig))
        network.load_state_dict(found.load())
    return network.eval().to(memory_format=torch.channels_last)


def pictures_of(folder: Path, held_out: int, config: str | None) -> list[np.ndarray]:
    if not held_out:
        pictures = [read_picture(path) for path in pictures_in(folder)]
        return [p if p.ndim == 3 else np.repeat(p[..., None], 3, -1) for p in pictures]
    data = read_config(embedded_config(config or "kl-small"), folder).data
    pictures = [p for p in load_material(data, held_out=True) if min(p.shape[:2]) >= 176]
    return [pictures[i] for i in np.random.default_rng(0).permutation(len(pictures))[:held_out]]


def channel_bits(symbols: list[np.ndarray], channel: int) -> float:
    """Estimated bits of one channel of all pictures; `symbols` are ``(C, h, w)`` integers."""
    inputs, wanted = [], []
    for each in symbols:
        height, width = each.shape[1:]
        padded = np.pad(each[channel].astype(float), 2)
        shifts = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
        around = [padded[2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width] for dy, dx in shifts]
        columns = [*around, *each[:channel].astype(float), np.ones((height, width))]
        inputs.append(np.stack(columns, -1).reshape(-1, len(columns)))
        wanted.append(each[channel].astype(float))
    flat = np.concatenate([w.ravel() for w in wanted])
    predicted = np.concatenate(inputs) @ np.linalg.lstsq(np.concatenate(inputs), flat, rcond=None)[0]
    residual, activity, start = flat - predicted, [], 0
    for each in wanted:
        p = np.pad(np.abs(residual[start : start + each.size]).reshape(each.shape), 1, mode="edge")
        activity.append((2 * p[1:-1, :-2] + 2 * p[:-2, 1:-1] + p[:-2, :-2] + p[:-2, 2:]).ravel())
        start += each.size
    calm = np.concatenate(activity)
    bins = np.digitize(calm, np.quantile(calm, np.linspace(0, 1, BINS + 1)[1:-1]))
    bits = 0.0
    for part in (bins == i for i in range(BINS)):
        if part.any():
            scale = max(float(np.abs(residual[part]).mean()), 0.02)
            chance = _laplace(residual[part] + 0.5, scale) - _laplace(residual[part] - 0.5, scale)
            bits -= float(np.log2(np.maximum(chance, 1e-6)).sum())
    return bits


def _laplace(x: np.ndarray, scale: float) -> np.ndarray:
    tail = 0.5 * np.exp(-np.abs(x) / scale)
    return np.where(x < 0, tail, 1 - tail)


def padded(picture: np.ndarray, factor: int) -> Tensor:
    height, width = picture.shape[:2]
    grown = np.pad(picture, ((0, -height % factor), (0, -width % factor), (0, 0)), mode="edge")
    x = torch.from_numpy(grown.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    return x.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("features", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--config")
    parser.add_argument("--held-out", type=int, default=0, metavar="N")
    parser.add_argument("--steps", type=float, nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    network = network_of(options.model, options.config)
    pictures = pictures_of(options.pictures, options.held_out, options.config)
    distances = feature_distances(options.features)
    started = time.perf_counter()
    latents = [network.analyse(padded(p, network.config.factor)) for p in pictures]
    encoding = (time.perf_counter() - started) / len(pictures)
    values = torch.cat([latent.flatten(2) for latent in latents], 2)[0]
    print(f"{len(pictures)} pictures; deviation of the channels {', '.join(f'{v:.2f}' for v in values.std(1))}\n")
    print("| step | estimated bpp | PSNR | MS-SSIM | squeezenet | darknet | encoding | decoding |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    rows = []
    for step in (0.0, *options.steps):
        row: dict[str, float] = dict.fromkeys(("psnr", "ms_ssim", *distances), 0.0)
        symbols, decoding = [], 0.0
        for picture, latent in zip(pictures, latents, strict=True):
            rounded = (latent / step).round() if step else latent
            started = time.perf_counter()
            out = network.generate(rounded * step if step else latent)[0]
            decoding += time.perf_counter() - started
            symbols.append(rounded[0].numpy().astype(int))
            pixels = out.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(1, 2, 0).numpy()
            decoded = pixels[: picture.shape[0], : picture.shape[1]]
            fidelity = compare(picture, decoded)
            found = {"psnr": fidelity.psnr, "ms_ssim": fidelity.ms_ssim}
            for name, value in (found | {k: of(picture, decoded) for k, of in distances.items()}).items():
                row[name] += value / len(pictures)
        pixels_in_all = sum(p.shape[0] * p.shape[1] for p in pictures)
        bits = sum(channel_bits(symbols, c) for c in range(len(symbols[0]))) if step else float("nan")
        row |= {"step": step, "bpp": bits / pixels_in_all, "encode_seconds": encoding}
        row["decode_seconds"] = decoding / len(pictures)
        rows.append(row)
        print(
            f"| {step:g} | {row['bpp']:.4f} | {row['psnr']:.2f} | {row['ms_ssim']:.4f} | {row['squeezenet']:.3f} | "
            f"{row['darknet']:.3f} | {encoding:.3f} s | {row['decode_seconds']:.3f} s |",
            flush=True,
        )
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
