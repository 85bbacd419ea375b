"""Encode, write, open, decode and close again and again: `python tests/storage/long_run.py --cycles 2000 --layers 200`.

Memory, file handles and threads are read after a warm-up and at the end, and so is what Python still holds: resident
memory moves by some megabytes as allocators please, but what nobody lets go of is counted to the byte. `--layers` opens
that many files through napari's reader into a viewer model and removes them.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import threading
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import torch

import napari_glc

_SAMPLE = Path(napari_glc.__file__).parent / "samples" / "kodim23.png"


@dataclass(frozen=True)
class Usage:
    """What a process holds.

    Attributes
    ----------
    memory
        Resident bytes; 0 where they cannot be read.
    held
        Bytes of living tensors, and of living objects and arrays made since `tracemalloc` began.
    handles, threads
        Open files; threads of the system.
    """

    memory: int
    held: int
    handles: int
    threads: int

    @classmethod
    def now(cls) -> Usage:
        gc.collect()
        tensors = {
            found.untyped_storage().data_ptr(): found.untyped_storage().nbytes()
            for found in gc.get_objects()
            if issubclass(type(found), torch.Tensor)
        }
        held = tracemalloc.get_traced_memory()[0] + sum(tensors.values())
        status = Path("/proc/self/statm")
        if not status.exists():
            return cls(0, held, 0, threading.active_count())
        memory = int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        handles, threads = (len(list(Path("/proc/self", name).iterdir())) for name in ("fd", "task"))
        return cls(memory, held, handles, threads)

    def grown(self, before: Usage) -> float:
        """Share by which resident memory grew."""
        return self.memory / before.memory - 1 if before.memory else 0.0


def cycles(folder: Path, count: int, warm_up: int) -> tuple[Usage, Usage]:
    """Usage after the warm-up and after `count` further cycles through files of both codecs."""
    picture = iio.imread(_SAMPLE)[200:264, 300:364]
    variants = [{}, {"codec": "vqgan", "index_coder": "adaptive", "packets": 4}, {"quality": 90.0}]
    before = Usage.now()
    for cycle in range(warm_up + count):
        if cycle == warm_up:
            before = Usage.now()
        options = variants[cycle % len(variants)]
        path = folder / f"picture {cycle % 5}.glc"
        napari_glc.imwrite(path, picture, device="cpu", metadata={"cycle": cycle}, **options)
        file = napari_glc.open(path, device="cpu")
        assert file.read().shape == picture.shape
        assert file.metadata == {"cycle": cycle}
        assert not file.lost_packets()
    return before, Usage.now()


def layers(folder: Path, count: int, warm_up: int) -> tuple[Usage, Usage]:
    """Usage after `count` layers were opened by napari's reader and removed, and after as many once more."""
    from napari.components import ViewerModel
    from npe2 import PluginManager, PluginManifest

    plugins = PluginManager.instance()
    if "napari-glc" not in plugins:  # a source tree that is not installed
        plugins.register(PluginManifest.from_file(Path(napari_glc.__file__).parent / "napari.yaml"))
    picture = iio.imread(_SAMPLE)[200:264, 300:364]
    path = folder / "layer.glc"
    napari_glc.imwrite(path, picture, device="cpu")
    viewer = ViewerModel()

    def open_and_remove(number: int) -> Usage:
        for _ in range(number):
            viewer.open(path, plugin="napari-glc")
        assert len(viewer.layers) == number
        viewer.layers.clear()
        return Usage.now()

    # as many before: what a viewer of that size once needed, its allocator keeps
    return open_and_remove(max(count, warm_up)), open_and_remove(count)


def report(name: str, before: Usage, after: Usage, seconds: float) -> None:
    held = (after.held - before.held) / 2**10
    print(
        f"{name}, {seconds:.0f} s: memory {before.memory / 2**20:.1f} -> {after.memory / 2**20:.1f} MiB "
        f"({100 * after.grown(before):+.1f} %), held {held:+.1f} KiB, handles {before.handles} -> {after.handles}, "
        f"threads {before.threads} -> {after.threads}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=2000)
    parser.add_argument("--layers", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tracemalloc.start()
    with tempfile.TemporaryDirectory() as name:
        for what, run, count, warm_up in (
            ("cycles", cycles, options.cycles, 100),
            ("layers of napari's reader", layers, options.layers, 50),
        ):
            if count:
                started = time.perf_counter()
                before, after = run(Path(name), count, warm_up)
                report(f"{count} {what}", before, after, time.perf_counter() - started)


if __name__ == "__main__":
    main()
