"""The authors' own GLC and this one with the same random weights: time and memory, in one process, in turn.

python benchmarks/beside_the_authors.py CHECKOUT [--size 512x768] [--repeat N]

CHECKOUT is a clone of https://github.com/jzyustc/GLC (MIT licence), of which ``src/models`` is used; nothing of it is
part of this project. Their code passes a picture through all networks once, without a bitstream; this one encodes to
bytes and decodes them, exactly and with the option ``fast``. Printed are medians, how many times quicker than theirs,
memory needed at the worst moment beyond what was there before, weights included, as a share of theirs, and the
agreement of the pictures painted from the same latent: with random weights a symbol that is rounded the other way
changes all that follow, so pictures by way of symbols cannot be compared. Their networks for training are left out.
Memory is told where /proc is.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import os
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "official"))
import fakes
import napari_glc
from napari_glc._napari.samples import sample_path
from napari_glc.codecs.glc.options import GlcDecoding
from napari_glc.codecs.importing import import_checkpoint
from napari_glc.codecs.loading import loaded_codec
from napari_glc.models import find_model

RATE_POINT, QUALITY = 3, 100.0
"""The same rate; between points their code and this one count differently."""
TRAINING_ONLY = "code_pred"
SCALES = {"y_prior_fusion.1.block.1.conv_out.bias": (1, 3), "y_spatial_prior.2.block.1.conv_out.bias": (0, 2)}
"""Biases of what predicts scales, and which part of how many it is."""


def filled() -> dict[str, torch.Tensor]:
    """Random weights, with scales so large that no symbol is left out of the file: random ones are mostly negative."""
    state = {key: value for key, value in fakes.state_of("glc_image").items() if not key.startswith(TRAINING_ONLY)}
    for key, (part, parts) in SCALES.items():
        state[key] = state[key].clone()
        state[key].chunk(parts)[part].add_(20)
    return state


def theirs(checkout: Path, state: dict[str, torch.Tensor]) -> nn.Module:
    """Their network, without what it imports for training alone."""
    sys.path.insert(0, str(checkout))
    for name, member in (("torchvision", "models"), ("src.utils.lpips.lpips", "LPIPS")):
        module = types.ModuleType(name)
        setattr(module, member, nn.Identity)
        sys.modules[name] = module
    from src.models import image_model

    image_model.CodePredictionLoss = lambda **sizes: nn.Identity()
    net = image_model.GLC_Image()
    wanted = net.state_dict()
    net.load_state_dict({key: state.get(key, value) for key, value in wanted.items()})
    missing = [key for key, value in wanted.items() if key not in state and value.is_floating_point()]
    print(f"their network: {len(wanted)} tensors, {len(missing)} of them not ours to fill {missing[:3]}")
    return net.eval()


def memory(line: str) -> float:
    """A line of /proc/self/status, in MiB; not a number where there is none."""
    try:
        words = Path("/proc/self/status").read_text().split(line + ":")[1].split()
    except (OSError, IndexError):
        return math.nan
    return int(words[0]) / 1024


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """A result, seconds, and MiB at the worst moment beyond those before."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    before, started = memory("VmRSS"), time.perf_counter()
    result = work()
    return result, time.perf_counter() - started, memory("VmHWM") - before


def pixels(picture: torch.Tensor) -> np.ndarray:
    return picture[0].permute(1, 2, 0).add(1).mul(127.5).clamp(0, 255).double().numpy()


def peak_ratio(found: np.ndarray, reference: np.ndarray) -> float:
    return 10 * math.log10(255**2 / max(1e-9, float(np.mean((found - reference) ** 2))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--size", default="512x768")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    picture = np.ascontiguousarray(iio.imread(sample_path())[:height, :width])
    x = torch.from_numpy(picture.transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    state = filled()
    net = theirs(options.checkout, state)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_GLC_MODELS"] = folder
        torch.save(state, f"{folder}/checkpoint")
        import_checkpoint(f"{folder}/checkpoint", "fake")
        codec: Any = loaded_codec(find_model("fake"), "cpu")

        latents: list[torch.Tensor] = []

        def their_way() -> np.ndarray:
            with torch.inference_mode():
                found = net.test(x, RATE_POINT)
            latents.append(found["ref_latent"])
            return pixels(found["x_hat"])

        def painted(fast: bool) -> np.ndarray:
            """Their latent, by our generator."""
            with torch.inference_mode():
                generator = codec.generators.chosen(GlcDecoding(fast=fast))
                return pixels(generator(latents[-1].contiguous(memory_format=torch.channels_last)))

        def our_way(fast: bool) -> np.ndarray:
            asked = {"model": "fake", "quality": QUALITY, "device": "cpu", "tile": 0, "fast": fast}
            data = napari_glc.encode(picture, **asked)
            return napari_glc.decode(data, device="cpu", fast=fast)

        ways = {"theirs": their_way, "ours": lambda: our_way(False), "ours, fast": lambda: our_way(True)}
        found: dict[str, list[tuple[Any, float, float]]] = {name: [] for name in ways}
        for number in range(options.repeat + 1):
            for name, way in ways.items():
                result = measured(way)
                if number or not options.repeat:  # the first one warms up
                    found[name].append(result)
        same = {"ours": painted(False), "ours, fast": painted(True)}
        weights = {"theirs": net.state_dict().values(), "ours": codec.net.state_dict().values()}
        mib = {name: sum(t.numel() * t.element_size() for t in tensors) / 2**20 for name, tensors in weights.items()}
    reference = found["theirs"][-1][0]
    print(f"{height} x {width}, {torch.get_num_threads()} thread(s), medians of {options.repeat}")
    first: tuple[float, float] | None = None
    for name, results in found.items():
        seconds = statistics.median(result[1] for result in results)
        peak = statistics.median(result[2] for result in results) + mib[name.split(",")[0]]
        first = first or (seconds, peak)
        print(
            f"{name:<11} {seconds:6.2f} s, {first[0] / seconds:5.2f} times theirs; {peak:6.0f} MiB, "
            f"{peak / first[1]:4.0%} of theirs"
            + (f"; PSNR against theirs {peak_ratio(same[name], reference):5.1f} dB" if name in same else "")
        )


if __name__ == "__main__":
    main()
