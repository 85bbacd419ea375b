"""The official GLC network at full width on a picture of several attention windows, against the plain implementation.

python benchmarks/official_parity.py [--size 576x640]

Weights are filled by the rule of the parity files and pass through the importer. Prints for each stage the largest
error relative to the largest value, how many symbols differ and how near to a border those lie, and the size of a file.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "official"))
import fakes
import napari_glc
import plain
from napari_glc._napari.samples import sample_path
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.codecs.loading import loaded_codec

RATE_POINT = 1


def report(name: str, got: torch.Tensor, wanted: torch.Tensor) -> None:
    error = float((got - wanted).abs().max() / wanted.abs().max())
    print(f"{name:<12} {' x '.join(map(str, got.shape[1:])):>16}   relative error {error:.1e}")


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="576x640")
    height, width = map(int, parser.parse_args().size.split("x"))
    sample = iio.imread(sample_path())
    picture = np.pad(sample, ((0, max(0, height - 512)), (0, 0), (0, 0)), mode="reflect")[:height, :width]
    x = torch.from_numpy(picture.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    state = {key: value for key, value in fakes.state_of("glc_image").items() if not key.startswith("code_pred")}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_GLC_MODELS"] = folder
        torch.save(state, f"{folder}/checkpoint")
        model = import_checkpoint(f"{folder}/checkpoint", "fake")
        wanted = plain.glc(state, x, RATE_POINT)
        net = loaded_codec(model, "cpu").net
        latent = net.analyse(x.contiguous(memory_format=torch.channels_last))
        report("latent", latent, wanted["latent"])
        y = net.transform(latent, float(RATE_POINT))
        report("y", y, wanted["y"])
        z = net.hyper_analyse(y)
        report("z", z, wanted["z"])
        indices = net.z_vq.indices(z)
        print(f"hyper indices: {int((indices[0] != wanted['z_index']).sum())} of {indices.numel()} differ")
        prior = net.prior(net.z_vq.lookup(wanted["z_index"][None]), float(RATE_POINT))
        step = prior.quant_step.clamp_min(0.5)
        symbols, scales, near = torch.zeros_like(y), torch.zeros_like(y), []

        def visit(number: int, mask: torch.Tensor, scale: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
            before = (y / step - mean) * mask
            symbols.add_(before.round())
            scales.add_(scale * mask)
            off = (before.round() != wanted["y_symbol"] * mask) & mask.bool()
            near.extend((before[off] - before[off].floor() - 0.5).abs().tolist())
            # go on from the reference's symbols, so that one that differs does not spread
            return wanted["y_symbol"] * mask + mean * mask

        y_hat = net.code_steps(prior, visit) * step
        report("scales", scales, wanted["scale"])
        print(f"symbols: {len(near)} of {symbols.numel()} differ, at most {max(near, default=0):.1e} from a border")
        report("y_hat", y_hat, wanted["y_hat"])
        latent_hat = net.synthesise_latent(y_hat, float(RATE_POINT))
        report("latent_hat", latent_hat, wanted["latent_hat"])
        report("picture", net.generate(latent_hat.contiguous(memory_format=torch.channels_last)), wanted["x_hat"])
        data = napari_glc.encode(np.ascontiguousarray(picture), model="fake", quality=33.5, device="cpu", tile=0)
        print(f"file at quality 33.5: {len(data)} bytes, of which hyper indices {14 * indices.numel() / 8:.0f}")


if __name__ == "__main__":
    main()
