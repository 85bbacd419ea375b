"""Effort, targets and regions in the shell."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_glc
from napari_glc.cli import main


@pytest.fixture
def picture(tmp_path: Path, motocross: np.ndarray) -> Path:
    path = tmp_path / "a.png"
    iio.imwrite(path, motocross[190:254, 380:476])
    return path


def test_effort_and_a_region(picture, tmp_path, capsys):
    mask = np.zeros((64, 96, 3), np.uint8)
    mask[:, :48] = 255
    iio.imwrite(tmp_path / "mask.png", mask)
    out = tmp_path / "a.glc"
    arguments = ["encode", str(picture), str(out), "--effort", "2", "--codec", "vqgan"]
    assert main([*arguments, "--roi", str(tmp_path / "mask.png"), "--roi-weight", "12"]) == 0
    region = out.read_bytes()
    assert main(arguments) == 0
    plain = out.read_bytes()
    assert plain == napari_glc.encode(iio.imread(picture), codec="vqgan", effort=2)
    assert region != plain


def test_bytes_and_distance(picture, tmp_path, capsys):
    out = tmp_path / "a.glc"
    assert main(["encode", str(picture), str(out), "--bytes", "120"]) == 0
    assert 115 <= out.stat().st_size <= 120
    assert main(["encode", str(picture), str(out), "--distance", "2.5", "--effort", "1"]) == 0
    assert main(["encode", str(picture), str(out), "--bytes", "10"]) == 1
    assert "10 bytes are too few for this array" in capsys.readouterr().err


def test_masks_that_do_not_fit_are_refused_in_one_line(picture, tmp_path, capsys):
    mask = tmp_path / "mask.png"
    iio.imwrite(mask, np.full((64, 95), 255, np.uint8))
    out = str(tmp_path / "a.glc")
    assert main(["encode", str(picture), out, "--effort", "2", "--roi", str(mask)]) == 2
    assert "importance has a weight for each of 64 x 96 pixels; this is 64 x 95" in capsys.readouterr().err
    assert main(["encode", str(picture), out, "--roi-weight", "3"]) == 2
    assert "--roi-weight needs --roi" in capsys.readouterr().err
    assert main(["encode", str(picture), out, "--effort", "2", "--roi", str(mask), "--roi-weight", "nan"]) == 2
    assert "the weight of a region is a number from 0 on" in capsys.readouterr().err
