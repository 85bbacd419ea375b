"""The shell's verbs, called as a user would."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import napari_glc
from napari_glc.cli import main

SAMPLE = Path(napari_glc.__file__).parent / "samples" / "kodim23.png"
DATA = Path(__file__).parents[1] / "data"


def test_encode_info_verify_decode(tmp_path, capsys):
    file, out = tmp_path / "a.glc", tmp_path / "a.png"
    assert main(["encode", str(SAMPLE), str(file)]) == 0
    printed = capsys.readouterr().out
    assert f"{file.stat().st_size} bytes" in printed
    assert f"{8 * file.stat().st_size / (512 * 768):.4f} bpp" in printed

    assert main(["info", str(file), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["shape"] == [512, 768, 3]
    assert facts["model_name"] == "glc-small"
    assert sum(facts["streams"].values()) == facts["bytes"] == file.stat().st_size
    assert main(["info", str(file)]) == 0
    assert "hyper" in capsys.readouterr().out

    assert main(["verify", str(file)]) == 0
    assert "intact" in capsys.readouterr().out
    assert main(["decode", str(file), str(out)]) == 0
    np.testing.assert_array_equal(iio.imread(out), napari_glc.imread(file))
    assert main(["decode", str(file), str(out), "--preview"]) == 0
    assert iio.imread(out).shape == (512, 768, 3)


def test_the_installed_command_runs_in_a_process_of_its_own(tmp_path):
    command = shutil.which("glc", path=str(Path(sys.executable).parent))
    assert command is not None
    run = [command, "encode", str(SAMPLE), str(tmp_path / "a.glc"), "--quality", "20"]
    subprocess.run(run, check=True, capture_output=True)
    assert napari_glc.open(tmp_path / "a.glc").quality == 20
    usage = subprocess.run([command, "encode"], capture_output=True, text=True)
    assert usage.returncode == 2
    assert "usage: glc encode" in usage.stderr


@pytest.mark.parametrize("bpp", [0.03, 0.06])
def test_a_wanted_rate_is_met(tmp_path, bpp):
    file = tmp_path / "a.glc"
    assert main(["encode", str(SAMPLE), str(file), "--bpp", str(bpp)]) == 0
    assert napari_glc.open(file).bpp == pytest.approx(bpp, rel=0.1)


def test_a_rate_out_of_reach_is_said_to_be(tmp_path, capsys):
    file = tmp_path / "a.glc"
    assert main(["encode", str(SAMPLE), str(file), "--bpp", "3"]) == 0
    assert "outside what the model can do" in capsys.readouterr().err
    assert napari_glc.open(file).quality == 100


def test_failures_exit_with_1_and_say_why(tmp_path, capsys):
    bad = tmp_path / "bad.glc"
    bad.write_bytes(b"GL")
    for words, reason in [
        (["encode", str(tmp_path / "none.png"), str(tmp_path / "a.glc")], "no file"),
        (["encode", str(SAMPLE), str(tmp_path / "a.png")], "does not end in .glc"),
        (["encode", str(bad), str(tmp_path / "a.glc")], "cannot be read as a picture"),
        (["encode", str(SAMPLE), str(tmp_path / "a.glc"), "--model", "nobody"], "not installed"),
        (["encode", str(SAMPLE), str(tmp_path / "a.glc"), "--quality", "400"], "within 0 to 100"),
        (["encode", str(SAMPLE), str(tmp_path / "a.glc"), "--codec", "vqgan"], "vqgan"),
        (["decode", str(bad), str(tmp_path / "a.png")], "bad.glc"),
        (["info", str(tmp_path / "none.glc")], "none.glc"),
        (["evaluate", str(tmp_path)], "holds no picture"),
        (["train", "nothing", "--data", str(tmp_path), "--out", str(tmp_path)], "no training configuration"),
    ]:
        assert main(words) == 1, words
        assert reason in capsys.readouterr().err
    assert not (tmp_path / "a.glc").exists()


def test_a_picture_format_nobody_knows_is_refused(tmp_path, capsys):
    file = tmp_path / "a.glc"
    napari_glc.imwrite(file, np.full((32, 32), 90, np.uint8))
    assert main(["decode", str(file), str(tmp_path / "a.xyz")]) == 1
    assert ".png" in capsys.readouterr().err
    assert main(["decode", str(file), str(tmp_path / "a")]) == 1
    assert list(tmp_path.iterdir()) == [file]


def test_opaque_alpha_is_dropped_and_transparency_refused(tmp_path, capsys):
    rgba = np.dstack([iio.imread(SAMPLE)[:64, :64], np.full((64, 64), 255, np.uint8)])
    iio.imwrite(tmp_path / "opaque.png", rgba)
    assert main(["encode", str(tmp_path / "opaque.png"), str(tmp_path / "a.glc")]) == 0
    rgba[3, 4, 3] = 0
    iio.imwrite(tmp_path / "clear.png", rgba)
    assert main(["encode", str(tmp_path / "clear.png"), str(tmp_path / "b.glc")]) == 1
    assert "alpha" in capsys.readouterr().err


def test_evaluate_measures_files_on_disk(tmp_path, capsys):
    folder, kept, report = tmp_path / "in", tmp_path / "out", tmp_path / "report.json"
    folder.mkdir()
    shutil.copy(SAMPLE, folder)
    shutil.copy(DATA / "embryo_frame0.png", folder)
    words = ["evaluate", str(folder), "--quality", "20", "80", "--json", str(report), "--save-decoded", str(kept)]
    assert main(words) == 0
    measured = json.loads(report.read_text())
    assert len(measured["images"]) == 4
    for row in measured["images"]:
        name = f"{Path(row['image']).stem}_q{row['quality']:g}"
        assert row["bytes"] == (kept / f"{name}.glc").stat().st_size
        original, decoded = iio.imread(folder / row["image"]), iio.imread(kept / f"{name}.png")
        error = np.mean((original.astype(float) - decoded) ** 2)
        assert row["psnr"] == pytest.approx(10 * np.log10(255**2 / error))
        assert 0.3 < row["ms_ssim"] < 1
    low, high = measured["means"]
    assert low["bpp"] < high["bpp"]
    assert low["psnr"] < high["psnr"]
    assert "means over 2 pictures" in capsys.readouterr().out


def test_models_are_listed(capsys):
    assert main(["models", "list"]) == 0
    assert "glc-small" in capsys.readouterr().out
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "glc-small"
