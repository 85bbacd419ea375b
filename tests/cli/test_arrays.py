"""Stacks and folders in the shell."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import distributed
import numpy as np
import pytest
import tifffile

import napari_glc
from napari_glc import batch
from napari_glc.cli import main

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def stack(tmp_path) -> Path:
    """Two time points of three channels with sizes and names."""
    worms = tifffile.imread(DATA / "worms_crop_uint16.tif")[:, :64, :80]
    path = tmp_path / "stack.ome.tif"
    said = {"axes": "TCYX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5}
    said["Channel"] = {"Name": ["bright", "green", "red"]}
    tifffile.imwrite(path, np.stack([worms, worms[:, ::-1]]), ome=True, metadata=said, photometric="minisblack")
    return path


def test_a_stack_goes_there_and_back(stack, tmp_path, capsys):
    glc, tif = tmp_path / "s.glc", tmp_path / "back.ome.tif"
    assert main(["encode", str(stack), str(glc), "--range", "robust"]) == 0
    assert "beyond the range" in capsys.readouterr().err
    file = napari_glc.open(glc)
    assert (file.axes, file.shape, file.dtype) == ("TCYX", (2, 3, 64, 80), np.uint16)
    assert file.metadata["scale"] == [1, 1, 0.5, 0.25]
    assert [c["name"] for c in file.metadata["channels"]] == ["bright", "green", "red"]
    assert main(["decode", str(glc), str(tif)]) == 0
    with tifffile.TiffFile(tif) as tiff:
        assert tiff.series[0].axes == "TCYX"
        assert 'PhysicalSizeX="0.25"' in tiff.ome_metadata
        np.testing.assert_array_equal(tiff.asarray(), file.read())
    assert main(["decode", str(glc), str(tmp_path / "one.png"), "--planes", "T=1,C=0"]) == 0
    assert main(["decode", str(glc), str(tmp_path / "c.tif"), "--planes", "C=1:3"]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.tif"), file.read()[:, 1:3])
    capsys.readouterr()
    assert main(["decode", str(glc), str(tmp_path / "x.png")]) == 2
    assert "--planes" in capsys.readouterr().err
    for wrong in ("Q=1", "T", "T=x", "T=7"):
        assert main(["decode", str(glc), str(tmp_path / "x.png"), "--planes", wrong]) == 2


def _folder(tmp_path: Path, stack: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.ome.tif").write_bytes(stack.read_bytes())
    (folder / "broken.tif").write_bytes(b"II*\0nothing")
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.mark.parametrize("engine", ["processes", "dask"])
def test_a_folder_is_encoded_once_and_failures_are_named(stack, tmp_path, capsys, engine):
    folder, out = _folder(tmp_path, stack), tmp_path / "out"
    words = ["batch", str(folder), str(out), "--quality", "10", "--device", "cpu"]
    if engine == "processes":
        codes = main([*words, "--workers", "2"]), main([*words, "--retries", "0"])
    else:
        with distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster:
            words += ["--dask", cluster.scheduler_address]
            codes = main(words), main([*words, "--retries", "0"])
    assert codes == (1, 1)
    said = capsys.readouterr()
    assert said.out.splitlines() == ["2 encoded, 0 skipped, 1 failed", "0 encoded, 2 skipped, 1 failed"]
    assert said.err.count("broken.tif") >= 2
    assert sorted(p.name for p in out.iterdir()) == ["a.ome.tif.glc", "b.ome.tif.glc"]
    assert napari_glc.open(out / "a.ome.tif.glc").shape == (2, 3, 64, 80)


def test_what_failed_once_is_tried_again(stack, tmp_path, monkeypatch):
    # in this process: others encode a folder above
    monkeypatch.setattr(batch, "ProcessPoolExecutor", lambda workers, *_: ThreadPoolExecutor(workers))
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.tif").write_bytes(b"still being copied")
    seen = []

    def repair(done: int, total: int) -> None:
        seen.append((done, total))
        (folder / "a.tif").write_bytes(stack.read_bytes())

    report = batch.encode_folder(folder, tmp_path / "out", retries=1, progress=repair, options={"quality": 0})
    assert [p.name for p in report.done] == ["a.tif.glc"]
    assert not report.failed
    assert seen == [(0, 1), (1, 1)]
