"""Memory and time of an official model: one picture encoded and decoded.

python benchmarks/official_memory.py [--model glc-image] [--size 512x768] [--threads 2] [--fake NETWORK]

Without the authors' checkpoint, ``--fake`` (glc_image, vqgan_f16_1024, vqgan_f16_16384, codeformer_f32_1024)
imports one of random weights into a temporary folder first; memory and time do not depend on the weights. Peaks are of
the resident set, interpreter and mapped weights included; seconds are processor time, disturbed little by other work.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from napari_glc._napari.samples import sample_path


def import_fake(network: str, folder: Path) -> None:
    """Import random weights, in a process of its own, whose memory does not count."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "official"))
    import torch

    import fakes
    from napari_glc.codecs.importing import import_checkpoint

    torch.save(fakes.state_of(network), folder / "checkpoint")
    import_checkpoint(folder / "checkpoint", "fake")
    (folder / "checkpoint").unlink()


def peak() -> float:
    """Largest resident set so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(options: argparse.Namespace) -> None:
    import torch

    import napari_glc
    from napari_glc.codecs.loading import loaded_codec
    from napari_glc.models import find_model

    torch.set_num_threads(options.threads)
    height, width = map(int, options.size.split("x"))
    sample = iio.imread(sample_path())
    picture = np.pad(
        sample[:height, :width], ((0, max(0, height - 512)), (0, max(0, width - 768)), (0, 0)), mode="wrap"
    )
    print(f"start: {peak():.2f} GiB")
    started = time.process_time()
    model = find_model(options.model)
    loaded_codec(model, "cpu")
    print(f"loaded in {time.process_time() - started:.1f} s, peak {peak():.2f} GiB")
    started = time.process_time()
    data = napari_glc.encode(picture, codec=model.codec, model=options.model, device="cpu")
    print(f"{height} x {width}: {len(data)} bytes in {time.process_time() - started:.1f} s, peak {peak():.2f} GiB")
    for preview in (False, True) if model.codec == "glc" else (False,):
        started = time.process_time()
        napari_glc.decode(data, preview=preview, device="cpu")
        what = "preview" if preview else "decoded"
        print(f"{what} in {time.process_time() - started:.1f} s, peak {peak():.2f} GiB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="glc-image")
    parser.add_argument("--size", default="512x768")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fake", metavar="NETWORK")
    parser.add_argument("--import-into", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.import_into:
        return import_fake(options.fake, options.import_into)
    if not options.fake:
        return measure(options)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_GLC_MODELS"] = folder
        command = [sys.executable, __file__, "--fake", options.fake, "--import-into", folder]
        subprocess.run(command, check=True)
        options.model = "fake"
        measure(options)
    return None


if __name__ == "__main__":
    main()
