"""Training material: a few crops of a real picture, and feature networks of the right shapes with random weights."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def _archive(folder: Path, name: str, rows: list[dict[str, str]], crops: list[np.ndarray]) -> None:
    """A tar file and its index: what `rows` say of each crop."""
    with tarfile.open(folder / f"{name}.tar", "w") as tar, open(folder / f"{name}_index.csv", "w", newline="") as lines:
        index = csv.DictWriter(lines, rows[0])
        index.writeheader()
        for row, crop in zip(rows, crops, strict=True):
            stream = io.BytesIO()
            Image.fromarray(crop).save(stream, "PNG")
            entry = tarfile.TarInfo(row["member"])
            entry.size = stream.tell()
            stream.seek(0)
            tar.addfile(entry, stream)
            index.writerow(row)


def _features(folder: Path) -> None:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {"conv1": (64, 3, 3, 3)}
    inputs = 64
    for fire, (squeeze, expand) in enumerate([(16, 64)] * 2 + [(32, 128)] * 2 + [(48, 192)] * 2 + [(64, 256)] * 2, 2):
        shapes[f"fire{fire}.squeeze1x1"] = (squeeze, inputs, 1, 1)
        shapes[f"fire{fire}.expand1x1"] = (expand, squeeze, 1, 1)
        shapes[f"fire{fire}.expand3x3"] = (expand, squeeze, 3, 3)
        inputs = 2 * expand
    arrays = {}
    for name, shape in shapes.items():
        arrays[f"{name}.weight"] = (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        arrays[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    folder.mkdir()
    np.savez(folder / "squeezenet_v1.1.npz", **arrays)


@pytest.fixture(scope="module")
def material(tmp_path_factory, motocross) -> Path:
    """An archive of ten crops, a second one of 40 pictures of 20 originals, a third of four, and feature networks."""
    folder = tmp_path_factory.mktemp("material")
    crops = [motocross[20 * i : 20 * i + 160, 40 * i : 40 * i + 160] for i in range(10)]
    rows = [{"member": f"{'shared' if i % 2 else 'crops'}/{i:04}.png", "kind": "photo"} for i in range(10)]
    _archive(folder, "train", rows, crops)
    crops = [motocross[5 * i : 5 * i + 192, 10 * i : 10 * i + 192] for i in range(40)]
    rows = [
        {
            "member": f"{'shared' if i < 20 else 'large'}/{i:04}.png",
            "kind": "photo",
            "repository": "somebody/pictures",
            "path": f"picture{i // 2}.jpg",
        }
        for i in range(40)
    ]
    _archive(folder, "train_hires", rows, crops)
    crops = [motocross[9 * i : 9 * i + 192, 200 : 200 + 192] for i in range(4)]
    rows = [
        {"member": f"screens/{i:04}.png", "kind": "screen", "repository": "somebody/program", "path": f"window{i}.png"}
        for i in range(4)
    ]
    _archive(folder, "screens", rows, crops)
    _features(folder / "perceptual")
    return folder
