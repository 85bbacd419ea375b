"""``glc compare`` measures in the levels a picture was coded with, whatever its type."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_glc
from napari_glc.cli import main
from napari_glc.imaging.scaling import to_bytes
from napari_glc.metrics import compare

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def worms() -> np.ndarray:
    """Two planes of 16 bits, 176 x 176: enough for MS-SSIM."""
    crop = tifffile.imread(DATA / "worms_crop_uint16.tif")
    return np.stack([np.pad(plane, ((0, 48), (0, 16)), mode="reflect") for plane in crop[:2]])


def _figures(capsys, *words: str) -> tuple[float, float]:
    capsys.readouterr()
    assert main(["compare", *map(str, words)]) == 0
    found = re.search(r"PSNR ([\d.]+) dB, MS-SSIM ([\d.]+)", capsys.readouterr().out)
    assert found is not None
    return float(found[1]), float(found[2])


def _expected(original: np.ndarray, decoded: np.ndarray, limits: tuple[float, float]) -> tuple[float, float]:
    found = compare(to_bytes(original, limits)[0], to_bytes(decoded, limits)[0])
    return pytest.approx(found.psnr, abs=0.006), pytest.approx(found.ms_ssim, abs=6e-5)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_the_range_of_the_file_is_the_peak(worms, dtype, tmp_path, capsys):
    plane = (worms[0] / (1 if dtype == "uint16" else worms.max())).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", plane)
    assert main(["encode", str(tmp_path / "a.tif"), str(tmp_path / "a.glc")]) == 0
    limits = (float(plane.min()), float(plane.max()))
    expected = _expected(plane, napari_glc.imread(tmp_path / "a.glc"), limits)
    assert _figures(capsys, tmp_path / "a.tif", tmp_path / "a.glc") == expected
    # a decoded copy that knows no range is measured in that of the original
    assert main(["decode", str(tmp_path / "a.glc"), str(tmp_path / "b.tif")]) == 0
    assert _figures(capsys, tmp_path / "a.tif", tmp_path / "b.tif") == expected
    wide = _figures(capsys, tmp_path / "a.tif", tmp_path / "b.tif", "--range", f"{limits[0]},{2 * limits[1]}")
    assert wide[0] > expected[0].expected + 3
    assert main(["compare", str(tmp_path / "a.tif"), str(tmp_path / "a.glc"), "--range", "0,9"]) == 2


def test_every_plane_of_a_stack_has_its_range(worms, tmp_path, capsys):
    path = tmp_path / "s.ome.tif"
    tifffile.imwrite(path, worms, ome=True, metadata={"axes": "CYX"}, photometric="minisblack")
    assert main(["encode", str(path), str(tmp_path / "s.glc")]) == 0
    decoded = napari_glc.imread(tmp_path / "s.glc")
    each = [_expected(a, b, (float(a.min()), float(a.max()))) for a, b in zip(worms, decoded, strict=True)]
    error = np.mean([10 ** (-psnr.expected / 10) for psnr, _ in each])
    psnr, ms_ssim = _figures(capsys, path, tmp_path / "s.glc")
    assert psnr == pytest.approx(-10 * np.log10(error), abs=0.006)
    assert ms_ssim == pytest.approx(np.mean([similarity.expected for _, similarity in each]), abs=6e-5)


def test_what_cannot_be_compared_is_refused(worms, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "a.tif", worms[0])
    tifffile.imwrite(tmp_path / "b.tif", worms[0].astype(np.float32))
    tifffile.imwrite(tmp_path / "c.tif", worms[0, :100])
    tifffile.imwrite(tmp_path / "small.tif", worms[0, :100])
    for other in ("b.tif", "c.tif"):
        assert main(["compare", str(tmp_path / "a.tif"), str(tmp_path / other)]) == 1
        assert "cannot be compared" in capsys.readouterr().err
    assert main(["compare", str(tmp_path / "c.tif"), str(tmp_path / "small.tif")]) == 0
    assert "needs 161 pixels a side, range" in capsys.readouterr().out
